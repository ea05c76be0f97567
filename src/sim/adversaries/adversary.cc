#include "sim/adversaries/adversary.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/log/log.h"
#include "core/protocol/object_keys.h"
#include "node/window/window_clock.h"

namespace templar {
namespace {

// Little enough that the same values are the largest ones, and enough that no byte is the same.
constexpr float kLittleNoise = 0.2f;
constexpr float kMuchNoise = 3;
// What stays below the next step of the codebook's scale.
constexpr float kRescaling = 0.9f;
constexpr float kThousand = 1000;
// Of the others' standard deviations: inside of what chance gives.
constexpr float kShift = 1;
// How much larger than its largest value.
constexpr float kLoneFactor = 3;

float largest_of(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::fabs(value));
  return largest;
}

}  // namespace

Adversary::Adversary(const NodeEnvironment& environment, ObjectStore& store, const KeyPair& key,
                     const AdversaryOptions& options)
    : environment_(environment),
      store_(store),
      key_(key),
      options_(options),
      forger_(environment.spec, environment.layout, key) {}

Random Adversary::chance() const {
  return Random(options_.seed, "adversary", static_cast<uint64_t>(held_->window));
}

Result<std::optional<Contribution>> Adversary::published(const Registration& miner) const {
  const auto most =
      static_cast<uint64_t>(max_contribution_size(environment_.layout, environment_.spec.codec));
  Result<Bytes> bytes = environment_.store.get(miner.bucket, contribution_key(held_->window), most);
  if (!bytes && bytes.error().kind == ErrorKind::kSkip) return std::nullopt;
  if (!bytes) return std::unexpected(bytes.error());
  Result<Contribution> parsed =
      parse_contribution(*std::move(bytes), environment_.layout, environment_.spec.codec);
  if (!parsed) return std::nullopt;
  return *std::move(parsed);
}

Result<std::optional<std::vector<Contribution>>> Adversary::needed() const {
  const AttackNeeds needs = form_of(options_.attack).needs;
  std::vector<Contribution> found;
  if (needs == AttackNeeds::kNothing) return found;
  if (needs == AttackNeeds::kFirst && key_.public_key() == options_.first) return found;
  TRY_ASSIGN(const std::vector<Registration> roster, environment_.ledger.registrations());
  for (const Registration& node : roster) {
    if (node.role != NodeRole::kMiner || node.is_removed) continue;
    const bool is_honest = std::ranges::find(options_.attackers, node.key) == options_.attackers.end();
    if (needs == AttackNeeds::kOthers ? !is_honest : node.key != options_.first) continue;
    TRY_ASSIGN(auto contribution, published(node));
    if (!contribution) return std::nullopt;
    found.push_back(*std::move(contribution));
  }
  return found;
}

Result<bool> Adversary::is_time() const {
  if (options_.attack != Attack::kTooLate) return true;
  const WindowClock clock(environment_.ledger, environment_.spec.network);
  TRY_ASSIGN(const int64_t closed, clock.newest_closed_window());
  return closed >= held_->window;
}

Status Adversary::act() {
  if (!held_) return {};
  TRY_ASSIGN(const bool now, is_time());
  if (!now) return {};
  TRY_ASSIGN(const auto others, needed());
  const WindowClock clock(environment_.ledger, environment_.spec.network);
  TRY_ASSIGN(const int64_t closed, clock.newest_closed_window());
  if (!others && closed < held_->window) return {};
  Result<std::optional<Forged>> forged = std::nullopt;
  if (others) forged = forge(*others);
  if (!forged && forged.error().kind != ErrorKind::kSkip) return std::unexpected(forged.error());
  if (!forged) {
    log(LogLevel::kWarning, "adversary", "nothing can be made of it",
        {{"window", held_->window}, {"reason", forged.error().message}});
  } else if (*forged) {
    TRY_ASSIGN(const bool stored,
               store_.put_if(held_->bucket, contribution_key((*forged)->window), (*forged)->bytes, {}));
    if (!stored) log(LogLevel::kWarning, "adversary", "was stored before", {{"window", (*forged)->window}});
  }
  before_ = std::exchange(held_, std::nullopt);
  return {};
}

