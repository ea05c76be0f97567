#include "core/protocol/prefix_code.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace templar {
namespace {

std::vector<uint32_t> ascending(size_t count, auto less) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, less);
  return order;
}

}  // namespace

std::vector<uint32_t> prefix_code_lengths(std::vector<double> weights) {
  const size_t symbols = weights.size();
  CHECK(symbols >= 2);
  double sum = 0;
  for (const double weight : weights) sum += weight;
  const double floor = sum * (1.0 / 4096);
  for (double& weight : weights) weight = std::max(weight, floor);
  const auto order = ascending(symbols, [&](uint32_t a, uint32_t b) { return weights[a] < weights[b]; });
  // Joined ones come into being in ascending order, so two queues are enough.
  std::vector<uint32_t> parent(2 * symbols - 1, 0);
  size_t next_symbol = 0;
  size_t next_joined = symbols;
  const auto smallest = [&] {
    if (next_joined == weights.size() ||
        (next_symbol < symbols && weights[order[next_symbol]] <= weights[next_joined])) {
      return order[next_symbol++];
    }
    return static_cast<uint32_t>(next_joined++);
  };
  while (weights.size() < 2 * symbols - 1) {
    const uint32_t a = smallest();
    const uint32_t b = smallest();
    parent[a] = parent[b] = static_cast<uint32_t>(weights.size());
    weights.push_back(weights[a] + weights[b]);
  }
  std::vector<uint32_t> depth(weights.size(), 0);
  for (size_t i = weights.size() - 1; i-- > 0;) depth[i] = depth[parent[i]] + 1;
  depth.resize(symbols);
  return depth;
}

std::vector<uint32_t> prefix_codes(std::span<const uint32_t> lengths) {
  const auto order =
      ascending(lengths.size(), [&](uint32_t a, uint32_t b) { return lengths[a] < lengths[b]; });
  std::vector<uint32_t> codes(lengths.size());
  uint32_t code = 0;
  uint32_t length = lengths[order[0]];
  for (const uint32_t symbol : order) {
    code <<= lengths[symbol] - length;
    length = lengths[symbol];
    uint32_t reversed = 0;
    for (uint32_t bit = 0; bit < length; ++bit) reversed |= (code >> bit & 1) << (length - 1 - bit);
    codes[symbol] = reversed;
    ++code;
  }
  return codes;
}

}  // namespace templar
