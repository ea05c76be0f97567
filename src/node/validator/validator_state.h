// What a validator must not lose: its scoreboard and the peer lists that it has announced; and what it
// publishes of its last judgement.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "core/scoring/peers.h"
#include "core/scoring/scoreboard.h"
#include "node/validator/window_draw.h"

namespace templar {

struct ValidatorState {
  int64_t next_window = 0;  // the first that has not been judged
  Scoreboard scoreboard;
  PeerSelection peers;       // in force until next_peers_from
  PeerSelection next_peers;  // in force from then on
  int64_t next_peers_from = 0;
  // Of the window that was judged last, published so that all can check it; none if nobody was asked in it.
  std::optional<WindowDraw> draw;

  [[nodiscard]] const PeerSelection& peers_in(int64_t window) const {
    return window < next_peers_from ? peers : next_peers;
  }
  bool operator==(const ValidatorState&) const = default;
};

// JSON that holds everything exactly: parse(encode(state)) == state.
[[nodiscard]] std::string encode_validator_state(const ValidatorState& state);
// A state from before there were draws has none. Fails (fatal) on anything else and names the field.
[[nodiscard]] Result<ValidatorState> parse_validator_state(ByteView json);

inline constexpr uint64_t kMaxValidatorStateBytes = uint64_t{1} << 28;

}  // namespace templar
