#include "app/bench/measure/measure_rejoin.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "adapters/file_store/file_object_store.h"
#include "app/bench/measure/bench_model.h"
#include "app/bench/measure/memcpy_time.h"
#include "app/bench/measure/memory_watch.h"
#include "base/clock.h"
#include "core/codec/compressor.h"
#include "core/protocol/object_keys.h"
#include "engine/cpu_engine.h"
#include "formats/checkpoint/checkpoint.h"
#include "formats/checkpoint/checkpoint_contents.h"
#include "node/catch_up/catch_up.h"
#include "node/catch_up/checkpoint_search.h"
#include "ports/ledger_clock.h"
#include "ports/notice_board.h"
#include "ports/signed_ledger.h"

namespace templar {
namespace {

constexpr uint32_t kLeader = 0;
constexpr uint32_t kOwner = 0xffff;  // no node has that uid
constexpr int kDifferentGradients = 4;

KeyPair key_of(uint32_t uid) {
  return KeyPair::from_seed({static_cast<uint8_t>(uid), static_cast<uint8_t>(uid >> 8), 1});
}

std::string bucket_of(uint32_t uid) {
  return fmt::format("node-{}", uid);
}

// The ledger, the store and the leader of the run.
class History {
 public:
  [[nodiscard]] static Result<std::unique_ptr<History>> begin(const RejoinBenchOptions& options) {
    auto shards = make_memory_shard_source(random_shard_content(options.spec.seed, 1, 1, 1, 2));
    if (!shards) return std::unexpected(shards.error());
    TRY_ASSIGN(auto engine, make_engine(options));
    std::unique_ptr<History> history(new History(options, *std::move(shards), std::move(engine)));
    TRY(history->register_nodes());
    TRY(history->make_gradients());
    TRY(history->leader_.begin_initial(0));
    LedgerWriter writer(history->board_, history->ledger_, key_of(kLeader));
    TRY(writer.begin_term(
        {.leader = {}, .state_root = history->leader_.state_root(), .ended_after = std::nullopt}));
    const CheckpointInfo info{.window = 0, .outer_step = 0, .state_root = history->leader_.state_root()};
    ThreadTeam team(1);
    TRY_ASSIGN(const ConstParameterSpans parameters, history->leader_.parameters());
    TRY(publish_checkpoint(history->store_, bucket_of(kLeader),
                           {.spec = options.spec, .info = info, .parameters = parameters, .tokenizer = {}},
                           key_of(kLeader), team));
    return history;
  }

  // Leads up to that window.
  [[nodiscard]] Status lead_to(int64_t window) {
    while (leader_.window() < window) TRY(lead_window());
    return {};
  }

  [[nodiscard]] static Result<std::unique_ptr<Engine>> make_engine(const RejoinBenchOptions& options) {
    return make_cpu_engine(options.spec.model, options.spec.inner,
                           {.threads = 1, .micro_batch = 1, .use = EngineUse::kEvaluating});
  }
  [[nodiscard]] const NodeEnvironment& environment() const { return environment_; }
  [[nodiscard]] const Replica& leader() const { return leader_; }
  [[nodiscard]] int64_t contribution_bytes() const { return contribution_bytes_; }

 private:
  History(const RejoinBenchOptions& options, std::unique_ptr<ShardSource> shards,
          std::unique_ptr<Engine> engine)
      : options_(options),
        store_(options.folder, clock_),
        shards_(std::move(shards)),
        environment_(options.spec, store_, ledger_, *shards_, metrics_),
        engine_(std::move(engine)),
        leader_(environment_, *engine_, options.threads) {}

  Status register_nodes() {
    for (uint32_t uid = 0; uid <= static_cast<uint32_t>(options_.contributions); ++uid) {
      LedgerWriter writer(board_, ledger_, key_of(uid));
      TRY(writer.register_node({.role = uid == kLeader ? NodeRole::kValidator : NodeRole::kMiner,
                                .key = {},
                                .bucket = bucket_of(uid),
                                .store = ""}));
    }
    TRY(OwnerWriter(board_, ledger_, key_of(kOwner))
            .set_standing(key_of(kLeader).public_key(), {.stake = 1, .is_founder = true}));
    TRY(Timekeeper(board_, ledger_, key_of(kOwner)).make_block(0));
    return {};
  }

  Status make_gradients() {
    for (int i = 0; i < std::min(kDifferentGradients, options_.contributions); ++i) {
      BenchGradient gradient = synthetic_gradient(environment_.layout, static_cast<uint64_t>(i) + 1);
      TRY_ASSIGN(auto blocks,
                 compress_with_error_feedback(std::as_const(gradient.error_feedback).spans(),
                                              gradient.pseudo_gradient.spans(), environment_.layout,
                                              options_.spec.codec, leader_.team()));
      gradients_.push_back(std::move(blocks));
    }
    return {};
  }

