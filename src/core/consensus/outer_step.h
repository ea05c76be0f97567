// The step that every node makes alike: contributions in, the next model out, equal to the last bit
// everywhere. Formulas: docs/protocol.md, "Outer step". Threads share the chunks, never the peers: besides
// the coded contributions each thread needs memory for one chunk, however many peers there are. Contributions
// must have been parsed for this layout and spec (CHECK).
#pragma once

#include <span>
#include <vector>

#include "base/threads/thread_team.h"
#include "core/protocol/contribution.h"
#include "core/run/run_spec.h"

namespace templar {

// Not owned, ascending uid, each uid once (CHECK).
using ContributionList = std::span<const Contribution* const>;
// Pointers to the contributions, in their order.
[[nodiscard]] std::vector<const Contribution*> as_list(std::span<const Contribution> contributions);

// c_i = min(1, m / (n_i + 1e-8)) of every contribution for every parameter; n_i the L2 norm of its values, m
// the lower median of the norms: of an even number of norms the smaller one of the two in the middle.
class ClipFactors {
 public:
  ClipFactors(size_t contributions, size_t parameters)
      : parameters_(parameters), factors_(contributions * parameters, 1.0f) {}
  // One factor a parameter, of the contribution at this place in the list.
  [[nodiscard]] std::span<const float> of(size_t contribution) const {
    return std::span(factors_).subspan(contribution * parameters_, parameters_);
  }
  [[nodiscard]] std::span<float> of(size_t contribution) {
    return std::span(factors_).subspan(contribution * parameters_, parameters_);
  }

 private:
  size_t parameters_;
  std::vector<float> factors_;
};
[[nodiscard]] ClipFactors clip_factors(ContributionList contributions);

// theta <- theta - learning_rate * Delta, Delta the aggregate by spec.outer.aggregation; in DeMo theta <-
// theta * (1 - learning_rate * inner.weight_decay) - learning_rate * sign(Delta): its weight decay is a step
// of the model that all share. learning_rate is spec.outer.learning_rate, or the schedule's in DeMo. Without
// contributions theta stays as it is (a null round).
void apply_outer_step(ParameterSpans theta, const ParameterLayout& layout, const RunSpec& spec,
                      ContributionList contributions, double learning_rate, ThreadTeam& team);

// What one contribution alone would do: theta <- theta - learning_rate * clip_p * decoded (its sign in DeMo).
// clip has one factor a parameter, as the gather gives them (ClipFactors::of). To add the same again does not
// give theta back to the last bit: callers keep a copy of theta.
void apply_single(ParameterSpans theta, const ParameterLayout& layout, const RunSpec& spec,
                  const Contribution& contribution, std::span<const float> clip, double learning_rate,
                  ThreadTeam& team);

}  // namespace templar
