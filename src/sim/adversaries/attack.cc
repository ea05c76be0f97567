#include "sim/adversaries/attack.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace templar {
namespace {

constexpr int64_t kMostMiners = 1000;

constexpr std::array kAttacks = {
    AttackForm{Attack::kCopycat, "copycat", "sends what another miner has published, under its own name",
               AttackAim::kPay, AttackNeeds::kOthers},
    AttackForm{Attack::kNoisyCopy, "noisy-copy", "sends another's contribution with a little noise",
               AttackAim::kPay, AttackNeeds::kOthers},
    AttackForm{Attack::kPartialCopy, "partial-copy", "sends every other parameter of another's contribution",
               AttackAim::kPay, AttackNeeds::kOthers},
    AttackForm{Attack::kRecodedCopy, "recoded-copy", "sends another's contribution, scaled and encoded anew",
               AttackAim::kPay, AttackNeeds::kOthers},
    AttackForm{Attack::kMimic, "mimic", "repeats one honest miner, together with others that do the same",
               AttackAim::kPay, AttackNeeds::kOthers},
    AttackForm{Attack::kSybils, "sybils", "sends what the first of its owner's miners has computed",
               AttackAim::kPay, AttackNeeds::kFirst, 2},
    AttackForm{Attack::kPair, "pair", "sends the mean of its own work and its accomplice's", AttackAim::kPay,
               AttackNeeds::kFirst, 2},
    AttackForm{Attack::kReplay, "replay", "stores another's object, to the last byte", AttackAim::kPay,
               AttackNeeds::kObjects},
    AttackForm{
        Attack::kResealedCopy, "resealed-copy",
        "stores another's sealed bytes behind a header of its own, and gives that miner's key for them",
        AttackAim::kPay, AttackNeeds::kObjects},
    AttackForm{Attack::kLateCopy, "late-copy", "sends its own work of the window before", AttackAim::kPay},
    AttackForm{Attack::kFreeRider, "free-rider", "sends zeros", AttackAim::kPay},
    AttackForm{Attack::kRandomValues, "random-values", "sends honest values at random places",
               AttackAim::kPay},
    AttackForm{Attack::kFewSamples, "few-samples", "trains on the same few samples all the time",
               AttackAim::kPay},
    AttackForm{Attack::kForeignData, "foreign-data", "trains on samples that it was not assigned",
               AttackAim::kPay},
    AttackForm{Attack::kSaveUp, "save-up", "sends nothing, and in every second window the sum of two",
               AttackAim::kPay},
    AttackForm{Attack::kEveryOther, "every-other", "is missing in every second window", AttackAim::kPay},
    AttackForm{Attack::kNoise, "noise", "adds noise of three times its own size", AttackAim::kModel},
    AttackForm{Attack::kSignFlip, "sign-flip", "sends the opposite of what it has learnt", AttackAim::kModel},
    AttackForm{Attack::kThousandfold, "thousandfold", "sends a thousand times what it has learnt",
               AttackAim::kModel},
    AttackForm{Attack::kLittleIsEnough, "little-is-enough",
               "shifts the others' mean by their standard deviation", AttackAim::kModel,
               AttackNeeds::kOthers},
    AttackForm{Attack::kInnerProduct, "inner-product", "sends the opposite of the others' mean",
               AttackAim::kModel, AttackNeeds::kOthers},
    AttackForm{Attack::kLoneIndices, "lone-indices", "sends large values where nobody else sends any",
               AttackAim::kModel, AttackNeeds::kOthers},
    AttackForm{Attack::kTooEarly, "too-early", "publishes for the window that comes next",
               AttackAim::kProtocol},
    AttackForm{Attack::kTooLate, "too-late", "publishes once the window is closed", AttackAim::kProtocol},
    AttackForm{Attack::kOldObject, "old-object", "stores its own object of the window before again",
               AttackAim::kProtocol},
    AttackForm{Attack::kForgedSignature, "forged-signature", "signs with no key", AttackAim::kProtocol},
    AttackForm{Attack::kWrongRun, "wrong-run", "names another run", AttackAim::kProtocol},
    AttackForm{Attack::kOversized, "oversized", "stores an object larger than any contribution can be",
               AttackAim::kProtocol},
    AttackForm{Attack::kMalformed, "malformed", "signs blocks that can't be read", AttackAim::kProtocol},
    AttackForm{Attack::kNotANumber, "not-a-number", "signs numbers that are none", AttackAim::kProtocol},
    AttackForm{Attack::kLyingReceipt, "lying-receipt", "names samples that it was not assigned",
               AttackAim::kProtocol},
    AttackForm{Attack::kWrongRoot, "wrong-root", "names another model than the run's", AttackAim::kProtocol},
    AttackForm{Attack::kForeignKey, "foreign-key", "publishes another's key as the key of its own upload",
               AttackAim::kProtocol, AttackNeeds::kObjects},
};

std::string names() {
  std::string text;
  for (const AttackForm& form : kAttacks) text += (text.empty() ? "" : ", ") + std::string(form.name);
  return text;
}

}  // namespace

std::span<const AttackForm> attacks() {
  return kAttacks;
}

const AttackForm& form_of(Attack attack) {
  return kAttacks[static_cast<size_t>(std::to_underlying(attack))];
}

Result<AttackGroup> parse_attack_group(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const auto form = std::ranges::find(kAttacks, name, &AttackForm::name);
  if (form == kAttacks.end())
    return fatal_error(fmt::format("attack '{}': there is none of that name; there are {}", name, names()));
  AttackGroup group{form->attack, form->at_least};
  if (colon == std::string_view::npos) return group;
  const std::string_view number = text.substr(colon + 1);
  const auto [end, failure] = std::from_chars(number.data(), number.data() + number.size(), group.miners);
  const bool is_number = failure == std::errc() && end == number.data() + number.size();
  if (!is_number || group.miners < form->at_least || group.miners > kMostMiners) {
    return fatal_error(fmt::format("attack '{}': the number of miners must be between {} and {}", text,
                                   form->at_least, kMostMiners));
  }
  return group;
}

}  // namespace templar
