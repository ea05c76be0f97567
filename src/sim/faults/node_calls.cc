#include "sim/faults/node_calls.h"

#include <exception>

namespace templar {
namespace {

Error away(const NodeCall& call, std::string_view why) {
  return {ErrorKind::kRetry, fmt::format("{} {}/{}: {}", call.verb, call.place, call.what, why)};
}

}  // namespace

std::optional<Error> NodeCalls::before(const NodeCall& call) {
  ++count_;
  maybe_die(call, "before");
  maybe_wait(call);
  if (unreachable_.contains(call.place)) return away(call, "no way there");
  if (!draw_chance(chances_.refused)) return std::nullopt;
  log_.inject(FaultKind::kRefused, node_, "{} {}/{}", call.verb, call.place, call.what);
  return away(call, "refused");
}

bool NodeCalls::is_done_again(const NodeCall& call) {
  if (!call.writes || !draw_chance(chances_.twice)) return false;
  log_.inject(FaultKind::kTwice, node_, "{} {}/{}", call.verb, call.place, call.what);
  maybe_wait(call);
  return true;
}

std::optional<Error> NodeCalls::after(const NodeCall& call) {
  maybe_wait(call);
  maybe_die(call, "after");
  if (!draw_chance(chances_.forgotten)) return std::nullopt;
  log_.inject(FaultKind::kForgotten, node_, "{} {}/{}", call.verb, call.place, call.what);
  return away(call, "no answer");
}

bool NodeCalls::hits(FaultKind kind, const NodeCall& call) {
  const double chance = kind == FaultKind::kStaleList  ? chances_.stale_list
                        : kind == FaultKind::kTornRead ? chances_.torn_read
                                                       : chances_.rotten_read;
  if (!draw_chance(chance)) return false;
  log_.inject(kind, node_, "{} {}/{}", call.verb, call.place, call.what);
  return true;
}

// While a call waits, others work: their calls come between this node's.
void NodeCalls::maybe_wait(const NodeCall& call) {
  // What is being unwound does not wait either.
  if (std::uncaught_exceptions() > 0 || !draw_chance(chances_.slow)) return;
  // Most waits are short, some are long.
  const auto longest = static_cast<uint64_t>(chances_.longest_ms);
  const uint64_t bound = draw(4) == 0 ? longest : longest / 50 + 1;
  const auto wait_ms = static_cast<int64_t>(1 + draw(bound));
  log_.inject(FaultKind::kSlow, node_, "{} {}/{} for {} ms", call.verb, call.place, call.what, wait_ms);
  sleep_(wait_ms);
}

void NodeCalls::maybe_die(const NodeCall& call, std::string_view when) {
  // What is being unwound can't be killed once more.
  if (std::uncaught_exceptions() > 0 || !draw_chance(chances_.killed)) return;
  const bool with_power_cut = draw(4) == 0;
  log_.inject(with_power_cut ? FaultKind::kPowerCut : FaultKind::kKilled, node_, "{} {} {}/{}", when,
              call.verb, call.place, call.what);
  throw NodeKilled{with_power_cut};
}

}  // namespace templar
