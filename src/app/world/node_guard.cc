#include "app/world/node_guard.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "base/log/log_context.h"
#include "core/run/window_plan.h"
#include "ports/roster.h"

namespace templar {
namespace {

constexpr std::chrono::milliseconds kLookPause{1000};
constexpr std::chrono::milliseconds kGuardPart{50};  // who is asked to end does so at once
constexpr size_t kMakersNamed = 4;
// Beyond the model: metrics, logs, what a ledger grows by.
constexpr int64_t kSmallFilesBytes = int64_t{64} << 20;
// A disk is well again with a quarter more than that, so that an alarm does not come and go.
constexpr int64_t kSpareParts = 4;

double seconds(int64_t ms) {
  return static_cast<double>(ms) / 1000;
}

}  // namespace

int64_t least_free_bytes(const NodeEnvironment& environment) {
  constexpr int64_t kCopies =
      3;  // of the parameters in f32: a checkpoint, and a state that is being replaced
  return kSmallFilesBytes + kCopies * 4 * parameter_count(environment.layout);
}

int64_t NodeGuard::patience_ms() const {
  return std::max(kLeastPatienceMs, kMissedBlocks * environment_.spec.network.block_seconds * 1000);
}

int64_t NodeGuard::window() const {
  if (!seen_ || seen_->block < 0) return 0;
  return window_of_block(environment_.spec.network, seen_->block);
}

void NodeGuard::look() {
  if (options_.wall_time) look_at_blocks();
  look_at_disks();
}

void NodeGuard::look_at_blocks() {
  const int64_t now_ms = steady_.now_ms();
  // A ledger on another machine is not asked each second: it tells when it has changed.
  const bool is_new =
      !revision_ || environment_.ledger.wait_for_change(*revision_, std::chrono::milliseconds(0));
  if (!is_new) return judge_patience(now_ms);
  const auto revision = environment_.ledger.revision();
  const auto latest = revision ? environment_.ledger.latest_block() : std::unexpected(revision.error());
  revision_ = revision && latest ? std::optional(*revision) : std::nullopt;
  if (!latest) {
    if (!unreadable_since_ms_) unreadable_since_ms_ = now_ms;
    const int64_t since_ms = now_ms - *unreadable_since_ms_;
    if (since_ms < patience_ms()) return;
    return alarms_.raise({AlarmKind::kNoBlocks, window(),
                          fmt::format("the ledger can't be read, for {:.0f} s now: {}", seconds(since_ms),
                                      latest.error().message),
                          -1});
  }
  unreadable_since_ms_.reset();
  const int64_t number = *latest ? (*latest)->number : -1;
  if (!seen_ || seen_->block != number) {
    // The first one that is seen may be old.
    const bool has_come = seen_.has_value() && *latest;
    seen_ = {.block = number, .at_ms = now_ms};
    if (has_come) alarms_.settle(AlarmKind::kNoBlocks);
    return;
  }
  judge_patience(now_ms);
}

void NodeGuard::judge_patience(int64_t now_ms) {
  if (!seen_) return;
  // Before the first block the run has not begun: nodes may be there before it.
  const int64_t since_ms = now_ms - seen_->at_ms;
  if (seen_->block < 0 || since_ms < patience_ms() || seen_->is_missed) return;
  seen_->is_missed = true;  // who makes them is asked for once
  alarms_.raise(
      {AlarmKind::kNoBlocks, window(),
       fmt::format("no block has come for {:.0f} s, and one is due every {} s; the newest is {}. {}",
                   seconds(since_ms), environment_.spec.network.block_seconds, seen_->block,
                   who_makes_blocks()),
       seen_->block});
}

// Those that take over the time, in their order, with what was heard of them last.
std::string NodeGuard::who_makes_blocks() const {
  const auto roster = environment_.ledger.registrations();
  const auto heartbeats = environment_.ledger.heartbeats();
  if (!roster || !heartbeats) return "The ledger does not say who makes them";
  std::vector<std::string> makers;
  for (const Registration& validator : validators_by_stake(*roster)) {
    if (validator.is_removed || validator.stake <= 0 || makers.size() == kMakersNamed) continue;
    const auto heard = std::ranges::find(*heartbeats, validator.uid, &Heartbeat::uid);
    makers.push_back(heard == heartbeats->end()
                         ? fmt::format("{} (never heard of)", validator.uid)
                         : fmt::format("{} (last heard of at block {})", validator.uid, heard->block));
  }
  if (makers.empty()) return "No validator has stake: nobody may make blocks but the owner";
  return fmt::format("Who makes blocks, first the one whose turn it is: validator {}",
                     fmt::join(makers, ", "));
}

void NodeGuard::look_at_disks() {
  bool is_well = true;
  for (const std::filesystem::path& folder : options_.folders) {
    std::error_code unknown;
    const std::filesystem::space_info space = std::filesystem::space(folder, unknown);
    if (unknown) continue;
    const auto available = static_cast<int64_t>(std::min<uintmax_t>(space.available, INT64_MAX));
    if (available < options_.least_free_bytes) {
      return alarms_.raise({AlarmKind::kDiskLow, window(),
                            fmt::format("{}: {} MB are free, {} MB are needed to go on", folder.string(),
                                        available / 1'000'000, options_.least_free_bytes / 1'000'000),
                            0});
    }
    if (available < options_.least_free_bytes + options_.least_free_bytes / kSpareParts) is_well = false;
  }
  if (is_well) alarms_.settle(AlarmKind::kDiskLow);
}

GuardThread::GuardThread(const NodeEnvironment& environment, const NodeName& name, GuardOptions options)
    : guard_(environment, name, std::move(options), steady_),
      thread_([this, speaker = current_log_context()](const std::stop_token& stop) {
        const LogContext scope(speaker);
        while (!stop.stop_requested()) {
          guard_.look();
          for (auto pause = kLookPause; pause.count() > 0 && !stop.stop_requested(); pause -= kGuardPart)
            std::this_thread::sleep_for(std::min(pause, kGuardPart));
        }
      }) {}

GuardThread::~GuardThread() = default;

}  // namespace templar
