#include "support/test_ports.h"

#include "base/check.h"
#include "base/threads/thread_team.h"
#include "core/codec/compressor.h"
#include "core/consensus/possession.h"
#include "core/consensus/state_root.h"
#include "core/data/make_receipt.h"
#include "core/data/sample_assignment.h"
#include "core/run/window_plan.h"
#include "ports/roster.h"

namespace templar::testing {
namespace {

constexpr uint64_t kShardSamples = 64;
constexpr uint64_t kMaxObjectBytes = 1 << 24;

std::unique_ptr<const ShardSource> random_shards(const RunSpec& spec) {
  auto source = make_memory_shard_source(random_shard_content(
      spec.seed, /*shards=*/1, kShardSamples, static_cast<uint64_t>(spec.inner.sequence_length),
      static_cast<uint64_t>(spec.model.vocab_size)));
  CHECK(source.has_value());
  return *std::move(source);
}

}  // namespace

TestPorts::TestPorts(const TestPortsOptions& options)
    : run(options.spec),
      ledger(board, run_id(options.spec), test_owner().public_key()),
      timekeeper(board, ledger, test_owner()),
      shards(random_shards(options.spec)) {
  for (uint32_t i = 0; i < options.validators; ++i) {
    validators_.push_back(register_node(NodeRole::kValidator, static_cast<double>(options.validators - i)));
  }
  for (uint32_t i = 0; i < options.miners; ++i) miners_.push_back(register_node(NodeRole::kMiner, 0));
  CHECK(timekeeper.make_block(0).has_value());
  if (!options.begins_run) return;
  const auto begun =
      writer(kLeader).begin_term({.leader = {}, .state_root = initial_root(), .ended_after = {}});
  CHECK(begun.has_value() && *begun);
}

Term TestPorts::newest_term() const {
  const auto terms = ledger.terms();
  CHECK(terms.has_value() && !terms->empty());
  return terms->back();
}

uint32_t TestPorts::register_node(NodeRole role, double stake) {
  const auto number = static_cast<uint32_t>(keys_.size());
  keys_.push_back(test_key(number));
  const auto uid =
      writer(number).register_node({.role = role, .key = {}, .bucket = test_bucket(number), .store = ""});
  CHECK(uid.has_value() && *uid == number);
  if (role == NodeRole::kValidator) {
    const Status counts =
        owner().set_standing(public_key(number), {.stake = stake, .is_founder = number == kLeader});
    CHECK(counts.has_value());
  }
  return *uid;
}

std::vector<Registration> TestPorts::roster() const {
  auto registrations = ledger.registrations();
  CHECK(registrations.has_value());
  return *std::move(registrations);
}

Block TestPorts::latest_block() const {
  const auto latest = ledger.latest_block();
  CHECK(latest.has_value() && latest->has_value());
  return **latest;
}

void TestPorts::make_block() {
  CHECK(timekeeper.make_block(latest_block().time_ms + run.spec.network.block_seconds * 1000).has_value());
}

void TestPorts::enter_window(int64_t window) {
  const int64_t first_block = first_block_of_window(run.spec.network, window);
  while (latest_block().number < first_block) make_block();
}

void TestPorts::close_window(int64_t window) {
  enter_window(window + 1);
  const auto opens = ledger.block(first_block_of_window(run.spec.network, window));
  const auto next_opens = ledger.block(first_block_of_window(run.spec.network, window + 1));
  CHECK(opens.has_value() && opens->has_value() && next_opens.has_value() && next_opens->has_value());
  const PutWindow times = put_window(run.spec.network, (*opens)->time_ms, (*next_opens)->time_ms);
  while (latest_block().time_ms <= times.closes_ms) make_block();
}

// Also of a block that is yet to be made: the owner makes them all.
Hash256 TestPorts::block_hash(int64_t number) const {
  for (auto next = static_cast<int64_t>(block_hashes_.size()); next <= number; ++next) {
    const Hash256 previous = block_hashes_.empty() ? Hash256{} : block_hashes_.back();
    block_hashes_.push_back(block_hash_of(test_owner().sign(beacon_message(run_id(spec()), next, previous))));
  }
  return block_hashes_[static_cast<size_t>(number)];
}

SampleReceipt TestPorts::receipt_of(uint32_t uid, int64_t window) const {
  const auto shard = shards->open_shard(0);
  CHECK(shard.has_value());
  const SampleAssignment assignment =
      assign_samples(run.spec.seed, uid, static_cast<uint64_t>(window), shard->sample_count(),
                     static_cast<uint64_t>(run.spec.inner.samples_per_window()));
  std::vector<uint64_t> ids;
  for (const uint64_t index : assignment.indices()) ids.push_back(shard->sample_id(index));
  return make_receipt(ids);
}

void TestPorts::put(uint32_t uid, std::string_view key, ByteView content) {
  CHECK(store.put(test_bucket(uid), key, content).has_value());
}

void TestPorts::remove(uint32_t uid, std::string_view key) {
  CHECK(store.remove(test_bucket(uid), key).has_value());
}

void TestPorts::remove_all(uint32_t uid, std::string_view prefix) {
  for (const std::string& key : keys(uid, prefix)) remove(uid, key);
}

bool TestPorts::has(uint32_t uid, std::string_view key) const {
  const auto info = store.head(test_bucket(uid), key);
  CHECK(info.has_value());
  return info->has_value();
}

Bytes TestPorts::object(uint32_t uid, std::string_view key) const {
  auto content = store.get(test_bucket(uid), key, kMaxObjectBytes);
  CHECK(content.has_value());
  return *std::move(content);
}

std::vector<std::string> TestPorts::keys(uint32_t uid, std::string_view prefix) const {
  const auto objects = store.list(test_bucket(uid), prefix);
  CHECK(objects.has_value());
  std::vector<std::string> keys;
  for (const ObjectInfo& info : *objects) keys.push_back(info.key);
  return keys;
}

Bytes TestPorts::sealed_contribution(uint32_t uid, int64_t window, ConstParameterSpans parameters) const {
  if (parameters.empty()) parameters = run.values();
  const RunSpec& spec = run.spec;
  ThreadTeam team(1);
  const uint64_t values_seed = spec.seed + 1000003 * static_cast<uint64_t>(window) + uid;
  const ParameterBuffers values = random_values(run.layout, values_seed);
  std::vector<EncodedParameter> blocks;
  for (size_t i = 0; i < run.layout.size(); ++i) {
    auto block = compress(values.spans()[i], run.layout[i], spec.codec, team);
    CHECK(block.has_value());
    blocks.push_back(*std::move(block));
  }
  const Hash256 first_hash = block_hash(first_block_of_window(spec.network, window));
  const ContributionHeader header = {
      .run_id = run_id(spec),
      .window = window,
      .uid = uid,
      .public_key = key(uid).public_key(),
      .state_root = compute_state_root(run.layout, parameters, team),
      .possession_proof = prove_possession(parameters, first_hash, uid, window),
      .samples = receipt_of(uid, window),
      .inner_steps = static_cast<uint32_t>(spec.inner.steps)};
  return seal_contribution(header, blocks, run.layout, spec.codec, key(uid));
}

void TestPorts::publish_contribution(uint32_t uid, int64_t window, ConstParameterSpans parameters) {
  const Bytes bytes = sealed_contribution(uid, window, parameters);
  if (!spec().network.sealed_uploads) return put(uid, contribution_key(window), bytes);
  publish_upload(uid, window, bytes);
  publish_upload_key(uid, window);
}

void TestPorts::publish_upload(uint32_t uid, int64_t window, ByteView contribution) {
  const ContributionHeader header{.run_id = run_id(spec()), .window = window, .uid = uid};
  put(uid, contribution_key(window), seal_upload(header, contribution, key(uid)));
}

CipherKey TestPorts::upload_key_of(uint32_t uid, int64_t window) const {
  const auto header = parse_upload_header(object(uid, contribution_key(window)));
  CHECK(header.has_value());
  return upload_key(key(uid), header->run_id, header->window, header->content_hash);
}

void TestPorts::publish_upload_key(uint32_t uid, int64_t window) {
  put(uid, upload_key_key(window), upload_key_of(uid, window).bytes);
}

Bytes TestPorts::contribution_bytes(uint32_t uid, int64_t window) const {
  Bytes stored = object(uid, contribution_key(window));
  if (!spec().network.sealed_uploads) return stored;
  auto content = open_whole_upload(stored, upload_key_of(uid, window));
  CHECK(content.has_value());
  return *std::move(content);
}

void TestPorts::publish_contributions(const std::vector<uint32_t>& uids, int64_t window,
                                      ConstParameterSpans parameters) {
  for (const uint32_t uid : uids) publish_contribution(uid, window, parameters);
}

Contribution TestPorts::contribution(uint32_t uid, int64_t window) const {
  auto parsed = parse_contribution(contribution_bytes(uid, window), run.layout, run.spec.codec);
  CHECK(parsed.has_value());
  return *std::move(parsed);
}

std::optional<Hash256> TestPorts::contribution_hash(uint32_t uid, int64_t window) const {
  if (!has(uid, contribution_key(window))) return std::nullopt;
  return contribution(uid, window).content_hash();
}

AggregateRecord TestPorts::record_of(int64_t window, int64_t outer_step, const Hash256& root,
                                     const std::vector<uint32_t>& accepted) const {
  AggregateRecord record{.run_id = run_id(run.spec),
                         .window = window,
                         .outer_step = outer_step,
                         .state_root = root,
                         .gather_peers = miners_,
                         .reserve_peers = {},
                         .accepted = {},
                         .rejected = {},
                         .leader = public_key(kLeader)};
  for (const uint32_t uid : accepted) {
    const Contribution accepted_one = contribution(uid, window);
    record.accepted.push_back({uid, accepted_one.content_hash(), accepted_one.size_bytes()});
  }
  return record;
}

void TestPorts::publish_record(const AggregateRecord& record) {
  const Term term = newest_term();
  const auto leader = uid_of(roster(), term.leader);
  CHECK(leader.has_value());
  const auto decided = writer(*leader).decide({.term = term.number, .record = record});
  CHECK(decided.has_value() && *decided);
}

std::optional<AggregateRecord> TestPorts::decided_record(int64_t window) const {
  for (int64_t term = newest_term().number; term >= 0; --term) {
    const auto decision = ledger.decision(window, term).value();
    if (decision) return decision->record;
  }
  return std::nullopt;
}

std::vector<int64_t> TestPorts::windows_measured(std::string_view measurement) const {
  std::vector<int64_t> windows;
  for (const Measurement& written : metrics.named(measurement)) {
    windows.push_back(std::get<int64_t>(written.fields.at("window")));
  }
  return windows;
}

}  // namespace templar::testing