Result<std::optional<Adversary::Forged>> Adversary::forge(const std::vector<Contribution>& others) {
  TRY_ASSIGN(const Contribution own,
             parse_contribution(Bytes(held_->bytes), environment_.layout, environment_.spec.codec));
  const int64_t window = held_->window;
  const auto now = [&](Result<Bytes> bytes) -> Result<std::optional<Forged>> {
    if (!bytes) return std::unexpected(bytes.error());
    return Forged{window, *std::move(bytes)};
  };
  const bool is_first = key_.public_key() == options_.first;
  switch (options_.attack) {
    case Attack::kReplay: {
      const ByteView bytes = others.at(static_cast<size_t>(window) % others.size()).bytes();
      return now(Bytes(bytes.begin(), bytes.end()));
    }
    case Attack::kCopycat:
      return now(forger_.with_blocks_of(own, others.at(static_cast<size_t>(window) % others.size())));
    case Attack::kMimic:
      return now(forger_.with_blocks_of(own, others.front()));
    case Attack::kSybils:
      return now(is_first ? held_->bytes : forger_.with_blocks_of(own, others.front()));
    case Attack::kFewSamples:
    case Attack::kForeignData:  // what it trains on is its shards' affair
    case Attack::kTooLate:
      return now(held_->bytes);
    case Attack::kEveryOther:
      if (window % 2 == 1) return std::nullopt;
      return now(held_->bytes);
    case Attack::kTooEarly: {
      ContributionHeader header = own.header();
      header.window = window + 1;
      TRY_ASSIGN(Bytes bytes, forger_.seal(header, forger_.values_of(own)));
      return Forged{window + 1, std::move(bytes)};
    }
    case Attack::kOldObject:
      return now(before_ ? before_->bytes : held_->bytes);
    case Attack::kWrongRun:
    case Attack::kLyingReceipt:
    case Attack::kWrongRoot:
      return now(forged_header(own));
    case Attack::kForgedSignature:
    case Attack::kOversized:
    case Attack::kMalformed:
    case Attack::kNotANumber:
      return now(forged_bytes(own));
    case Attack::kSaveUp:
      if (window % 2 == 0) return std::nullopt;
      return now(forged_values(own, others));
    default:
      return now(forged_values(own, others));
  }
}

Result<Bytes> Adversary::forged_values(const Contribution& own, const std::vector<Contribution>& others) {
  const ParameterLayout& layout = environment_.layout;
  ParameterBuffers values = forger_.values_of(own);
  const auto other = [&](size_t place) { return forger_.values_of(others.at(place % others.size())); };
  const auto place = static_cast<size_t>(held_->window);
  switch (options_.attack) {
    case Attack::kNoisyCopy:
      values = other(place);
      add_values(values, shuffled(values, layout, chance()), kLittleNoise, layout);
      break;
    case Attack::kPartialCopy: {
      const ParameterBuffers copied = other(place);
      for (size_t i = 0; i < layout.size(); i += 2)
        std::ranges::copy(copied.spans()[i], values.spans()[i].begin());
      break;
    }
    case Attack::kRecodedCopy: {
      const ParameterBuffers copied = other(place);
      values.fill_zero();
      add_values(values, copied, kRescaling, layout);
      break;
    }
    case Attack::kPair:
      if (others.empty()) break;
      add_values(values, other(0), 1, layout);
      for (const std::span<float> parameter : values.spans())
        for (float& value : parameter) value /= 2;
      break;
    case Attack::kLateCopy:
    case Attack::kSaveUp: {
      if (!before_) break;
      TRY_ASSIGN(const Contribution older,
                 parse_contribution(Bytes(before_->bytes), layout, environment_.spec.codec));
      if (options_.attack == Attack::kLateCopy) values.fill_zero();
      add_values(values, forger_.values_of(older), 1, layout);
      break;
    }
    case Attack::kFreeRider:
      values.fill_zero();
      break;
    case Attack::kRandomValues:
      values = shuffled(values, layout, chance());
      break;
    case Attack::kNoise:
      add_values(values, shuffled(values, layout, chance()), kMuchNoise, layout);
      break;
    case Attack::kSignFlip:
      for (const std::span<float> parameter : values.spans())
        for (float& value : parameter) value = -value;
      break;
    case Attack::kThousandfold:
      for (const std::span<float> parameter : values.spans())
        for (float& value : parameter) value *= kThousand;
      break;
    case Attack::kLittleIsEnough: {
      Spread spread = spread_of(others);
      values = std::move(spread.mean);
      add_values(values, spread.deviation, -kShift, layout);
      break;
    }
    case Attack::kInnerProduct: {
      const Spread spread = spread_of(others);
      values.fill_zero();
      add_values(values, spread.mean, -1, layout);
      break;
    }
    case Attack::kLoneIndices: {
      const Spread spread = spread_of(others);
      Random draw = chance();
      for (size_t i = 0; i < layout.size(); ++i) {
        const float value = kLoneFactor * largest_of(std::as_const(values).spans()[i]);
        const std::span<const float> taken = spread.mean.spans()[i];
        const std::span<float> ours = values.spans()[i];
        for (size_t j = 0; j < ours.size(); ++j) {
          const bool is_alone = taken[j] == 0;
          ours[j] = !is_alone ? 0 : (draw.below(2) == 0 ? value : -value);
        }
      }
      break;
    }
    default:
      break;
  }
  return forger_.seal(own.header(), values);
}

