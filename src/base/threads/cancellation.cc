#include "base/threads/cancellation.h"

#include <utility>

#include "base/check.h"

namespace templar {
namespace {

thread_local const CancellationScope* innermost_scope = nullptr;

}  // namespace

CancellationScope::CancellationScope(std::stop_token token)
    : token_(std::move(token)), outer_(innermost_scope) {
  innermost_scope = this;
}

CancellationScope::~CancellationScope() {
  CHECK(innermost_scope == this);
  innermost_scope = outer_;
}

bool is_thread_cancelled() {
  for (const CancellationScope* scope = innermost_scope; scope != nullptr; scope = scope->outer_) {
    if (scope->token_.stop_requested()) return true;
  }
  return false;
}

}  // namespace templar
