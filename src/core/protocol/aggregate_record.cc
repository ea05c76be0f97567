#include "core/protocol/aggregate_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/check.h"

namespace templar {
namespace {

constexpr std::string_view kRecordMagic = "TPLA";
constexpr size_t kRecordSignatureBytes = sizeof(Signature);

bool is_printable(char c) {
  return c >= 0x20 && c <= 0x7e;
}

std::string printable_text(std::string_view text) {
  std::string printable(text.substr(0, kMaxRejectionTextBytes));
  std::ranges::replace_if(printable, [](char c) { return !is_printable(c); }, '?');
  return printable;
}

// The rules that join several entries of a record: sealing demands them of ourselves, parsing of everybody.
Status check_lists(const AggregateRecord& record) {
  std::unordered_set<uint32_t> peers;
  for (const std::vector<uint32_t>* list : {&record.gather_peers, &record.reserve_peers}) {
    for (const uint32_t uid : *list) {
      if (!peers.insert(uid).second)
        return skip_error(fmt::format("peer lists: uid {} is in them twice", uid));
    }
  }
  for (size_t i = 1; i < record.accepted.size(); ++i) {
    if (record.accepted[i].uid <= record.accepted[i - 1].uid) {
      return skip_error(fmt::format("accepted: uid {} does not ascend", record.accepted[i].uid));
    }
  }
  for (size_t i = 1; i < record.rejected.size(); ++i) {
    if (record.rejected[i].uid <= record.rejected[i - 1].uid) {
      return skip_error(fmt::format("rejected: uid {} does not ascend", record.rejected[i].uid));
    }
  }
  for (const RejectedContribution& entry : record.rejected) {
    const auto place = std::ranges::lower_bound(record.accepted, entry.uid, {}, &AcceptedContribution::uid);
    if (place != record.accepted.end() && place->uid == entry.uid) {
      return skip_error(fmt::format("rejected: uid {} is accepted too", entry.uid));
    }
  }
  return {};
}

void write_peers(ByteWriter& writer, const std::vector<uint32_t>& peers) {
  CHECK(peers.size() <= kMaxRecordPeers);
  writer.put<uint16_t>(peers.size());
  for (const uint32_t uid : peers) writer.put(uid);
}

Status read_hash(ByteReader& reader, std::array<uint8_t, 32>& out, const char* field) {
  TRY_ASSIGN(const ByteView bytes, reader.get_bytes(out.size(), field));
  std::ranges::copy(bytes, out.begin());
  return {};
}

Result<int64_t> read_number(ByteReader& reader, const char* field) {
  TRY_ASSIGN(const auto value, reader.get<uint64_t>(field));
  if (value > INT64_MAX) return skip_error(fmt::format("{}: {} is out of range", field, value));
  return value;
}

Result<size_t> read_count(ByteReader& reader, const char* field) {
  TRY_ASSIGN(const auto count, reader.get<uint16_t>(field));
  if (count > kMaxRecordPeers) {
    return skip_error(fmt::format("{}: {} entries, at most {} are allowed", field, count, kMaxRecordPeers));
  }
  return count;
}

Status read_peers(ByteReader& reader, std::vector<uint32_t>& peers, const char* field) {
  TRY_ASSIGN(const size_t count, read_count(reader, field));
  for (size_t i = 0; i < count; ++i) {
    TRY_ASSIGN(const auto uid, reader.get<uint32_t>(field));
    peers.push_back(uid);
  }
  return {};
}

Status read_accepted(ByteReader& reader, std::vector<AcceptedContribution>& accepted) {
  TRY_ASSIGN(const size_t count, read_count(reader, "accepted"));
  for (size_t i = 0; i < count; ++i) {
    AcceptedContribution entry;
    TRY_ASSIGN(entry.uid, reader.get<uint32_t>("accepted uid"));
    TRY(read_hash(reader, entry.content_hash.bytes, "accepted content hash"));
    TRY_ASSIGN(entry.size_bytes, read_number(reader, "accepted size"));
    accepted.push_back(entry);
  }
  return {};
}

Result<RejectedContribution> read_rejection(ByteReader& reader) {
  RejectedContribution entry;
  TRY_ASSIGN(entry.uid, reader.get<uint32_t>("rejected uid"));
  TRY_ASSIGN(const auto code, reader.get<uint8_t>("verdict"));
  if (code == 0 || code > kLastVerdictCode) {
    return skip_error(fmt::format("verdict: {} of rejected uid {} is not known", code, entry.uid));
  }
  entry.verdict.code = static_cast<VerdictCode>(code);
  TRY_ASSIGN(const auto length, reader.get<uint8_t>("rejection text"));
  if (length > kMaxRejectionTextBytes) {
    return skip_error(
        fmt::format("rejection text: {} bytes, at most {} are allowed", length, kMaxRejectionTextBytes));
  }
  TRY_ASSIGN(const ByteView text, reader.get_bytes(length, "rejection text"));
  entry.verdict.reason = as_text(text);
  if (!std::ranges::all_of(entry.verdict.reason, is_printable)) {
    return skip_error(fmt::format("rejection text: of uid {} is not printable", entry.uid));
  }
  return entry;
}

Status read_rejected(ByteReader& reader, std::vector<RejectedContribution>& rejected) {
  TRY_ASSIGN(const size_t count, read_count(reader, "rejected"));
  for (size_t i = 0; i < count; ++i) {
    TRY_ASSIGN(RejectedContribution entry, read_rejection(reader));
    rejected.push_back(std::move(entry));
  }
  return {};
}

Status read_frame(ByteReader& reader, AggregateRecord& record) {
  TRY_ASSIGN(const ByteView magic, reader.get_bytes(kRecordMagic.size(), "magic"));
  if (as_text(magic) != kRecordMagic)
    return skip_error(fmt::format("magic: {} is not an aggregate record's", to_hex(magic)));
  TRY_ASSIGN(const auto version, reader.get<uint16_t>("version"));
  if (version != kAggregateRecordVersion && version != kAmendedRecordVersion) {
    return skip_error(fmt::format("version: {}, only {} and {} are known", version, kAggregateRecordVersion,
                                  kAmendedRecordVersion));
  }
  TRY(read_hash(reader, record.run_id.bytes, "run id"));
  TRY_ASSIGN(record.window, read_number(reader, "window"));
  TRY_ASSIGN(record.outer_step, read_number(reader, "outer step"));
  TRY(read_hash(reader, record.state_root.bytes, "state root"));
  TRY(read_hash(reader, record.leader.bytes, "leader"));
  if (version != kAmendedRecordVersion) return {};
  TRY_ASSIGN(record.amendments.number, read_number(reader, "amendment"));
  // One encoding for each content.
  if (record.amendments.number == 0)
    return skip_error(fmt::format("amendment: 0, which a record of version {} does not name", version));
  return read_hash(reader, record.amendments.hash.bytes, "hash of the amendment");
}

}  // namespace

Bytes seal_aggregate_record(AggregateRecord record, const KeyPair& key) {
  CHECK(record.window >= 0 && record.outer_step >= 0 && check_lists(record).has_value());
  const bool is_amended = record.amendments.number > 0;
  CHECK(is_amended || record.amendments == AmendmentsInForce());
  CHECK(record.accepted.size() <= kMaxRecordPeers && record.rejected.size() <= kMaxRecordPeers);
  ByteWriter writer;
  writer.put_bytes(as_bytes(kRecordMagic));
  writer.put(is_amended ? kAmendedRecordVersion : kAggregateRecordVersion);
  writer.put_bytes(record.run_id.bytes);
  writer.put<uint64_t>(record.window);
  writer.put<uint64_t>(record.outer_step);
  writer.put_bytes(record.state_root.bytes);
  writer.put_bytes(key.public_key().bytes);
  if (is_amended) {
    writer.put<uint64_t>(record.amendments.number);
    writer.put_bytes(record.amendments.hash.bytes);
  }
  write_peers(writer, record.gather_peers);
  write_peers(writer, record.reserve_peers);
  writer.put<uint16_t>(record.accepted.size());
  for (const AcceptedContribution& entry : record.accepted) {
    CHECK(entry.size_bytes >= 0);
    writer.put(entry.uid);
    writer.put_bytes(entry.content_hash.bytes);
    writer.put<uint64_t>(entry.size_bytes);
  }
  writer.put<uint16_t>(record.rejected.size());
  for (const RejectedContribution& entry : record.rejected) {
    CHECK(!entry.verdict.accepted());
    const std::string text = printable_text(entry.verdict.reason);
    writer.put(entry.uid);
    writer.put(std::to_underlying(entry.verdict.code));
    writer.put<uint8_t>(text.size());
    writer.put_bytes(as_bytes(text));
  }
  writer.put_bytes(key.sign(writer.view()).bytes);
  return writer.take();
}

Result<AggregateRecord> parse_aggregate_record(ByteView bytes) {
  if (bytes.size() > kMaxAggregateRecordSize || bytes.size() < kRecordSignatureBytes) {
    return skip_error(fmt::format("size: {} bytes, an aggregate record has {} to {}", bytes.size(),
                                  kRecordSignatureBytes, kMaxAggregateRecordSize));
  }
  const ByteView content = bytes.first(bytes.size() - kRecordSignatureBytes);
  ByteReader reader(content);
  AggregateRecord record;
  TRY(read_frame(reader, record));
  Signature signature;
  std::ranges::copy(bytes.last(kRecordSignatureBytes), signature.bytes.begin());
  if (!verify(record.leader, content, signature)) {
    return skip_error(fmt::format("signature: not by key {}", record.leader.hex()));
  }
  TRY(read_peers(reader, record.gather_peers, "gather peers"));
  TRY(read_peers(reader, record.reserve_peers, "reserve peers"));
  TRY(read_accepted(reader, record.accepted));
  TRY(read_rejected(reader, record.rejected));
  if (reader.remaining() != 0)
    return skip_error(fmt::format("{} bytes too many after the last entry", reader.remaining()));
  TRY(check_lists(record));
  return record;
}

Status check_aggregate_record(const AggregateRecord& record, const ExpectedRecord& expected) {
  if (record.run_id != expected.run_id) {
    return skip_error(
        fmt::format("run id: {} is not this run's {}", record.run_id.brief(), expected.run_id.brief()));
  }
  if (record.window != expected.window) {
    return skip_error(fmt::format("window: made for {}, not for {}", record.window, expected.window));
  }
  if (record.leader != expected.leader) {
    return skip_error(
        fmt::format("leader: {} is not the leader {}", record.leader.hex(), expected.leader.hex()));
  }
  if (expected.state_root && record.state_root != *expected.state_root) {
    return skip_error(fmt::format("state root: {} at the start of window {}, ours is {}",
                                  record.state_root.brief(), record.window, expected.state_root->brief()));
  }
  return {};
}

}  // namespace templar
