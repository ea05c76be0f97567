// Asking many peers' stores at once. What has come is checked while the rest is still on its way, and whoever
// is slow, silent or endless holds up nobody for longer than he is given.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/threads/thread_slots.h"
#include "core/protocol/contribution.h"
#include "core/protocol/verdict.h"

namespace templar {

// A contribution, or why it does not count. Fails (retry) where the store was away, silent or too slow.
using PeerAnswer = Result<std::variant<Contribution, Verdict>>;

// How long peers are waited for. A process that is stopped for a while loses no patience meanwhile.
struct PeerPatience {
  // Without a word (an answer, or 64 KiB of one) for so long, a peer is asked a second time, and so is one
  // that takes more than twice as long as three quarters of the peers: the faster answer counts.
  std::chrono::milliseconds second_call{1'000};
  // A peer whose calls are all silent for so long is given up, once nobody but the silent is waited for or
  // others wait for his thread; but nobody before one has answered or speaks: then it is our own line.
  std::chrono::milliseconds silence{2'000};
  // So long, and three times as long as three quarters of the peers took, the others are waited for.
  std::chrono::milliseconds straggler{30'000};
  std::chrono::milliseconds whole{60'000};  // nobody is waited for any longer
};

class PeerCalls;

// One call, as its maker sees it. Made without others it waits for nobody.
class PeerCall {
 public:
  PeerCall() = default;
  PeerCall(PeerCalls& calls, size_t number) : calls_(&calls), number_(number) {}

  void hear_answer() const;
  void hear_bytes(size_t count) const;
  // Before a body of that size is asked for: waits while too much is on its way already. False: given up.
  [[nodiscard]] bool make_room(uint64_t size_bytes) const;
  // All is here; from now on this thread computes, and waits until one of the checking threads is free.
  // False: the peer's other call was faster, and nothing of this one is needed. Once true it stays so.
  [[nodiscard]] bool arrive() const;

 private:
  PeerCalls* calls_ = nullptr;
  size_t number_ = 0;
};

struct CallingThreads {
  ThreadSlots& reading;
  ThreadSlots& checking;  // not those of reading
  int most = 1;           // threads at once; 1: the caller's alone, one peer after the other
};

// What ask gave for each peer in [0, count), in that order; what it gives must not depend on when it is
// asked. It is called on threads whose CancellationScope ends when the call is given up, so for one peer
// twice at the same time. Without patience everybody is waited for and nobody asked twice. Returns when all
// calls have ended.
[[nodiscard]] std::vector<PeerAnswer> call_peers(
    size_t count, const CallingThreads& threads, const std::optional<PeerPatience>& patience,
    const std::function<PeerAnswer(size_t peer, const PeerCall& call)>& ask);

}  // namespace templar
