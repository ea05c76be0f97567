#include "core/protocol/ledger_entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"

namespace templar {
namespace {

constexpr std::string_view kEntryMagic = "TPLE";
constexpr std::string_view kBeaconDomain = "templar beacon v1";
constexpr std::string_view kBlockHashDomain = "templar block v1";
constexpr std::string_view kAmendmentDomain = "templar amendment v1";
constexpr size_t kEntrySignatureBytes = sizeof(Signature);

bool is_printable_text(std::string_view text) {
  return text.size() <= kMaxEntryTextBytes &&
         std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

// One spelling for each value: there is no -0.
Status check_amount(double value, const std::string& what) {
  if (std::isfinite(value) && value >= 0 && !std::signbit(value)) return {};
  return fatal_error(fmt::format("{} {}: not a finite number >= 0", what, value));
}

// Far below where sums of a few of them would overflow.
constexpr int64_t kLargestNumber = int64_t{1} << 53;

Status check_number(int64_t value, const char* what, int64_t least = 0, int64_t most = kLargestNumber) {
  if (value >= least && value <= most) return {};
  return fatal_error(fmt::format("{}: {} is out of range", what, value));
}

Status check_text(const std::string& text, const char* what) {
  if (is_printable_text(text)) return {};
  return fatal_error(fmt::format("{}: more than {} bytes, or not printable ASCII", what, kMaxEntryTextBytes));
}

struct CheckContent {
  Status operator()(const RegistrationEntry& entry) const {
    TRY(check_text(entry.bucket, "bucket"));
    return check_text(entry.store, "store");
  }
  Status operator()(const WeightsEntry& entry) const {
    if (entry.weights.size() > kMaxWeights)
      return fatal_error(
          fmt::format("weights: {} entries, at most {} are allowed", entry.weights.size(), kMaxWeights));
    for (size_t i = 0; i < entry.weights.size(); ++i) {
      const WeightEntry& weight = entry.weights[i];
      if (!std::isfinite(weight.weight) || weight.weight < 0 || std::signbit(weight.weight)) {
        return fatal_error(
            fmt::format("weight {} of uid {}: not a finite number >= 0", weight.weight, weight.uid));
      }
      if (i > 0 && weight.uid == entry.weights[i - 1].uid)
        return fatal_error(fmt::format("uid {} has two weights", weight.uid));
      if (i > 0 && weight.uid < entry.weights[i - 1].uid)
        return fatal_error(fmt::format("weights: uid {} does not ascend", weight.uid));
    }
    return {};
  }
  Status operator()(const HeartbeatEntry& entry) const {
    TRY(check_number(entry.block, "block"));
    TRY(check_number(entry.window, "window"));
    TRY(check_number(entry.outer_step, "outer step"));
    TRY(check_number(entry.term, "term"));
    return check_text(entry.software, "software");
  }
  Status operator()(const StandingEntry& entry) const {
    TRY(check_amount(entry.stake, "stake"));
    constexpr int64_t kNoLast = std::numeric_limits<int64_t>::max();
    TRY(check_number(entry.last_term, "last term", -1, kNoLast));
    return check_number(entry.last_timekeeper, "last timekeeper", -1, kNoLast);
  }
  Status operator()(const TermEntry& entry) const {
    TRY(check_number(entry.number, "number"));
    TRY(check_number(entry.previous, "previous term", -1));
    // Only the first follows none.
    if (entry.previous >= entry.number || (entry.previous < 0) != (entry.number == 0))
      return fatal_error(fmt::format("term {} can't follow term {}", entry.number, entry.previous));
    TRY(check_number(entry.first_window, "first window"));
    return check_number(entry.outer_step, "outer step");
  }
  Status operator()(const TermEndEntry& entry) const {
    TRY(check_number(entry.number, "number"));
    return check_number(entry.last_window, "last window", -1);
  }
  Status operator()(const DecisionEntry& entry) const {
    TRY(check_number(entry.window, "window"));
    TRY(check_number(entry.term, "term"));
    if (entry.record.size() <= kMaxAggregateRecordSize) return {};
    return fatal_error(fmt::format("record: {} bytes, at most {} are allowed", entry.record.size(),
                                   kMaxAggregateRecordSize));
  }
  Status operator()(const TimekeeperEntry& entry) const {
    TRY(check_number(entry.number, "number"));
    return check_number(entry.first_block, "first block");
  }
  Status operator()(const BlockEntry& entry) const {
    TRY(check_number(entry.number, "number"));
    TRY(check_number(entry.timekeeper, "timekeeper"));
    return check_number(entry.time_ms, "time", -kLargestNumber);
  }
  Status operator()(const StartEntry& entry) const {
    TRY(check_number(entry.block, "block", -1));
    TRY(check_number(entry.oldest_protocol, "oldest protocol"));
    TRY(check_number(entry.newest_protocol, "newest protocol", entry.oldest_protocol));
    return check_text(entry.software, "software");
  }
  Status operator()(const AmendmentEntry& entry) const {
    TRY(check_number(entry.number, "number", 1));
    TRY(check_number(entry.first_window, "first window", 1));
    TRY(check_number(entry.before_block, "block"));
    if (entry.changes.empty() || entry.changes.size() > kMaxAmendmentChanges) {
      return fatal_error(
          fmt::format("changes: {}, an amendment has 1 to {}", entry.changes.size(), kMaxAmendmentChanges));
    }
    for (size_t i = 0; i < entry.changes.size(); ++i) {
      TRY(check_text(entry.changes[i], "change"));
      if (i > 0 && entry.changes[i] <= entry.changes[i - 1])
        return fatal_error(fmt::format("changes: {} does not ascend", entry.changes[i]));
    }
    return {};
  }
};

// Each of the two passes over an entry's fields in the order of its bytes.
class FieldWriter {
 public:
  explicit FieldWriter(ByteWriter& out) : out_(out) {}
  void uid(uint32_t value, const char* /*field*/) { out_.put(value); }
  void number(int64_t value, const char* /*field*/) { out_.put(value); }
  void amount(double value, const char* /*field*/) { out_.put(value); }
  void flag(bool value, const char* /*field*/) { out_.put<uint8_t>(value ? 1 : 0); }
  void role(NodeRole value, const char* /*field*/) {
    out_.put<uint8_t>(static_cast<uint8_t>(std::to_underlying(value)));
  }
  template <size_t kSize>
  void fixed(const std::array<uint8_t, kSize>& value, const char* /*field*/) {
    out_.put_bytes(value);
  }
  void text(const std::string& value, const char* /*field*/) {
    out_.put<uint16_t>(static_cast<uint16_t>(value.size()));
    out_.put_bytes(as_bytes(value));
  }
  void record(const Bytes& value) {
    out_.put<uint32_t>(static_cast<uint32_t>(value.size()));
    out_.put_bytes(value);
  }
  void changes(const std::vector<std::string>& value) {
    out_.put<uint16_t>(static_cast<uint16_t>(value.size()));
    for (const std::string& change : value) text(change, "change");
  }
  void weights(const std::vector<WeightEntry>& value) {
    out_.put<uint16_t>(static_cast<uint16_t>(value.size()));
    for (const WeightEntry& entry : value) {
      out_.put(entry.uid);
      out_.put(entry.weight);
    }
  }

 private:
  ByteWriter& out_;
};

// After the first failure it reads nothing more.
class FieldReader {
 public:
  explicit FieldReader(ByteReader& in) : in_(in) {}
  void uid(uint32_t& value, const char* field) { take(value, field); }
  void number(int64_t& value, const char* field) { take(value, field); }
  void amount(double& value, const char* field) { take(value, field); }
  void flag(bool& value, const char* field) { value = choice(2, field) == 1; }
  void role(NodeRole& value, const char* field) { value = static_cast<NodeRole>(choice(3, field)); }
  template <size_t kSize>
  void fixed(std::array<uint8_t, kSize>& value, const char* field) {
    std::ranges::copy(bytes(kSize, field), value.begin());
  }
  void text(std::string& value, const char* field) {
    uint16_t size = 0;
    take(size, field);
    value = as_text(bytes(size, field));
  }
  void record(Bytes& value) {
    uint32_t size = 0;
    take(size, "size of the record");
    const ByteView read = bytes(size, "record");
    value.assign(read.begin(), read.end());
  }
  void changes(std::vector<std::string>& value) {
    uint16_t count = 0;
    take(count, "changes");
    for (int i = 0; i < count && outcome_; ++i) text(value.emplace_back(), "change");
  }
  void weights(std::vector<WeightEntry>& value) {
    uint16_t count = 0;
    take(count, "weights");
    for (int i = 0; i < count && outcome_; ++i) {
      WeightEntry entry;
      take(entry.uid, "uid of a weight");
      take(entry.weight, "weight");
      value.push_back(entry);
    }
  }
  [[nodiscard]] const Status& outcome() const { return outcome_; }

 private:
  template <typename T>
  void take(T& value, const char* field) {
    if (!outcome_) return;
    const Result<T> read = in_.get<T>(field);
    if (read) value = *read;
    if (!read) outcome_ = std::unexpected(read.error());
  }
  ByteView bytes(size_t size, const char* field) {
    if (!outcome_) return {};
    const Result<ByteView> read = in_.get_bytes(size, field);
    if (read) return *read;
    outcome_ = std::unexpected(read.error());
    return {};
  }
  uint8_t choice(uint8_t count, const char* field) {
    uint8_t value = 0;
    take(value, field);
    if (outcome_ && value >= count) outcome_ = skip_error(fmt::format("{}: {} is not known", field, value));
    return outcome_ ? value : uint8_t{0};
  }

  ByteReader& in_;
  Status outcome_;
};

template <typename Entry, typename Fields>
void visit_entry(Entry& entry, Fields& fields) {
  using Kind = std::remove_const_t<Entry>;
  if constexpr (std::is_same_v<Kind, RegistrationEntry>) {
    fields.uid(entry.uid, "uid");
    fields.role(entry.role, "role");
    fields.text(entry.bucket, "bucket");
    fields.text(entry.store, "store");
  } else if constexpr (std::is_same_v<Kind, WeightsEntry>) {
    fields.uid(entry.uid, "uid");
    fields.weights(entry.weights);
  } else if constexpr (std::is_same_v<Kind, HeartbeatEntry>) {
    fields.uid(entry.uid, "uid");
    fields.number(entry.block, "block");
    fields.number(entry.window, "window");
    fields.number(entry.outer_step, "outer step");
    fields.fixed(entry.state_root.bytes, "state root");
    fields.number(entry.term, "term");
    fields.text(entry.software, "software");
  } else if constexpr (std::is_same_v<Kind, StandingEntry>) {
    fields.fixed(entry.subject.bytes, "subject");
    fields.amount(entry.stake, "stake");
    fields.flag(entry.is_admitted, "admitted");
    fields.flag(entry.is_founder, "founder");
    fields.number(entry.last_term, "last term");
    fields.number(entry.last_timekeeper, "last timekeeper");
  } else if constexpr (std::is_same_v<Kind, TermEntry>) {
    fields.number(entry.number, "number");
    fields.number(entry.previous, "previous term");
    fields.number(entry.first_window, "first window");
    fields.number(entry.outer_step, "outer step");
    fields.fixed(entry.state_root.bytes, "state root");
  } else if constexpr (std::is_same_v<Kind, TermEndEntry>) {
    fields.number(entry.number, "number");
    fields.number(entry.last_window, "last window");
  } else if constexpr (std::is_same_v<Kind, DecisionEntry>) {
    fields.number(entry.window, "window");
    fields.number(entry.term, "term");
    fields.record(entry.record);
  } else if constexpr (std::is_same_v<Kind, TimekeeperEntry>) {
    fields.number(entry.number, "number");
    fields.number(entry.first_block, "first block");
  } else if constexpr (std::is_same_v<Kind, BlockEntry>) {
    fields.number(entry.number, "number");
    fields.number(entry.timekeeper, "timekeeper");
    fields.number(entry.time_ms, "time");
    fields.fixed(entry.beacon.bytes, "beacon");
  } else if constexpr (std::is_same_v<Kind, StartEntry>) {
    fields.uid(entry.uid, "uid");
    fields.number(entry.block, "block");
    fields.number(entry.oldest_protocol, "oldest protocol");
    fields.number(entry.newest_protocol, "newest protocol");
    fields.text(entry.software, "software");
  } else {
    static_assert(std::is_same_v<Kind, AmendmentEntry>);
    fields.number(entry.number, "number");
    fields.fixed(entry.previous.bytes, "previous amendment");
    fields.number(entry.first_window, "first window");
    fields.number(entry.before_block, "block");
    fields.changes(entry.changes);
  }
}

// An empty content of the kind with that number, the order being the variant's.
template <size_t kKind = 0>
Result<EntryContent> empty_content(size_t kind) {
  if constexpr (kKind < std::variant_size_v<EntryContent>) {
    if (kind == kKind) return EntryContent(std::in_place_index<kKind>);
    return empty_content<kKind + 1>(kind);
  } else {
    return skip_error(fmt::format("kind: {} is not known", kind));
  }
}

Result<LedgerEntry> read_head(ByteReader& reader) {
  LedgerEntry entry;
  TRY_ASSIGN(const ByteView magic, reader.get_bytes(kEntryMagic.size(), "magic"));
  if (as_text(magic) != kEntryMagic)
    return skip_error(fmt::format("magic: {} is not a ledger entry's", to_hex(magic)));
  TRY_ASSIGN(const auto version, reader.get<uint16_t>("version"));
  if (version != kLedgerEntryVersion)
    return skip_error(fmt::format("version: {}, only {} is known", version, kLedgerEntryVersion));
  TRY_ASSIGN(const auto kind, reader.get<uint8_t>("kind"));
  TRY_ASSIGN(entry.content, empty_content(kind));
  FieldReader fields(reader);
  fields.fixed(entry.run_id.bytes, "run id");
  fields.fixed(entry.author.bytes, "author");
  fields.number(entry.sequence, "sequence");
  TRY(fields.outcome());
  if (entry.sequence < 0) return skip_error(fmt::format("sequence: {} is out of range", entry.sequence));
  return entry;
}

}  // namespace

Status check_entry_content(const EntryContent& content) {
  return std::visit(CheckContent{}, content);
}

Bytes seal_ledger_entry(LedgerEntry entry, const KeyPair& key) {
  const Status legal = check_entry_content(entry.content);
  CHECK(legal.has_value() && entry.sequence >= 0);
  ByteWriter writer;
  writer.put_bytes(as_bytes(kEntryMagic));
  writer.put(kLedgerEntryVersion);
  writer.put<uint8_t>(static_cast<uint8_t>(entry.content.index()));
  writer.put_bytes(entry.run_id.bytes);
  writer.put_bytes(key.public_key().bytes);
  writer.put(entry.sequence);
  FieldWriter fields(writer);
  std::visit([&](const auto& content) { visit_entry(content, fields); }, entry.content);
  writer.put_bytes(key.sign(writer.view()).bytes);
  return writer.take();
}

Result<LedgerEntry> parse_ledger_entry(ByteView bytes) {
  if (bytes.size() > kMaxLedgerEntrySize || bytes.size() < kEntrySignatureBytes) {
    return skip_error(fmt::format("size: {} bytes, a ledger entry has {} to {}", bytes.size(),
                                  kEntrySignatureBytes, kMaxLedgerEntrySize));
  }
  const ByteView content = bytes.first(bytes.size() - kEntrySignatureBytes);
  ByteReader reader(content);
  TRY_ASSIGN(LedgerEntry entry, read_head(reader));
  Signature signature;
  std::ranges::copy(bytes.last(kEntrySignatureBytes), signature.bytes.begin());
  if (!verify(entry.author, content, signature))
    return skip_error(fmt::format("signature: not by key {}", entry.author.hex()));
  FieldReader fields(reader);
  std::visit([&](auto& kind) { visit_entry(kind, fields); }, entry.content);
  TRY(fields.outcome());
  if (reader.remaining() != 0)
    return skip_error(fmt::format("{} bytes too many after the last field", reader.remaining()));
  const Status legal = check_entry_content(entry.content);
  if (!legal) return skip_error(legal.error().message);
  return entry;
}

Bytes beacon_message(const Hash256& run_id, int64_t number, const Hash256& previous) {
  ByteWriter writer;
  writer.put_bytes(as_bytes(kBeaconDomain));
  writer.put_bytes(run_id.bytes);
  writer.put(number);
  writer.put_bytes(previous.bytes);
  return writer.take();
}

Hash256 block_hash_of(const Signature& beacon) {
  return Blake2b().update(as_bytes(kBlockHashDomain)).update(beacon.bytes).finish256();
}

Hash256 amendment_hash(const Hash256& run_id, const AmendmentEntry& entry) {
  CHECK(check_entry_content(entry).has_value());
  ByteWriter writer;
  writer.put_bytes(as_bytes(kAmendmentDomain));
  writer.put_bytes(run_id.bytes);
  FieldWriter fields(writer);
  visit_entry(entry, fields);
  return blake2b_256(writer.view());
}

}  // namespace templar
