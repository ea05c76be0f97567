// One gather of many large contributions from a server on another end of a line.
//   gather_line serve ADDRESS PORT PEERS SILENT   until its standard input ends; says "ready" when it is
//   gather_line gather ENDPOINT PEERS            prints seconds, own memory [MB], accepted and unanswered
//   peers
// Of the PEERS, whose contributions are equal but for their headers, the first SILENT never answer, break off
// in the middle or send a byte now and then, in turn. scripts/gather-benchmark.sh builds and runs it.
#include <fmt/format.h>
#include <sys/mman.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/s3/s3_object_store.h"
#include "app/bench/measure/memory_watch.h"
#include "base/check.h"
#include "base/clock.h"
#include "core/consensus/possession.h"
#include "core/protocol/object_keys.h"
#include "core/run/run_spec.h"
#include "node/window/gather.h"
#include "node/window/window_samples.h"
#include "ports/metrics_sink.h"
#include "support/strict_s3_server.h"
#include "support/synthetic_contribution.h"
#include "support/test_key.h"
#include "support/test_ledger.h"

namespace templar::testing {
namespace {

constexpr int64_t kWindow = 1;
constexpr TimestampMs kNow = 1'800'000'000'000;

// The preset 150M with as many layers as make 10 MB.
RunSpec line_spec() {
  RunSpec spec = preset_run_spec("150M").value();
  spec.model.num_hidden_layers = 40;
  spec.inner.sequence_length = 64;
  spec.network.sealed_uploads = false;
  return spec;
}

// All zeros, of which no page is ever written: a model that takes no memory.
class ZeroModel {
 public:
  explicit ZeroModel(const ParameterLayout& layout) {
    size_t largest = 0;
    for (const ParameterInfo& parameter : layout) largest = std::max<size_t>(largest, parameter.count());
    void* zeros = ::mmap(nullptr, largest * sizeof(float), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(zeros != MAP_FAILED);
    for (const ParameterInfo& parameter : layout) {
      spans_.emplace_back(static_cast<const float*>(zeros), static_cast<size_t>(parameter.count()));
    }
  }
  [[nodiscard]] ConstParameterSpans spans() const { return spans_; }

 private:
  std::vector<std::span<const float>> spans_;
};

struct LineWorld {
  LineWorld(const ObjectReader& store, uint32_t peers)
      : shards(make_memory_shard_source(random_shard_content(spec.seed, 1, 8192, 64, 32)).value()),
        environment(spec, store, ledger, *shards, metrics, {},
                    std::make_shared<ContributionPool>(ContributionPoolOptions{.checking_threads = 2})),
        model(environment.layout) {
    request.plan = plan_window(spec, kWindow, 0);
    request.spec = std::make_shared<const RunSpec>(spec);
    for (uint32_t uid = 0; uid < peers; ++uid) {
      request.peers.gather.push_back(uid);
      request.roster.push_back({.uid = uid,
                                .role = NodeRole::kMiner,
                                .key = key_of_uid(uid).public_key(),
                                .bucket = test_bucket(uid)});
    }
    request.times = {kNow - 1000, kNow + 1000, kNow + 1000};
    request.block_hash = blake2b_256(as_bytes("block"));
    request.state_root = synthetic_header(0, kWindow).state_root;
    request.parameters = model.spans();
  }