  Status lead_window() {
    const int64_t window = leader_.window();
    AggregateRecord record{.run_id = environment_.run_id,
                           .window = window,
                           .outer_step = leader_.outer_step(),
                           .state_root = leader_.state_root(),
                           .gather_peers = {},
                           .reserve_peers = {},
                           .accepted = {},
                           .rejected = {},
                           .leader = {}};
    std::vector<Contribution> accepted;
    for (uint32_t uid = 1; uid <= static_cast<uint32_t>(options_.contributions); ++uid) {
      const ContributionHeader header{
          .run_id = environment_.run_id, .window = window, .uid = uid, .state_root = leader_.state_root()};
      Bytes sealed = seal_contribution(header, gradients_[uid % gradients_.size()], environment_.layout,
                                       options_.spec.codec, key_of(uid), &leader_.team());
      contribution_bytes_ = static_cast<int64_t>(sealed.size());
      TRY(store_.put(bucket_of(uid), contribution_key(window), sealed));
      TRY_ASSIGN(Contribution contribution, parse_contribution(SharedBytes(std::move(sealed)),
                                                               environment_.layout, options_.spec.codec));
      record.gather_peers.push_back(uid);
      record.accepted.push_back({uid, contribution.content_hash(), contribution.size_bytes()});
      accepted.push_back(std::move(contribution));
    }
    TRY(LedgerWriter(board_, ledger_, key_of(kLeader)).decide({.term = 0, .record = std::move(record)}));
    return leader_.close_window(accepted);
  }

  const RejoinBenchOptions& options_;
  MemoryNoticeBoard board_;
  SignedLedger ledger_{board_, run_id(options_.spec), key_of(kOwner).public_key()};
  LedgerClock clock_{ledger_};
  FileObjectStore store_;
  const std::unique_ptr<ShardSource> shards_;
  MemoryMetricsSink metrics_;
  const NodeEnvironment environment_;
  std::unique_ptr<Engine> engine_;
  Replica leader_;
  std::vector<std::vector<EncodedParameter>> gradients_;
  int64_t contribution_bytes_ = 0;
};

// One thing after the other.
Status measure_parts(const NodeEnvironment& environment, Replica& replica, RejoinPoint& point) {
  TRY_ASSIGN(const ChainView view, look_at_ledger(environment));
  const Stopwatch load;
  std::optional<FoundCheckpoint> checkpoint;
  TRY(replica.load([&](ParameterSpans parameters) -> Status {
    TRY_ASSIGN(checkpoint, load_newest_checkpoint(environment, view, parameters, replica.team()));
    return {};
  }));
  if (!checkpoint) return fatal_error("bench rejoin: the checkpoint can't be loaded");
  TRY(replica.begin_loaded(checkpoint->info.window, checkpoint->info.outer_step));
  take_best(point.load_seconds, load.seconds());
  double decode_seconds = 0;
  double step_seconds = 0;
  while (replica.window() < point.windows) {
    const Stopwatch decode;
    TRY_ASSIGN(const FetchedDecision fetched, fetch_decided(environment, view, replica.window()));
    const auto* decided = fetched ? std::get_if<DecidedWindow>(&*fetched) : nullptr;
    if (decided == nullptr)
      return fatal_error(fmt::format("bench rejoin: window {} is not decided", replica.window()));
    decode_seconds += decode.seconds();
    const Stopwatch step;
    TRY(replica.close_window(decided->accepted));
    step_seconds += step.seconds();
  }
  take_best(point.decode_seconds, decode_seconds);
  take_best(point.step_seconds, step_seconds);
  return {};
}

Status measure_catch_up(const NodeEnvironment& environment, Replica& replica, RejoinPoint& point) {
  CatchUp catch_up(environment, replica, NodeRole::kMiner, key_of(1).public_key());
  replica.discard();
  const int64_t before = own_memory_bytes();
  MemoryWatch memory;
  const Stopwatch watch;
  for (CatchUpState state = CatchUpState::kWorking; state != CatchUpState::kInSync;) {
    TRY_ASSIGN(state, catch_up.advance());
    if (state == CatchUpState::kBlocked || state == CatchUpState::kNoCheckpoint) {
      return fatal_error(fmt::format("bench rejoin: stopped at window {}", replica.window()));
    }
  }
  take_best(point.catch_up_seconds, watch.seconds());
  point.memory_bytes = std::max(point.memory_bytes, memory.stop() - before);
  return {};
}

}  // namespace

Result<RejoinBenchReport> run_rejoin_bench(const RejoinBenchOptions& options) {
  const auto say = [&](const std::string& what) {
    if (options.on_step) options.on_step(what);
  };
  say("making a run");
  TRY_ASSIGN(const std::unique_ptr<History> history, History::begin(options));
  TRY_ASSIGN(const std::unique_ptr<Engine> engine, History::make_engine(options));
  Replica replica(history->environment(), *engine, options.threads);
  RejoinBenchReport report{.parameters = parameter_count(history->environment().layout)};
  std::vector<int64_t> away = options.away;
  std::ranges::sort(away);
  for (const int64_t windows : away) {
    say(fmt::format("leading up to window {}", windows));
    TRY(history->lead_to(windows));
    RejoinPoint point{.windows = windows, .in_sync = true};
    for (int round = 0; round < options.rounds; ++round) {
      say(fmt::format("{} windows, round {} of {}", windows, round + 1, options.rounds));
      TRY(measure_parts(history->environment(), replica, point));
      TRY(measure_catch_up(history->environment(), replica, point));
      point.in_sync = point.in_sync && replica.window() == windows &&
                      replica.state_root() == history->leader().state_root() &&
                      replica.outer_step() == history->leader().outer_step();
    }
    report.points.push_back(point);
  }
  report.contribution_bytes = history->contribution_bytes();
  return report;
}

}  // namespace templar
