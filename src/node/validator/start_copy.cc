#include "node/validator/start_copy.h"

#include <algorithm>

#include "base/check.h"

namespace templar {
namespace {

constexpr size_t kGrain = 4096;

}  // namespace

std::unique_ptr<ParameterBuffers> StartCopy::free_buffer() {
  const MutexLock lock(free_->mutex);
  if (free_->buffers.empty()) return std::make_unique<ParameterBuffers>(layout_);
  std::unique_ptr<ParameterBuffers> buffer = std::move(free_->buffers.back());
  free_->buffers.pop_back();
  return buffer;
}

std::shared_ptr<const ParameterBuffers> StartCopy::take(const Hash256& state_root,
                                                        ConstParameterSpans parameters, ThreadTeam& team) {
  if (copy_ != nullptr && state_root_ == state_root) return copy_;
  // First: if nobody else holds the old copy, its buffer comes back now and is the one that is taken below.
  copy_.reset();
  std::unique_ptr<ParameterBuffers> buffer = free_buffer();
  copy_parameters(parameters, buffer->spans(), team);
  copy_ =
      std::shared_ptr<const ParameterBuffers>(buffer.release(), [free = free_](const ParameterBuffers* held) {
        const MutexLock lock(free->mutex);
        free->buffers.emplace_back(const_cast<ParameterBuffers*>(held));
      });
  state_root_ = state_root;
  return copy_;
}

void copy_parameters(ConstParameterSpans from, ParameterSpans to, ThreadTeam& team) {
  CHECK(from.size() == to.size());
  for (size_t i = 0; i < from.size(); ++i) {
    CHECK(from[i].size() == to[i].size());
    team.for_ranges(from[i].size(), kGrain, [&](size_t begin, size_t end) {
      std::copy(from[i].begin() + static_cast<ptrdiff_t>(begin),
                from[i].begin() + static_cast<ptrdiff_t>(end), to[i].begin() + static_cast<ptrdiff_t>(begin));
    });
  }
}

}  // namespace templar
