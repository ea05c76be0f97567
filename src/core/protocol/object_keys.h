// The names of all objects in the stores. No key depends on the software's version: the protocol has its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace templar {

// A miner's contribution to a window, in its own bucket: sealed (core/protocol/sealed_upload.h) where the run
// spec says so.
[[nodiscard]] std::string contribution_key(int64_t window);
inline constexpr std::string_view kContributionPrefix = "contributions/";

// Beside it, once the window's uploads have ended: the key that opens it.
[[nodiscard]] std::string upload_key_key(int64_t window);
inline constexpr std::string_view kUploadKeyPrefix = "keys/";

// In each validator's bucket: its copy of a contribution that the window's record names; in the leader's
// before the window is decided.
[[nodiscard]] std::string accepted_contribution_key(int64_t window, uint32_t uid);
inline constexpr std::string_view kAcceptedContributionPrefix = "accepted/";
[[nodiscard]] std::string accepted_contributions_prefix(int64_t window);  // of one window's

// In a validator's bucket: its state after the newest window that it judged, from which it goes on after a
// restart (scoreboard, peer lists, next window).
inline constexpr std::string_view kValidatorStateKey = "scoreboard.json";

// In a validator's bucket: a few bytes, put only to learn the time by the store's clock.
inline constexpr std::string_view kClockKey = "clock";

// In a validator's bucket (every validator publishes): a checkpoint's files, and the pointer to the newest
// one, written last. window is the first window that starts from the checkpoint's model.
[[nodiscard]] std::string checkpoint_prefix(int64_t window);  // ends with '/'
inline constexpr std::string_view kCheckpointsPrefix = "checkpoints/";
inline constexpr std::string_view kLatestCheckpointKey = "checkpoints/latest";

// The window in a key of one of the kinds above that have one; nullopt if the key is not of that kind.
[[nodiscard]] std::optional<int64_t> window_in_key(std::string_view prefix, std::string_view key);

}  // namespace templar
