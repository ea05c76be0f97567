#include "node/start_copy.h"

#include <algorithm>

#include "base/check.h"

namespace templar {
namespace {

constexpr size_t kGrain = 4096;

}  // namespace

std::shared_ptr<const ParameterBuffers> StartCopy::take(const Hash256& state_root, ConstParameterSpans parameters,
                                                        ThreadTeam& team) {
  if (copy_ != nullptr && state_root_ == state_root) return copy_;
  // use_count() may be read while others let go: then it is too high, and a second copy is made in vain.
  if (copy_ == nullptr || copy_.use_count() > 1) copy_ = std::make_shared<ParameterBuffers>(layout_);
  copy_parameters(parameters, copy_->spans(), team);
  state_root_ = state_root;
  return copy_;
}

void copy_parameters(ConstParameterSpans from, ParameterSpans to, ThreadTeam& team) {
  CHECK(from.size() == to.size());
  for (size_t i = 0; i < from.size(); ++i) {
    CHECK(from[i].size() == to[i].size());
    team.for_ranges(from[i].size(), kGrain, [&](size_t begin, size_t end) {
      std::copy(from[i].begin() + static_cast<ptrdiff_t>(begin), from[i].begin() + static_cast<ptrdiff_t>(end),
                to[i].begin() + static_cast<ptrdiff_t>(begin));
    });
  }
}

}  // namespace templar
