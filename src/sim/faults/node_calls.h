// The way from a node to everything outside it: each call of a store or of the ledger goes through here, and
// here it is slow, fails, or is the node's last.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/random.h"
#include "base/result.h"
#include "sim/faults/fault_log.h"

namespace templar {

// How likely each of these is at one call.
struct CallChances {
  double killed = 0;
  double slow = 0;
  double refused = 0;
  double forgotten = 0;
  double twice = 0;
  double stale_list = 0;
  double torn_read = 0;
  double rotten_read = 0;
  int64_t longest_ms = 0;  // of a slow call
};

// Thrown in a node's thread: it is killed where it stands. Only its host catches it.
struct NodeKilled {
  bool with_power_cut = false;
};

struct NodeCall {
  std::string_view verb;   // "put"
  std::string_view place;  // a bucket, or kLedgerPlace
  std::string_view what;   // a key
  bool writes = false;
};
inline constexpr std::string_view kLedgerPlace = "ledger";

class NodeCalls {
 public:
  // Of one node, through all its lives. The log must outlive it. sleep: lets the node wait, on its own
  // thread.
  NodeCalls(std::string node, uint64_t seed, const CallChances& chances, FaultLog& log,
            std::function<void(int64_t for_ms)> sleep)
      : node_(std::move(node)),
        chances_(chances),
        log_(log),
        sleep_(std::move(sleep)),
        random_(seed, "calls of " + node_) {}

  // Does it, or not, or twice; throws NodeKilled where the node ends with it.
  template <typename Answer>
  [[nodiscard]] Answer make(const NodeCall& call, const std::function<Answer()>& does) {
    if (std::optional<Error> refused = before(call)) return std::unexpected(*std::move(refused));
    Answer answer = does();
    if (is_done_again(call)) answer = does();
    if (std::optional<Error> forgotten = after(call)) return std::unexpected(*std::move(forgotten));
    return answer;
  }

  // Draws whether a fault of a reader's hits this call; counts and tells it.
  [[nodiscard]] bool hits(FaultKind kind, const NodeCall& call);
  // Of what a fault does, where there is a choice.
  [[nodiscard]] uint64_t draw(uint64_t bound) { return random_.below(bound); }

  // From now on no call is hit by chance.
  void end_chances() { chances_ = {}; }
  // Places that can't be reached.
  void cut_off(const std::string& place) { unreachable_.insert(place); }
  void reconnect(const std::string& place) { unreachable_.erase(place); }
  void reconnect_all() { unreachable_.clear(); }

  [[nodiscard]] int64_t count() const { return count_; }

 private:
  [[nodiscard]] std::optional<Error> before(const NodeCall& call);
  [[nodiscard]] bool is_done_again(const NodeCall& call);
  [[nodiscard]] std::optional<Error> after(const NodeCall& call);
  [[nodiscard]] bool draw_chance(double chance) { return chance > 0 && random_.uniform() < chance; }
  void maybe_wait(const NodeCall& call);
  void maybe_die(const NodeCall& call, std::string_view when);

  const std::string node_;
  CallChances chances_;
  FaultLog& log_;
  const std::function<void(int64_t for_ms)> sleep_;
  Random random_;
  std::set<std::string, std::less<>> unreachable_;
  int64_t count_ = 0;
};

}  // namespace templar
