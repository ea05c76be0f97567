#include "app/localnet/processes.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <thread>

#include "adapters/http/limited_http_server.h"
#include "app/command_line/command_line.h"
#include "app/localnet/baseline.h"
#include "app/localnet/block_pacer.h"
#include "app/localnet/in_process.h"
#include "app/localnet/run_roster.h"
#include "app/localnet/templar_process.h"
#include "app/terminal/stop_signal.h"
#include "app/world/node_options.h"
#include "base/files/file.h"
#include "base/files/system_error.h"
#include "base/log/log.h"
#include "core/protocol/object_keys.h"
#include "ports/roster.h"

namespace templar {
namespace {

constexpr auto kSupervisionPause = std::chrono::milliseconds(5);
constexpr double kRestartDelaySeconds = 0.2;
constexpr int kQuickEndSeconds = 10;
constexpr int kMostQuickEnds = 20;
constexpr int kLargestPort = 65535;
constexpr double kRetrySeconds = 0.5;
constexpr double kRemotePauseSeconds = 0.25;  // between two looks at stores across a network
constexpr auto kBaselineRetryPause = std::chrono::milliseconds(200);
constexpr double kLongestEndSeconds = 60;
constexpr double kDiskLookSeconds = 5;
constexpr uint64_t kLeastSpaceBytes = uint64_t{256} << 10;  // hardly anything fits any more
constexpr double kStopSeconds = 30;                         // a node that saves a large model on its way out

struct Supervised {
  const LocalNode* node;
  std::string bucket;             // of a miner
  int64_t published_window = -1;  // the newest that its contribution was seen of
  std::optional<TemplarProcess> process;
  bool finished = false;
  int quick_ends = 0;  // in a row, the newest at any age
  Stopwatch since_start;
  Stopwatch since_end;
};

// The last error that a node has written to its log, or the last of a complaint about its command line; empty
// if there is none near the end.
std::string last_error_in(const std::filesystem::path& log) {
  constexpr std::streamoff kTailBytes = 4096;
  std::ifstream file(log, std::ios::binary | std::ios::ate);
  if (!file) return "";
  file.seekg(std::max<std::streamoff>(0, file.tellg() - kTailBytes));
  std::string found;
  std::string complaint;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("error: ")) found = line.substr(7);
    if (line.starts_with("Run with --help")) found = complaint;
    complaint = std::move(line);
  }
  return found;
}

// Every node of a localnet has been registered before it starts.
std::string bucket_in(const LedgerReader& ledger, const LocalNode& node) {
  const auto roster = ledger.registrations();
  const Registration* registration = roster ? find_uid(*roster, node.uid) : nullptr;
  return registration == nullptr ? std::string() : registration->bucket;
}

class Supervisor {
 public:
  // store: the validator's view of all stores.
  Supervisor(const LocalRun& run, const WatchOptions& watch, const OpenedLedger& ledger,
             const NetworkStore& store)
      : run_(run),
        watch_(watch),
        store_(store),
        // S3 stamps objects by the real time, so blocks have it too.
        timekeeper_(ledger.board(), ledger.entries(), localnet_owner(run.spec.seed)),
        pacer_(ledger.entries(), timekeeper_, run.spec.network, run.windows,
               store.is_remote() ? &clock_ : nullptr) {
    for (const LocalNode& node : run.nodes)
      nodes_.push_back({.node = &node, .bucket = bucket_in(ledger.entries(), node)});
  }
  ~Supervisor() { stop_all(); }

  // Fails where a node's port for Prometheus does not exist or is taken, before any node starts.
  Status judge_ports() const {
    for (const LocalNode& node : run_.nodes) {
      const WatchOptions watch = watch_of(node);
      if (watch.prometheus_port <= 0) continue;
      if (watch.prometheus_port > kLargestPort) {
        return fatal_error(fmt::format(
            "--prometheus {}: each node has a port of its own, and {} would have {}; give a lower one",
            watch_.prometheus_port, node.name, watch.prometheus_port));
      }
      LimitedHttpServer probe;
      const Result<int> bound = probe.start(watch.prometheus_host, watch.prometheus_port);
      if (!bound) {
        return fatal_error(fmt::format(
            "--prometheus {}: the port of {}, {}, can't be opened: {}; the ports from {} to {} must be free",
            watch_.prometheus_port, node.name, watch.prometheus_port, bound.error().message,
            watch_.prometheus_port, watch_.prometheus_port + static_cast<int>(run_.nodes.size())));
      }
    }
    return {};
  }

  // Starts what is to run and does not. Fails where a node ended by itself with an error, or was killed again
  // and again right after its start.
  Status keep_running() {
    for (Supervised& supervised : nodes_) {
      if (supervised.finished) continue;
      if (!supervised.process) {
        if (supervised.quick_ends == 0 || supervised.since_end.seconds() > kRestartDelaySeconds)
          TRY(start(supervised));
        continue;
      }
      const std::optional<std::string> ended = supervised.process->ended();
      if (ended) TRY(handle_end(supervised, *ended));
    }
    return {};
  }

