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

Result<std::optional<Bytes>> Adversary::stored_by(const Registration& miner, int64_t window) const {
  const auto most = static_cast<uint64_t>(max_upload_size(environment_.layout, environment_.spec.codec));
  Result<Bytes> bytes = environment_.store.get(miner.bucket, contribution_key(window), most);
  if (!bytes && bytes.error().kind == ErrorKind::kSkip) return std::nullopt;
  if (!bytes) return std::unexpected(bytes.error());
  return *std::move(bytes);
}

Result<std::optional<CipherKey>> Adversary::key_to(const Registration& miner,
                                                   const UploadHeader& header) const {
  // Who attack together know each other's keys before they are out.
  if (options_.first_key && miner.key == options_.first)
    return upload_key(*options_.first_key, header.run_id, header.window, header.content_hash);
  const auto bytes = environment_.store.get(miner.bucket, upload_key_key(header.window), kUploadKeyBytes);
  if (!bytes && bytes.error().kind == ErrorKind::kRetry) return std::unexpected(bytes.error());
  CipherKey key;
  if (!bytes || bytes->size() != key.bytes.size()) return std::nullopt;
  std::ranges::copy(*bytes, key.bytes.begin());
  return key;
}

Result<std::optional<Contribution>> Adversary::published(const Registration& miner) const {
  TRY_ASSIGN(std::optional<Bytes> bytes, stored_by(miner, held_->window));
  if (!bytes) return std::nullopt;
  if (environment_.spec.network.sealed_uploads) {
    const auto header = parse_upload_header(*bytes);
    if (!header) return std::nullopt;
    TRY_ASSIGN(const auto key, key_to(miner, *header));
    auto content = key ? open_whole_upload(*bytes, *key) : Result<Bytes>(skip_error("no key yet"));
    if (!content) return std::nullopt;
    bytes = *std::move(content);
  }
  Result<Contribution> parsed =
      parse_contribution(*std::move(bytes), environment_.layout, environment_.spec.codec);
  if (!parsed) return std::nullopt;
  return *std::move(parsed);
}

Result<std::vector<Registration>> Adversary::victims() const {
  const AttackNeeds needs = form_of(options_.attack).needs;
  std::vector<Registration> miners;
  if (needs == AttackNeeds::kNothing) return miners;
  if (needs == AttackNeeds::kFirst && key_.public_key() == options_.first) return miners;
  TRY_ASSIGN(const std::vector<Registration> roster, environment_.ledger.registrations());
  for (const Registration& node : roster) {
    if (node.role != NodeRole::kMiner || node.is_removed) continue;
    const bool is_honest = std::ranges::find(options_.attackers, node.key) == options_.attackers.end();
    if (needs == AttackNeeds::kFirst ? node.key == options_.first : is_honest) miners.push_back(node);
  }
  return miners;
}

Result<std::optional<Adversary::Needed>> Adversary::needed() const {
  const bool needs_objects = form_of(options_.attack).needs == AttackNeeds::kObjects;
  Needed found;
  TRY_ASSIGN(const std::vector<Registration> miners, victims());
  for (const Registration& miner : miners) {
    if (needs_objects) {
      TRY_ASSIGN(auto object, stored_by(miner, held_->window));
      if (!object) return std::nullopt;
      found.objects.push_back(*std::move(object));
    } else {
      TRY_ASSIGN(auto contribution, published(miner));
      if (!contribution) return std::nullopt;
      found.contributions.push_back(*std::move(contribution));
    }
  }
  return found;
}

Result<Bytes> Adversary::opened(ByteView stored) const {
  if (!environment_.spec.network.sealed_uploads) return Bytes(stored.begin(), stored.end());
  TRY_ASSIGN(const UploadHeader header, parse_upload_header(stored));
  return open_whole_upload(stored, upload_key(key_, header.run_id, header.window, header.content_hash));
}

Result<Contribution> Adversary::own_contribution(const Held& held) const {
  TRY_ASSIGN(Bytes bytes, opened(held.bytes));
  return parse_contribution(std::move(bytes), environment_.layout, environment_.spec.codec);
}

// As an honest miner would store it: what is wrong with it shows once it is opened.
Bytes Adversary::object_of(Forged forged, const Contribution& own) const {
  if (forged.is_object || !environment_.spec.network.sealed_uploads) return std::move(forged.bytes);
  ContributionHeader header = own.header();
  header.window = forged.window;
  return seal_upload(header, forged.bytes, key_);
}

bool Adversary::gives_foreign_key() const {
  return options_.attack == Attack::kReplay || options_.attack == Attack::kResealedCopy ||
         options_.attack == Attack::kForeignKey;
}

