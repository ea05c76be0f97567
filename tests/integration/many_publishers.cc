// Miners who publish and do nothing else, all in one process, each into a bucket of its own at an S3 server:
//   many_publishers LEDGER SPEC DATA ENDPOINT OWNER_KEY VALIDATOR_KEY MINERS WINDOWS
// Makes the ledger with the miners' registrations, and the buckets; lets the validator with that key begin
// the run, in the owner's name; says "ready"; and, once that has begun it, makes blocks by the machine's
// clock. In each window it publishes a contribution of made-up values for every miner that starts from the
// run's model, follows the leader's record and prints "WINDOW ACCEPTED PUBLISH_SECONDS RECORD_SECONDS": how
// long publishing took, and how long after the put window's end the record was there. It looks for what is
// due at each line of its standard input, and ends after the last window. Keys and region come from the
// environment. scripts/many-buckets.sh builds and runs it.
#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <future>
#include <iostream>
#include <string>
#include <vector>

#include "app/world/node_world.h"
#include "app/world/open_ledger.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/threads/mutex.h"
#include "core/consensus/possession.h"
#include "core/protocol/object_keys.h"
#include "engine/cpu_engine.h"
#include "node/catch_up/first_model.h"
#include "node/window/gather.h"
#include "node/window/replica.h"
#include "node/window/window_clock.h"
#include "node/window/window_samples.h"
#include "ports/metrics_sink.h"
#include "ports/roster.h"
#include "support/synthetic_contribution.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

constexpr size_t kPutsAtOnce = 8;
// So little that the model stays one whose loss is finite.
constexpr float kScale = 1e-4f;

struct Arguments {
  std::string ledger;
  std::string spec;
  std::string data;
  std::string endpoint;
  std::string owner_key;
  std::string validator_key;
  uint32_t miners = 0;
  int64_t windows = 0;
};

S3Address store_of_miner(const std::string& endpoint, uint32_t uid) {
  return {.bucket = fmt::format("miner-{:03}", uid),
          .endpoint = parse_endpoint(endpoint).value(),
          .region = "us-east-1",
          .is_public = true};
}

// Calls work(uid) for all miners, some at once; the first failure, if there is one.
Status for_all_miners(uint32_t miners, const std::function<Status(uint32_t uid)>& work) {
  std::atomic<uint32_t> next = 0;
  std::vector<std::future<Status>> threads;
  for (size_t i = 0; i < kPutsAtOnce; ++i) {
    threads.push_back(std::async(std::launch::async, [&]() -> Status {
      for (uint32_t uid = next++; uid < miners; uid = next++) TRY(work(uid));
      return {};
    }));
  }
  Status all;
  for (auto& thread : threads) {
    const Status status = thread.get();
    if (!status) all = status;
  }
  return all;
}

class Publishers {
 public:
  explicit Publishers(const Arguments& arguments)
      : arguments_(arguments),
        spec_(load_run_spec(arguments.spec).value()),
        ledger_(open_ledger(arguments.ledger, spec_, {.may_create = true}).value()),
        owner_(KeyPair::load(arguments.owner_key).value()),
        timekeeper_(ledger_->board(), ledger_->entries(), owner_),
        stores_(NetworkStore::open({}, spec_, ledger_->entries()).value()),
        data_(open_run_data({.data = arguments.data}, spec_).value()),
        environment_(spec_, stores_->all(), ledger_->entries(), *data_.shards, metrics_),
        engine_(make_cpu_engine(spec_.model, spec_.inner, {.threads = 1}).value()),
        replica_(environment_, *engine_, 1),
        window_clock_(ledger_->entries(), spec_.network) {}