  const RunSpec spec = line_spec();
  TestLedger ledger;
  MemoryMetricsSink metrics;
  const std::unique_ptr<const ShardSource> shards;
  const NodeEnvironment environment;
  const ZeroModel model;
  GatherRequest request;
};

Bytes contribution_of(const LineWorld& world, std::span<const EncodedParameter> blocks, uint32_t uid) {
  const NodeEnvironment& environment = world.environment;
  const Shard shard = open_active_shard(environment, world.request.plan).value();
  ContributionHeader header = synthetic_header(uid, kWindow);
  header.run_id = environment.run_id;
  header.possession_proof =
      prove_possession(world.request.parameters, world.request.block_hash, uid, kWindow);
  header.samples = receipt_of(assigned_samples(environment, world.request.plan, shard, uid), shard);
  return seal_contribution(header, blocks, environment.layout, world.spec.codec, key_of_uid(uid));
}

S3ObjectStore store_at(const std::string& endpoint, const Clock& clock, const Variables* keys) {
  S3StoreOptions options;
  options.client.endpoint = parse_endpoint(endpoint).value();
  options.client.region = "auto";
  if (keys != nullptr) options.client.credentials = std::make_shared<CredentialSource>(*keys, clock, nullptr);
  options.client.refusal = ErrorKind::kSkip;
  return {options, clock};
}

int serve(const std::string& address, int port, uint32_t peers, uint32_t silent) {
  StrictS3Server server{
      StrictS3Server::Rules{.address = address, .port = port, .congestion_control = "cubic"}};
  server.clock.set(kNow);
  server.add_user("owner", "owner-secret");
  const Variables keys{{"AWS_ACCESS_KEY_ID", "owner"}, {"AWS_SECRET_ACCESS_KEY", "owner-secret"}};
  S3ObjectStore store = store_at(server.endpoint(), server.clock, &keys);
  const LineWorld world(store, peers);
  const auto blocks = synthetic_blocks(world.environment.layout, world.spec.codec, 1);
  size_t size = 0;
  for (uint32_t uid = 0; uid < peers; ++uid) {
    server.add_bucket(test_bucket(uid), "owner", true);
    const Bytes content = contribution_of(world, blocks, uid);
    size = content.size();
    CHECK(store.put(test_bucket(uid), contribution_key(kWindow), content).has_value());
  }
  for (uint32_t uid = 0; uid < silent; ++uid) {
    constexpr std::pair<const char*, S3Fault> kFaults[] = {
        {"HEAD", S3Fault::kNoAnswer}, {"GET", S3Fault::kStall}, {"GET", S3Fault::kTrickle}};
    const auto& [method, fault] = kFaults[uid % std::size(kFaults)];
    server.fail_always(method, test_bucket(uid), fault);
  }
  fmt::print("ready {}\n", size);
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

int gather_once(const std::string& endpoint, uint32_t peers) {
  const VirtualClock clock(kNow);
  const S3ObjectStore store = store_at(endpoint, clock, nullptr);
  const LineWorld world(store, peers);
  MemoryWatch memory;
  const Stopwatch watch;
  const auto gathered = gather(world.environment, world.request);
  const double seconds = watch.seconds();
  const int64_t memory_bytes = memory.stop();
  if (!gathered) {
    fmt::print(stderr, "{}\n", gathered.error().message);
    return 1;
  }
  for (const RejectedContribution& rejected : gathered->rejected)
    fmt::print(stderr, "{}: {}\n", rejected.uid, rejected.verdict.reason);
  fmt::print("{:.2f} {:.1f} {} {}\n", seconds, static_cast<double>(memory_bytes) / 1e6,
             gathered->accepted.size(), gathered->unanswered.size());
  return 0;
}

int number(std::string_view text) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  CHECK(failure == std::errc() && end == text.data() + text.size() && value >= 0);
  return value;
}

}  // namespace
}  // namespace templar::testing

int main(int argc, char** argv) {
  using namespace templar::testing;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 5 && arguments[0] == "serve") {
    return serve(arguments[1], number(arguments[2]), static_cast<uint32_t>(number(arguments[3])),
                 static_cast<uint32_t>(number(arguments[4])));
  }
  if (arguments.size() == 3 && arguments[0] == "gather")
    return gather_once(arguments[1], static_cast<uint32_t>(number(arguments[2])));
  fmt::print(stderr, "usage: gather_line serve ADDRESS PORT PEERS SILENT | gather ENDPOINT PEERS\n");
  return 2;
}