Adversary::Spread Adversary::spread_of(const std::vector<Contribution>& others) {
  const ParameterLayout& layout = environment_.layout;
  Spread spread{ParameterBuffers(layout), ParameterBuffers(layout)};
  const float share = 1 / static_cast<float>(others.size());
  for (const Contribution& other : others) {
    ParameterBuffers values = forger_.values_of(other);
    add_values(spread.mean, values, share, layout);
    for (const std::span<float> parameter : values.spans())
      for (float& value : parameter) value *= value;
    add_values(spread.deviation, values, share, layout);
  }
  for (size_t i = 0; i < layout.size(); ++i) {
    const std::span<const float> mean = std::as_const(spread.mean).spans()[i];
    const std::span<float> deviation = spread.deviation.spans()[i];
    for (size_t j = 0; j < deviation.size(); ++j)
      deviation[j] = std::sqrt(std::max(0.0f, deviation[j] - mean[j] * mean[j]));
  }
  return spread;
}

Result<Bytes> Adversary::forged_header(const Contribution& own) {
  ContributionHeader header = own.header();
  if (options_.attack == Attack::kWrongRun) header.run_id.bytes[0] ^= 1;
  if (options_.attack == Attack::kLyingReceipt) header.samples.digest[0] ^= 1;
  if (options_.attack == Attack::kWrongRoot) header.state_root.bytes[0] ^= 1;
  return forger_.seal(header, forger_.values_of(own));
}

Bytes Adversary::forged_bytes(const Contribution& own) {
  Bytes bytes(own.bytes().begin(), own.bytes().end());
  if (options_.attack == Attack::kForgedSignature) {
    bytes.back() ^= 1;
    return bytes;
  }
  if (options_.attack == Attack::kOversized) {
    const auto most =
        static_cast<size_t>(max_contribution_size(environment_.layout, environment_.spec.codec));
    bytes.resize(most + 1);
    return bytes;
  }
  const auto blocks = bytes.begin() + static_cast<std::ptrdiff_t>(kContributionPrologueBytes);
  if (options_.attack == Attack::kMalformed) {
    Random draw = chance();
    for (auto byte = blocks; byte != bytes.end(); ++byte) *byte = static_cast<uint8_t>(draw.next());
    return forger_.sign_anew(std::move(bytes));
  }
  // Where numbers stand as they are, or a scale's exponent does: all ones are not a number, or infinity.
  const CodedBlock block = own.block(0);
  auto place = bytes.begin() + static_cast<std::ptrdiff_t>(block.segments);
  if (block.coding.has_codebook()) {
    const auto entry = std::as_bytes(std::span(&block.codebook.back(), 1));
    place = std::search(blocks, bytes.end(), entry.begin(), entry.end(),
                        [](uint8_t a, std::byte b) { return a == std::to_integer<uint8_t>(b); });
    CHECK(place != bytes.end());
  }
  std::fill_n(place, sizeof(float), uint8_t{0xff});
  return forger_.sign_anew(std::move(bytes));
}

// ---- What its node sees of its store.

Result<std::optional<ObjectInfo>> Adversary::head(std::string_view bucket, std::string_view key) const {
  if (held_ && bucket == held_->bucket && key == contribution_key(held_->window))
    return ObjectInfo{std::string(key), held_->bytes.size(), 0, ""};
  return store_.head(bucket, key);
}
Result<Bytes> Adversary::get(std::string_view bucket, std::string_view key, uint64_t max_bytes) const {
  return store_.get(bucket, key, max_bytes);
}
Result<Bytes> Adversary::get_range(std::string_view bucket, std::string_view key, ByteRange range) const {
  return store_.get_range(bucket, key, range);
}
Result<std::vector<ObjectInfo>> Adversary::list(std::string_view bucket, std::string_view prefix) const {
  return store_.list(bucket, prefix);
}
Status Adversary::put(std::string_view bucket, std::string_view key, ByteView content) {
  return store_.put(bucket, key, content);
}
Result<bool> Adversary::put_if(std::string_view bucket, std::string_view key, ByteView content,
                               const PutCondition& condition) {
  const auto window = window_in_key(kContributionPrefix, key);
  if (!window) return store_.put_if(bucket, key, content, condition);
  held_ = Held{*window, std::string(bucket), Bytes(content.begin(), content.end())};
  return true;
}
Status Adversary::remove(std::string_view bucket, std::string_view key) {
  return store_.remove(bucket, key);
}

}  // namespace templar