  // Buckets, registrations, and the block in which the run begins.
  Status prepare() {
    S3Address service = store_of_miner(arguments_.endpoint, 0);
    service.is_public = false;
    TRY_ASSIGN(writer_, open_s3_service(service, {}, clock_));
    TRY(for_all_miners(arguments_.miners, [&](uint32_t uid) {
      S3Address own = store_of_miner(arguments_.endpoint, uid);
      own.is_public = false;
      return make_store_bucket(own, {}, true, clock_);
    }));
    for (uint32_t uid = 0; uid < arguments_.miners; ++uid) {
      const KeyPair key = key_of_uid(uid);
      LedgerWriter writer(ledger_->board(), ledger_->entries(), key);
      TRY_ASSIGN(const uint32_t given,
                 writer.register_node({.role = NodeRole::kMiner,
                                       .bucket = bucket_of(key.public_key()),
                                       .store = to_text(store_of_miner(arguments_.endpoint, uid))}));
      CHECK(given == uid);
      blocks_.push_back(synthetic_blocks(environment_.layout, spec_.codec, uid, kScale));
    }
    TRY_ASSIGN(const KeyPair validator, KeyPair::load(arguments_.validator_key));
    TRY(OwnerWriter(ledger_->board(), ledger_->entries(), owner_)
            .set_standing(validator.public_key(), {.stake = 1, .is_founder = true}));
    TRY(timekeeper_.make_block(clock_.now_ms()));
    return {};
  }

  // The next block, if the run has begun and it is time for one.
  Status make_due_block() {
    if (!has_begun_) return {};
    TRY_ASSIGN(const std::optional<Block> latest, ledger_->entries().latest_block());
    const TimestampMs now_ms = clock_.now_ms();
    if (now_ms < latest->time_ms + spec_.network.block_seconds * 1000) return {};
    TRY(timekeeper_.make_block(now_ms));
    return {};
  }

  // What is due in the stores. False: the last window was followed.
  Result<bool> work() {
    TRY_ASSIGN(const std::vector<Registration> roster, ledger_->entries().registrations());
    TRY_ASSIGN(const std::vector<Term> terms, ledger_->entries().terms());
    if (terms.empty()) return true;
    if (!has_begun_) {
      TRY(begin_first_model(environment_, replica_, terms.front().first_window));
      has_begun_ = true;
    }
    const int64_t window = replica_.window();
    TRY_ASSIGN(const std::optional<int64_t> current, window_clock_.current_window());
    if (published_ < window && *current >= window) return publish(window);
    if (published_ == window && *current > window) TRY(follow(terms.front(), roster));
    return replica_.window() < arguments_.windows;
  }

 private:
  Result<bool> publish(int64_t window) {
    const Stopwatch watch;
    TRY_ASSIGN(const Hash256 block_hash, window_clock_.block_hash(window));
    const WindowPlan plan = replica_.plan();
    TRY_ASSIGN(const Shard shard, open_active_shard(environment_, plan));
    TRY_ASSIGN(const ConstParameterSpans parameters, replica_.parameters());
    at_hand_.assign(arguments_.miners, {});
    TRY(for_all_miners(arguments_.miners, [&](uint32_t uid) -> Status {
      const KeyPair key = key_of_uid(uid);
      const ContributionHeader header{
          .run_id = environment_.run_id,
          .window = window,
          .uid = uid,
          .public_key = key.public_key(),
          .state_root = replica_.state_root(),
          .possession_proof = prove_possession(parameters, block_hash, uid, window),
          .samples = receipt_of(assigned_samples(environment_, plan, shard, uid), shard),
          .inner_steps = static_cast<uint32_t>(spec_.inner.steps)};
      at_hand_[uid] =
          seal_contribution(header, blocks_[uid], environment_.layout, environment_.spec.codec, key);
      return writer_->put(store_of_miner(arguments_.endpoint, uid).bucket,
                          bucket_of(key.public_key()) + "/" + contribution_key(window), at_hand_[uid]);
    }));
    published_ = window;
    publish_seconds_ = watch.seconds();
    return true;
  }