  // A ledger or a store that is away is waited for: its own nodes wait for it as well.
  Status make_due_blocks() {
    if (since_failure_ && since_failure_->seconds() < kRetrySeconds) return {};
    // No node can store anything: a window would end without their contributions.
    if (is_disk_full()) return {};
    const Status made = pacer_.make_due_blocks([this](int64_t window) { return find_missing(window); },
                                               [this](int64_t window) { return find_keyless(window); });
    if (made || made.error().kind != ErrorKind::kRetry) {
      since_failure_.reset();
      return made;
    }
    log(LogLevel::kWarning, "localnet", "no block can be made now: trying again",
        {{"reason", made.error().message}});
    since_failure_ = Stopwatch();
    return {};
  }

  [[nodiscard]] bool is_disk_full() const {
    std::error_code unknown;
    const std::filesystem::space_info space = std::filesystem::space(run_.folder, unknown);
    return !unknown && space.available < kLeastSpaceBytes;
  }

  // The nodes' own logs lie on the disk that has no room for them.
  void say_full_disk() {
    if (since_disk_look_ && since_disk_look_->seconds() < kDiskLookSeconds) return;
    since_disk_look_ = Stopwatch();
    if (!is_disk_full()) return;
    log(LogLevel::kWarning, "localnet", "the run's disk is full: nodes wait, and go on once there is room",
        {{"folder", run_.folder.string()}, {"reason", system_message(ENOSPC)}});
  }

  // Once validator and evaluator have finished, a miner that does not come to the end either stands still or
  // waits for what nobody publishes any more.
  void leave_miners_behind() {
    const auto is_awaited = [](const Supervised& supervised) {
      return !supervised.finished && supervised.node->role != NodeRole::kMiner;
    };
    if (all_finished() || std::ranges::any_of(nodes_, is_awaited)) return;
    if (!since_others_finished_) since_others_finished_ = Stopwatch();
    if (since_others_finished_->seconds() < kLongestEndSeconds) return;
    for (Supervised& supervised : nodes_) {
      if (supervised.finished) continue;
      log(LogLevel::kWarning, "localnet", "miner did not come to the end of the run and is stopped",
          {{"node", supervised.node->name}});
      if (supervised.process) supervised.process->request_stop();
      if (supervised.process) supervised.process->wait(kStopSeconds);
      supervised.process.reset();
      supervised.finished = true;
    }
  }

  [[nodiscard]] bool all_finished() const {
    return std::ranges::all_of(nodes_, [](const Supervised& supervised) { return supervised.finished; });
  }

  void stop_all() {
    for (Supervised& supervised : nodes_) {
      if (supervised.process) supervised.process->request_stop();
    }
    const Stopwatch watch;
    for (Supervised& supervised : nodes_) {
      if (supervised.process) supervised.process->wait(kStopSeconds - watch.seconds());
      supervised.process.reset();
    }
  }

 private:
  Status start(Supervised& supervised) {
    const LocalNode& node = *supervised.node;
    TRY_ASSIGN(supervised.process,
               TemplarProcess::start(node_arguments(node.role, node.config, watch_of(node)),
                                     run_.path("logs") / (node.name + ".log")));
    supervised.since_start = Stopwatch();
    Status noted = make_folder(node.config.state_folder);
    if (noted) {
      noted = write_file_atomically(node.config.state_folder / "pid",
                                    std::to_string(supervised.process->pid()) + "\n");
    }
    if (noted || noted.error().kind != ErrorKind::kRetry) return noted;
    // For people only: the node goes on without it.
    log(LogLevel::kWarning, "localnet", "the node's pid file could not be written",
        {{"node", node.name}, {"reason", noted.error().message}});
    return {};
  }

  // Each process has a port of its own for Prometheus: this one the first, then the nodes in their order; a
  // log of its own; and batches as large as suit its role where the localnet's are as large as by default.
  [[nodiscard]] WatchOptions watch_of(const LocalNode& node) const {
    WatchOptions watch = watch_;
    watch.log_file.clear();
    if (watch.influx.batch_size == WatchOptions().influx.batch_size)
      watch.influx.batch_size = default_watch_options(node.role).influx.batch_size;
    if (watch.prometheus_port > 0) watch.prometheus_port += 1 + static_cast<int>(&node - run_.nodes.data());
    return watch;
  }

