#include "sim/faults/fault_run.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/keys/verified_signatures.h"
#include "base/log/log.h"
#include "core/protocol/object_keys.h"
#include "core/run/window_plan.h"
#include "sim/faults/fault_injector.h"
#include "sim/faults/network_rules.h"
#include "sim/faults/node_host.h"

namespace templar {
namespace {

constexpr int64_t kShardSamples = 48;
constexpr size_t kSignatures = 2000;

// What nodes measure is of no use here.
class NoMetrics final : public MetricsSink {
 public:
  void write(Measurement) override {}
  void flush() override {}
  [[nodiscard]] uint64_t dropped() const override { return 0; }
};

std::unique_ptr<ShardSource> make_shards(const RunSpec& spec) {
  auto source = make_memory_shard_source(random_shard_content(
      spec.seed, /*shards=*/1, kShardSamples, static_cast<uint64_t>(spec.inner.sequence_length),
      static_cast<uint64_t>(spec.model.vocab_size)));
  CHECK(source.has_value());
  return *std::move(source);
}

// What was said on the process' log goes to the trace, while this lives.
class LogInTrace {
 public:
  // folder: of this run alone.
  LogInTrace(FaultLog& trace, const std::filesystem::path& folder) {
    before_ = set_log_sink([&trace, folder = folder.string()](const LogEvent& event) {
      if (trace.is_heard()) trace.tell("log", "{}", without(folder, text_of(event)));
    });
  }
  ~LogInTrace() { set_log_sink(std::move(before_)); }
  LogInTrace(const LogInTrace&) = delete;
  LogInTrace& operator=(const LogInTrace&) = delete;

 private:
  // Both leave out what no two runs have in common: the folder's name, and times that work took.
  static std::string without(std::string_view folder, std::string text) {
    if (folder.empty()) return text;
    for (size_t at = text.find(folder); at != std::string::npos; at = text.find(folder, at))
      text.erase(at, folder.size());
    return text;
  }
  static std::string text_of(const LogEvent& event) {
    std::string text = fmt::format("{} {}: {}", name_of(event.level), event.room, event.message);
    for (const LogField& field : event.fields) {
      if (field.name.ends_with("seconds")) continue;
      std::visit([&](const auto& value) { text += fmt::format(" {}={}", field.name, value); }, field.value);
    }
    return text;
  }

  LogSink before_;
};

class FaultyNetwork {
 public:
  FaultyNetwork(uint64_t seed, const FaultRunOptions& options)
      : options_(options), plan_(plan_faults(seed, options.plan)), shards_(make_shards(plan_.spec)) {
    surroundings_ = std::make_unique<HostSurroundings>(HostSurroundings{
        .plan = plan_,
        .events = events_,
        .log = log_,
        .store = store_,
        .stamps = stamps_,
        .ledger = ledger_,
        .shards = *shards_,
        .metrics = metrics_,
        .folder = options.folder,
        .real_engine = options.real_engine,
        .next_block_ms = [this] { return next_block_ms_; },
        .on_step = [this](const NodeHost& host) { rules_.check_step(host); },
        .on_put =
            [this](const NodeHost& host, std::string_view key, ByteView content) {
              rules_.check_put(host, key, content);
              damaged_.erase(host.identity().bucket + "/" + std::string(key));  // it is whole again
            },
        .on_fatal = [this](const NodeHost& host, const Error& error) { act_as_a_person(host, error); },
        .on_thrown =
            [this](const NodeHost& host, std::string_view what) {
              rules_.note_failure(fmt::format("{} threw an exception: {}", host.identity().name, what));
            }});
    for (const NodeIdentity& node : nodes_)
      hosts_.push_back(std::make_unique<NodeHost>(*surroundings_, node));
  }