  Status follow(const Term& term, const std::vector<Registration>& roster) {
    const int64_t window = replica_.window();
    TRY_ASSIGN(const std::optional<Decision> decision, ledger_->entries().decision(window, term.number));
    if (!decision) return {};
    const AggregateRecord* record = &decision->record;
    if (record->state_root != replica_.state_root())
      return fatal_error(fmt::format("window {}: the record is of another model", window));
    TRY_ASSIGN(const auto times, window_clock_.put_window_of(window));
    std::vector<Contribution> accepted;
    for (const AcceptedContribution& named : record->accepted) {
      TRY_ASSIGN(Contribution parsed,
                 parse_contribution(at_hand_[named.uid], environment_.layout, spec_.codec));
      accepted.push_back(std::move(parsed));
    }
    TRY_ASSIGN(const NamedContributions named,
               fetch_named(environment_, *record, roster, roster, std::move(accepted)));
    if (!named.missing.empty()) return fatal_error(named.missing.front().reason);
    TRY(replica_.close_window(named.found));
    fmt::print("{} {} {:.2f} {:.2f}\n", window, record->accepted.size(), publish_seconds_,
               static_cast<double>(clock_.now_ms() - times->closes_ms) / 1000);
    std::fflush(stdout);
    return {};
  }

  const Arguments arguments_;
  const SystemClock clock_;
  const RunSpec spec_;
  const std::shared_ptr<OpenedLedger> ledger_;
  const KeyPair owner_;
  Timekeeper timekeeper_;
  const std::unique_ptr<NetworkStore> stores_;
  const OpenedData data_;
  MemoryMetricsSink metrics_;
  const NodeEnvironment environment_;
  const std::unique_ptr<Engine> engine_;
  Replica replica_;
  const WindowClock window_clock_;
  std::unique_ptr<ObjectStore> writer_;
  std::vector<std::vector<EncodedParameter>> blocks_;  // by uid
  std::vector<Bytes> at_hand_;                         // by uid: what was published last
  std::atomic<bool> has_begun_ = false;
  int64_t published_ = -1;
  double publish_seconds_ = 0;
};

// Blocks come on time however long publishing takes.
int run(const Arguments& arguments) {
  Publishers publishers(arguments);
  const auto report = [](const Error& error) {
    fmt::print(stderr, "many_publishers: {}\n", error.message);
    return 1;
  };
  if (const Status prepared = publishers.prepare(); !prepared) return report(prepared.error());
  fmt::print("ready\n");
  std::fflush(stdout);
  std::future<Result<bool>> work;
  for (std::string line; std::getline(std::cin, line);) {
    if (const Status made = publishers.make_due_block(); !made) return report(made.error());
    const bool is_working =
        work.valid() && work.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
    if (is_working) continue;
    if (work.valid()) {
      const Result<bool> goes_on = work.get();
      if (!goes_on) return report(goes_on.error());
      if (!*goes_on) return 0;
    }
    work = std::async(std::launch::async, [&] { return publishers.work(); });
  }
  fmt::print(stderr, "many_publishers: its input ended before the last window\n");
  return 1;
}

int64_t number(std::string_view text) {
  int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  CHECK(failure == std::errc() && end == text.data() + text.size() && value > 0);
  return value;
}

}  // namespace
}  // namespace templar::testing

int main(int argc, char** argv) {
  using namespace templar::testing;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 8) {
    return run({.ledger = arguments[0],
                .spec = arguments[1],
                .data = arguments[2],
                .endpoint = arguments[3],
                .owner_key = arguments[4],
                .validator_key = arguments[5],
                .miners = static_cast<uint32_t>(number(arguments[6])),
                .windows = number(arguments[7])});
  }
  fmt::print(stderr,
             "usage: many_publishers LEDGER SPEC DATA ENDPOINT OWNER_KEY VALIDATOR_KEY MINERS WINDOWS\n");
  return 2;
}
