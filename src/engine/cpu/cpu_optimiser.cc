#include "engine/cpu/cpu_optimiser.h"

#include <algorithm>

#include "engine/cpu/kernels/adamw.h"

namespace templar {
namespace {

constexpr size_t kUpdateGrain = 4096;

// What Muon's working memory must have room for; zero without Muon.
struct LargestMatrix {
  int64_t values = 0;
  int64_t short_edge = 0;
};

LargestMatrix largest_matrix(const InnerSpec& inner, const ParameterLayout& layout) {
  const std::vector<ParameterUpdate> updates = parameter_updates(inner, layout);
  LargestMatrix largest;
  for (size_t i = 0; i < layout.size(); ++i) {
    if (updates[i].rule != InnerOptimiser::kMuon) continue;
    largest.values = std::max(largest.values, layout[i].count());
    largest.short_edge = std::max(largest.short_edge, std::min(layout[i].shape[0], layout[i].shape[1]));
  }
  return largest;
}

}  // namespace

template <typename Scalar>
CpuOptimiser<Scalar>::CpuOptimiser(const InnerSpec& inner, const ParameterLayout& layout)
    : inner_(inner),
      layout_(layout),
      updates_(parameter_updates(inner, layout)),
      first_(layout),
      second_(second_moment_layout(inner, layout)) {
  int64_t begin = 0;
  int64_t second_begin = 0;
  for (size_t i = 0; i < layout_.size(); ++i) {
    const int64_t count = layout_[i].count();
    const bool is_matrix = updates_[i].rule == InnerOptimiser::kMuon;
    if (!is_matrix && !pieces_.empty() && pieces_.back().update == updates_[i]) {
      pieces_.back().count += count;
    } else {
      pieces_.push_back({updates_[i], begin, second_begin, count, is_matrix ? &layout_[i] : nullptr});
    }
    begin += count;
    if (!is_matrix) second_begin += count;
  }
  const LargestMatrix largest = largest_matrix(inner, layout);
  if (largest.values > 0) muon_.emplace(inner.muon, largest.values, largest.short_edge);
}

template <typename Scalar>
int64_t CpuOptimiser<Scalar>::moment_bytes(const InnerSpec& inner, const ParameterLayout& layout) {
  return (parameter_count(layout) + parameter_count(second_moment_layout(inner, layout))) *
         static_cast<int64_t>(sizeof(float));
}

template <typename Scalar>
int64_t CpuOptimiser<Scalar>::working_bytes(const InnerSpec& inner, const ParameterLayout& layout) {
  const LargestMatrix largest = largest_matrix(inner, layout);
  return Muon<Scalar>::memory_bytes(largest.values, largest.short_edge);
}

template <typename Scalar>
void CpuOptimiser<Scalar>::update(const OptimiserStep& step, const Values& values, ThreadTeam& team,
                                  MatrixProducts& products) {
  for (const Piece& piece : pieces_) {
    if (piece.matrix == nullptr) {
      update_adamw(piece, step, values, team);
      continue;
    }
    muon_->update({.rows = piece.matrix->shape[0],
                   .columns = piece.matrix->shape[1],
                   .parameters = values.parameters + piece.begin,
                   .parameters_bf16 = values.rounded == nullptr ? nullptr : values.rounded + piece.begin,
                   .gradients = values.gradients + piece.begin,
                   .momentum = first_.data() + piece.begin,
                   .gradient_scale = step.gradient_scale,
                   .learning_rate = step.learning_rate * piece.update.rate_factor,
                   .weight_decay = inner_.weight_decay},
                  team, products);
  }
}

template <typename Scalar>
void CpuOptimiser<Scalar>::update_adamw(const Piece& piece, const OptimiserStep& step, const Values& values,
                                        ThreadTeam& team) {
  AdamwUpdate update{};
  update.factors =
      adamw_factors(inner_, step.learning_rate * piece.update.rate_factor, step.update, step.gradient_scale);
  update.parameters = values.parameters + piece.begin;
  update.parameters_bf16 = values.rounded == nullptr ? nullptr : values.rounded + piece.begin;
  update.gradients = values.gradients + piece.begin;
  update.first_moment = first_.data() + piece.begin;
  update.second_moment = second_.data() + piece.second_begin;
  team.for_ranges(piece.count, kUpdateGrain,
                  [&](size_t begin, size_t end) { adamw_update(update, begin, end); });
}

template <typename Scalar>
std::vector<Moment> CpuOptimiser<Scalar>::moments() {
  std::vector<Moment> moments;
  size_t second = 0;
  for (size_t i = 0; i < layout_.size(); ++i) {
    moments.push_back({first_moment_name(layout_[i], updates_[i].rule), first_.spans()[i]});
    if (updates_[i].rule != InnerOptimiser::kAdamw) continue;
    moments.push_back({second_moment_name(layout_[i]), second_.spans()[second++]});
  }
  return moments;
}

template class CpuOptimiser<float>;
template class CpuOptimiser<Bf16>;

}  // namespace templar
