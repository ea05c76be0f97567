#include "node/window/records.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/back_off.h"
#include "core/protocol/object_keys.h"

namespace templar {
namespace {

// Of a store that does not answer: it is asked again at once, as in a gather.
constexpr int kStoreRetries = 2;

Result<Bytes> read_copy(const NodeEnvironment& environment, const Registration& source,
                        const Decision& decision) {
  TRY_ASSIGN(Bytes bytes, retry_at_once(kStoreRetries, ErrorKind::kRetry, [&] {
               return environment.store.get(source.bucket, aggregate_record_key(decision.window),
                                            kMaxAggregateRecordSize);
             }));
  if (blake2b_256(bytes) != decision.record_hash) return skip_error("another record is there");
  return bytes;
}

Result<AggregateRecord> open_record(const NodeEnvironment& environment, ByteView bytes, int64_t window,
                                    const PublicKey& leader, const std::optional<Hash256>& state_root) {
  TRY_ASSIGN(AggregateRecord record, parse_aggregate_record(bytes));
  TRY(check_aggregate_record(
      record, {.run_id = environment.run_id, .window = window, .leader = leader, .state_root = state_root}));
  return record;
}

}  // namespace

Result<SealedRecord> read_decided_record(const NodeEnvironment& environment,
                                         std::span<const Registration> sources, const PublicKey& leader,
                                         const Decision& decision) {
  const std::string what = fmt::format("window {}: record {}", decision.window, decision.record_hash.brief());
  Error problem{ErrorKind::kSkip, what + ": nobody has it"};
  for (const Registration& source : sources) {
    auto bytes = read_copy(environment, source, decision);
    if (bytes) {
      // The hash is the decided one: if it can't be used, no other copy can.
      auto record = open_record(environment, *bytes, decision.window, leader, decision.state_root);
      if (!record) return annotate(std::move(record).error(), what);
      return SealedRecord{*std::move(record), *std::move(bytes)};
    }
    if (bytes.error().kind == ErrorKind::kFatal) return std::unexpected(bytes.error());
    if (bytes.error().kind == ErrorKind::kRetry) problem.kind = ErrorKind::kRetry;
    problem.message += fmt::format("; validator {}: {}", source.uid, bytes.error().message);
  }
  return std::unexpected(std::move(problem));
}

Result<std::optional<SealedRecord>> read_own_record(const NodeEnvironment& environment,
                                                    const Registration& validator, int64_t window) {
  const std::string key = aggregate_record_key(window);
  TRY_ASSIGN(const std::optional<ObjectInfo> info, retry_at_once(kStoreRetries, ErrorKind::kRetry, [&] {
               return environment.store.head(validator.bucket, key);
             }));
  if (!info) return std::nullopt;
  const std::string what = fmt::format("window {}: the record of validator uid {}", window, validator.uid);
  auto bytes = environment.store.get(validator.bucket, key, kMaxAggregateRecordSize);
  if (!bytes) return annotate(bytes.error(), what);
  auto record = open_record(environment, *bytes, window, validator.key, std::nullopt);
  if (!record) return annotate(std::move(record).error(), what);
  return SealedRecord{*std::move(record), *std::move(bytes)};
}

PeerSelection selection_of(const AggregateRecord& record) {
  return {.gather = {record.gather_peers.begin(), record.gather_peers.end()},
          .reserve = {record.reserve_peers.begin(), record.reserve_peers.end()}};
}

bool asks_nobody(const AggregateRecord& record) {
  return record.gather_peers.empty() && record.reserve_peers.empty();
}

}  // namespace templar