  Status handle_end(Supervised& supervised, const std::string& outcome) {
    supervised.process.reset();
    supervised.since_end = Stopwatch();
    const LocalNode& node = *supervised.node;
    // One that has finished while an alarm stands says so to the log; the run's alarms are told at its end.
    if (outcome.empty() || outcome == fmt::format("exit code {}", kAlarmExitCode)) {
      supervised.finished = true;
      return {};
    }
    // Somebody stopped this one node: by a signal that it could not survive, or by one that it ended well on.
    const bool stopped =
        outcome.starts_with("signal") || outcome == fmt::format("exit code {}", kInterruptedExitCode);
    supervised.quick_ends =
        supervised.since_start.seconds() < kQuickEndSeconds ? supervised.quick_ends + 1 : 1;
    if (stopped && supervised.quick_ends > kMostQuickEnds) {
      return fatal_error(
          fmt::format("{} was stopped {} times in a row, each within {} s of its start ({}); see {}",
                      node.name, supervised.quick_ends, kQuickEndSeconds, outcome,
                      (run_.path("logs") / (node.name + ".log")).string()));
    }
    if (!stopped) {
      const std::filesystem::path file = run_.path("logs") / (node.name + ".log");
      const std::string reason = last_error_in(file);
      return fatal_error(fmt::format("{} ended with {}{}{}; see {}", node.name, outcome,
                                     reason.empty() ? "" : ": ", reason, file.string()));
    }
    log(LogLevel::kWarning, "localnet", "node was stopped and is started again",
        {{"node", node.name}, {"by", outcome}});
    return {};
  }

  Result<std::vector<std::string>> find_missing(int64_t window) {
    std::vector<std::string> missing;
    const bool asks = !store_.is_remote() || !since_asked_ || since_asked_->seconds() > kRemotePauseSeconds;
    if (asks) since_asked_ = Stopwatch();
    for (Supervised& supervised : nodes_) {
      if (supervised.node->role != NodeRole::kMiner || !supervised.process) continue;
      // A contribution is written once, and looked for until it is there.
      if (asks && supervised.published_window != window) {
        TRY_ASSIGN(const auto info, store_.all().head(supervised.bucket, contribution_key(window)));
        if (info) supervised.published_window = window;
      }
      if (supervised.published_window != window) missing.push_back(supervised.node->name);
    }
    return missing;
  }

  Result<std::vector<std::string>> find_keyless(int64_t window) {
    std::vector<std::string> keyless;
    for (const Supervised& supervised : nodes_) {
      if (supervised.node->role != NodeRole::kMiner || !supervised.process) continue;
      TRY_ASSIGN(const auto upload, store_.all().head(supervised.bucket, contribution_key(window)));
      TRY_ASSIGN(const auto key, store_.all().head(supervised.bucket, upload_key_key(window)));
      if (upload && !key) keyless.push_back(supervised.node->name);
    }
    return keyless;
  }

  const LocalRun& run_;
  const WatchOptions& watch_;
  const SystemClock clock_;
  const NetworkStore& store_;
  Timekeeper timekeeper_;
  BlockPacer pacer_;
  std::vector<Supervised> nodes_;
  std::optional<Stopwatch> since_others_finished_;  // validator and evaluator, at the end of the run
  std::optional<Stopwatch> since_failure_;          // of making a block, while it fails
  std::optional<Stopwatch> since_disk_look_;
  std::optional<Stopwatch> since_asked_;  // the miners' stores
};

// Drives the baseline on a thread of its own in this process.
class BaselineThread {
 public:
  explicit BaselineThread(std::unique_ptr<RunningNode> node)
      : node_(std::move(node)), thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            const auto progress = node_->advance();
            if (!progress && progress.error().kind == ErrorKind::kRetry) {
              // The nodes wait for the same, and say so.
              std::this_thread::sleep_for(kBaselineRetryPause);
              continue;
            }
            if (!progress) {
              log(LogLevel::kWarning, "localnet", "the baseline ended early",
                  {{"reason", progress.error().message}});
              break;
            }
            if (*progress == Progress::kFinished) break;
            node_->wait_for_news(*progress, [&stop] { return stop.stop_requested(); });
          }
          finished_ = true;
        }) {}
  [[nodiscard]] bool finished() const { return finished_; }

 private:
  std::unique_ptr<RunningNode> node_;
  std::atomic<bool> finished_{false};
  std::jthread thread_;
};

}  // namespace

Status run_processes(const LocalRun& run, const LocalnetOptions& options, const std::function<void()>& tick,
                     const std::function<bool()>& should_stop) {
  TRY_ASSIGN(const auto ledger, open_ledger(run.ledger, run.spec, {.is_cancelled = stop_requested}));
  std::optional<BaselineThread> baseline;
  if (options.baseline) {
    TRY_ASSIGN(auto node, open_baseline(baseline_config(run), kBaselineUid));
    baseline.emplace(std::move(node));
  }
  TRY_ASSIGN(const auto store,
             NetworkStore::open(run.nodes.front().config.store, run.spec, ledger->entries()));
  Supervisor supervisor(run, options.watch, *ledger, *store);
  TRY(supervisor.judge_ports());
  Stopwatch since_tick;
  while (!should_stop()) {
    TRY(supervisor.keep_running());
    supervisor.leave_miners_behind();
    supervisor.say_full_disk();
    if (supervisor.all_finished() && (!baseline || baseline->finished())) break;
    if (!supervisor.all_finished()) TRY(supervisor.make_due_blocks());
    if (since_tick.seconds() > 0.2) {
      tick();
      since_tick = Stopwatch();
    }
    std::this_thread::sleep_for(kSupervisionPause);
  }
  supervisor.stop_all();
  return {};
}

}  // namespace templar
