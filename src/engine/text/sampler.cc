#include "engine/text/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace templar {

Sampler::Sampler(const GenerationOptions& options) : options_(options), random_(options.seed, "generate") {}

uint32_t Sampler::draw(std::span<const float> logits) {
  if (options_.temperature <= 0) {
    return static_cast<uint32_t>(std::ranges::max_element(logits) - logits.begin());
  }
  order_.resize(logits.size());
  std::iota(order_.begin(), order_.end(), 0U);
  const size_t kept = options_.top_k > 0 ? std::min<size_t>(logits.size(), options_.top_k) : logits.size();
  std::ranges::partial_sort(order_, order_.begin() + kept, [&](uint32_t a, uint32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  weights_.resize(kept);
  double total = 0;
  for (size_t i = 0; i < kept; ++i) {
    weights_[i] = std::exp((static_cast<double>(logits[order_[i]]) - static_cast<double>(logits[order_[0]])) /
                           options_.temperature);
    total += weights_[i];
  }
  double left = random_.uniform() * total;
  for (size_t i = 0; i < kept; ++i) {
    left -= weights_[i];
    if (left < 0) return order_[i];
  }
  return order_[kept - 1];
}

double log_probability(std::span<const float> logits, uint32_t token) {
  const double largest = *std::ranges::max_element(logits);
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit) - largest);
  return static_cast<double>(logits[token]) - largest - std::log(total);
}

}  // namespace templar