  FaultRunReport run() {
    const LogInTrace log_in_trace(log_, options_.folder);
    // Every node verifies what every other says.
    const VerifiedSignatures verified(kSignatures);
    tell_plan();
    events_.at(0, [this] { make_block(); });
    Random random(plan_.seed, "starts");
    for (const auto& host : hosts_)
      events_.at(1 + static_cast<int64_t>(random.below(10'000)), [&host] { host->start(); });
    injector_.schedule([this] {
      rules_.begin_calm(window());
      end_window_ = window() + plan_.calm_windows;
    });
    while (!is_over() && events_.step()) continue;
    return report();
  }

 private:
  void tell_plan() {
    log_.tell("network", "seed {}: {} validators, {} miners, {} blocks a window, {} planned faults",
              plan_.seed, plan_.validators, plan_.miners, plan_.spec.network.blocks_per_window,
              plan_.timeline.size());
  }

  void make_block() {
    const int64_t block_ms = plan_.spec.network.block_seconds * 1000;
    if (events_.now_ms() >= block_time_.stopped_until_ms) {
      block_ms_ = std::max(block_ms_, events_.now_ms() + block_time_.offset_ms);
      if (const auto maker = std::exchange(block_time_.next_maker, std::nullopt)) {
        const Status taken = ledger_.take_over_time(nodes_[*maker], block_ms_);
        if (!taken) rules_.note_failure(taken.error().message);
        ++block_;
      }
      const auto block = ledger_.make_block(block_ms_);
      if (!block || block->number != block_ + 1)
        return rules_.note_failure(fmt::format("no block {} could be made", block_ + 1));
      block_ = block->number;
      log_.tell("network", "block {}, window {}, time {}", block_, window(), block_ms_);
      rules_.check_block(window());
      stopped_ = options_.should_stop && options_.should_stop();
    }
    next_block_ms_ = events_.now_ms() + block_ms;
    events_.at(next_block_ms_, [this] { make_block(); });
  }

  [[nodiscard]] int64_t window() const {
    return block_ < 0 ? 0 : window_of_block(plan_.spec.network, block_);
  }
  [[nodiscard]] bool is_over() const {
    return stopped_ || !rules_.failures().empty() || window() >= end_window_;
  }

  // Does what the error asks a person to do.
  void act_as_a_person(const NodeHost& host, const Error& error) {
    rules_.note_fatal_end(host, error);
    if (!error.message.contains(kValidatorStateKey)) return;
    log_.tell("network", "a person removes the scoreboard of {}", host.identity().name);
    static_cast<void>(store_.remove(host.identity().bucket, kValidatorStateKey));
  }

  [[nodiscard]] FaultRunReport report() {
    FaultRunReport report{.stopped = stopped_,
                          .windows = window(),
                          .decided_windows = static_cast<int64_t>(truth_.settled().size()),
                          .virtual_seconds = static_cast<double>(events_.now_ms()) / 1000,
                          .is_lost = rules_.is_lost(),
                          .fatal_ends = rules_.fatal_ends(),
                          .faults = log_.counts(),
                          .failures = rules_.failures()};
    for (const auto& [window, settled] : truth_.settled()) {
      if (settled.decision.record.accepted.empty()) ++report.null_rounds;
    }
    for (const auto& host : hosts_) {
      report.calls += host->calls().count();
      report.lives += host->lives_begun();
    }
    return report;
  }

  const FaultRunOptions& options_;
  const FaultPlan plan_;
  EventQueue events_;
  FaultLog log_{events_, options_.on_line};
  OffsetClock stamps_{events_};
  MemoryObjectStore store_{stamps_};
  NoMetrics metrics_;
  const std::unique_ptr<ShardSource> shards_;
  const std::vector<NodeIdentity> nodes_ = identities_of(plan_);
  SimulatedLedger ledger_{plan_, nodes_};
  std::unique_ptr<HostSurroundings> surroundings_;
  NodeHosts hosts_;
  std::set<std::string> damaged_;
  RunTruth truth_{plan_, nodes_, ledger_, store_, damaged_};
  NetworkRules rules_{plan_, hosts_, truth_, store_, damaged_, log_};
  BlockTime block_time_;
  FaultInjector injector_{plan_,   hosts_, events_,     store_,   stamps_,
                          ledger_, truth_, block_time_, damaged_, log_};
  int64_t block_ = -1;
  TimestampMs block_ms_ = 0;
  TimestampMs next_block_ms_ = 0;
  int64_t end_window_ = std::numeric_limits<int64_t>::max();
  bool stopped_ = false;
};

}  // namespace

Result<FaultRunReport> run_with_faults(uint64_t seed, const FaultRunOptions& options) {
  return std::make_unique<FaultyNetwork>(seed, options)->run();
}

}  // namespace templar
