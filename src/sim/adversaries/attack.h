// What a miner can do to be paid for nothing, or to break the model: every attack that is tried against the
// scoring, by its name. docs/security.md says what stands against each.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace templar {

enum class Attack {
  // Paid for the work of others.
  kCopycat,
  kNoisyCopy,
  kPartialCopy,
  kRecodedCopy,
  kMimic,
  kSybils,
  kPair,
  kReplay,
  kResealedCopy,
  // Paid for less work, or none.
  kLateCopy,
  kFreeRider,
  kRandomValues,
  kFewSamples,
  kForeignData,
  kSaveUp,
  kEveryOther,
  // Against the model.
  kNoise,
  kSignFlip,
  kThousandfold,
  kLittleIsEnough,
  kInnerProduct,
  kLoneIndices,
  // Against the rules of the protocol.
  kTooEarly,
  kTooLate,
  kOldObject,
  kForgedSignature,
  kWrongRun,
  kOversized,
  kMalformed,
  kNotANumber,
  kLyingReceipt,
  kWrongRoot,
  kForeignKey,
};

// What an attack must know before it can publish.
enum class AttackNeeds {
  kNothing,
  kOthers,   // what the honest miners have learnt in the window: it waits until it can read them, without any
             // delay
  kObjects,  // what the honest miners have stored for the window, sealed or not
  kFirst,    // what the first of those who attack together has stored, and its key
};

enum class AttackAim { kPay, kModel, kProtocol };

struct AttackForm {
  Attack attack = Attack::kCopycat;
  std::string_view name;  // "sign-flip"
  std::string_view does;  // a sentence without its subject, for people
  AttackAim aim = AttackAim::kPay;
  AttackNeeds needs = AttackNeeds::kNothing;
  int at_least = 1;  // miners that it takes
};

// In the order of Attack.
[[nodiscard]] std::span<const AttackForm> attacks();
[[nodiscard]] const AttackForm& form_of(Attack attack);

// Miners of a network that attack together.
struct AttackGroup {
  Attack attack = Attack::kCopycat;
  int64_t miners = 1;
  bool operator==(const AttackGroup&) const = default;
};

// "copycat:2": two miners; "copycat": as many as it takes. Fails (fatal) on a name that is none, and lists
// them, and on a number that is none, or too small.
[[nodiscard]] Result<AttackGroup> parse_attack_group(std::string_view text);

}  // namespace templar