// As soon as it is out, without any delay.
Status Adversary::publish_foreign_key() {
  TRY_ASSIGN(const std::vector<Registration> miners, victims());
  const int64_t window = held_key_->window;
  const Registration& victim = miners.at(static_cast<size_t>(window) % miners.size());
  TRY_ASSIGN(const auto info, environment_.store.head(victim.bucket, upload_key_key(window)));
  if (info) {
    TRY_ASSIGN(const Bytes key,
               environment_.store.get(victim.bucket, upload_key_key(window), kUploadKeyBytes));
    TRY(store_.put(held_key_->bucket, upload_key_key(window), key));
    held_key_.reset();
    return {};
  }
  const WindowClock clock(environment_.ledger, environment_.spec.network);
  TRY_ASSIGN(const bool is_over, clock.is_closed(window));
  if (is_over) held_key_.reset();
  return {};
}

Result<bool> Adversary::is_time() const {
  if (options_.attack != Attack::kTooLate) return true;
  const WindowClock clock(environment_.ledger, environment_.spec.network);
  TRY_ASSIGN(const int64_t closed, clock.newest_closed_window());
  return closed >= held_->window;
}

Status Adversary::act() {
  if (held_key_) TRY(publish_foreign_key());
  if (!held_) return {};
  TRY_ASSIGN(const bool now, is_time());
  if (!now) return {};
  TRY_ASSIGN(const auto others, needed());
  const WindowClock clock(environment_.ledger, environment_.spec.network);
  TRY_ASSIGN(const int64_t closed, clock.newest_closed_window());
  if (!others && closed < held_->window) return {};
  Result<std::optional<Forged>> forged = std::nullopt;
  TRY_ASSIGN(const Contribution own, own_contribution(*held_));
  if (others) forged = forge(own, *others);
  if (!forged && forged.error().kind != ErrorKind::kSkip) return std::unexpected(forged.error());
  if (!forged) {
    log(LogLevel::kWarning, "adversary", "nothing can be made of it",
        {{"window", held_->window}, {"reason", forged.error().message}});
  } else if (*forged) {
    const int64_t window = (*forged)->window;
    const Bytes object = object_of(**std::move(forged), own);
    TRY_ASSIGN(const bool stored, store_.put_if(held_->bucket, contribution_key(window), object, {}));
    if (!stored) log(LogLevel::kWarning, "adversary", "was stored before", {{"window", window}});
  }
  before_ = std::exchange(held_, std::nullopt);
  return {};
}

Result<std::optional<Adversary::Forged>> Adversary::forge(const Contribution& own, const Needed& needed) {
  const int64_t window = held_->window;
  const auto place = static_cast<size_t>(window);
  const std::vector<Contribution>& others = needed.contributions;
  const auto now = [&](Result<Bytes> bytes) -> Result<std::optional<Forged>> {
    if (!bytes) return std::unexpected(bytes.error());
    return Forged{window, *std::move(bytes)};
  };
  const auto object = [&](Bytes bytes) { return Forged{window, std::move(bytes), true}; };
  const bool is_first = key_.public_key() == options_.first;
  switch (options_.attack) {
    case Attack::kReplay:
      return object(needed.objects.at(place % needed.objects.size()));
    case Attack::kResealedCopy: {
      const Bytes& victim = needed.objects.at(place % needed.objects.size());
      return object(environment_.spec.network.sealed_uploads ? forger_.behind_own_header(own, victim)
                                                             : victim);
    }
    case Attack::kCopycat:
      return now(forger_.with_blocks_of(own, others.at(place % others.size())));
    case Attack::kMimic:
      return now(forger_.with_blocks_of(own, others.front()));
    case Attack::kSybils:
      if (is_first) return object(held_->bytes);
      return now(forger_.with_blocks_of(own, others.front()));
    case Attack::kFewSamples:
    case Attack::kForeignData:  // what it trains on is its shards' affair
    case Attack::kTooLate:
    case Attack::kForeignKey:
      return object(held_->bytes);
    case Attack::kEveryOther:
      if (window % 2 == 1) return std::nullopt;
      return object(held_->bytes);
    case Attack::kTooEarly: {
      ContributionHeader header = own.header();
      header.window = window + 1;
      TRY_ASSIGN(Bytes bytes, forger_.seal(header, forger_.values_of(own)));
      return Forged{window + 1, std::move(bytes)};
    }
    case Attack::kOldObject:
      return object(before_ ? before_->bytes : held_->bytes);
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
      TRY_ASSIGN(const Contribution older, own_contribution(*before_));
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
  const auto key_window = window_in_key(kUploadKeyPrefix, key);
  if (key_window && gives_foreign_key()) {
    held_key_ = HeldKey{*key_window, std::string(bucket)};
    return true;
  }
  const auto window = window_in_key(kContributionPrefix, key);
  if (!window) return store_.put_if(bucket, key, content, condition);
  held_ = Held{*window, std::string(bucket), Bytes(content.begin(), content.end())};
  return true;
}
Status Adversary::remove(std::string_view bucket, std::string_view key) {
  return store_.remove(bucket, key);
}

}  // namespace templar
