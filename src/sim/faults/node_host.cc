#include "sim/faults/node_host.h"

#include <exception>
#include <system_error>

#include "sim/faults/node_life.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostBusySteps = 2000;
constexpr size_t kLongestPath = 4095;         // that Linux takes
constexpr std::string_view kStateFile = "s";  // "s.latest" is shorter than the name of what replaces it

// A path to the same folder, so long that no file with a longer name than a state's can be made in it, by
// root neither: what lies there can be read, and nothing written.
fs::path as_full_disk(const fs::path& folder) {
  std::string path = folder.string() + "/";
  constexpr size_t kRoom = 9;
  while (path.size() + 2 + kRoom <= kLongestPath) path += "./";
  if (path.size() + 1 + kRoom <= kLongestPath) path += "/";
  return path;
}

}  // namespace

NodeHost::NodeHost(HostSurroundings& surroundings, NodeIdentity identity)
    : surroundings_(surroundings),
      identity_(std::move(identity)),
      random_(surroundings.plan.seed, "host", identity_.index),
      calls_(identity_.name, surroundings.plan.seed, surroundings.plan.chances, surroundings.log,
             [this](int64_t for_ms) { doze(for_ms); }),
      own_clock_(surroundings.events),
      store_(surroundings.store, surroundings.stamps, calls_,
             [this](std::string_view bucket, std::string_view key, ByteView content) {
               if (bucket == identity_.bucket) surroundings_.on_put(*this, key, content);
             }) {
  std::error_code error;
  fs::create_directories(disk(), error);
}

NodeHost::~NodeHost() {
  if (actor_) actor_->end();
}

fs::path NodeHost::disk() const {
  return surroundings_.folder / fmt::format("node-{}", identity_.index);
}

fs::path NodeHost::state_file() const {
  return disk() / kStateFile;
}

void NodeHost::start() {
  if (is_lost_ || (actor_ && !actor_->has_ended())) return;
  actor_ = std::make_unique<Actor>([this] { live(); });
  ++lives_begun_;
  busy_steps_ = 0;
  vain_steps_ = 0;
  surroundings_.log.tell(identity_.name, "starts, life {}", lives_begun_);
  actor_->resume();
}

void NodeHost::start_after(int64_t delay_ms) {
  surroundings_.events.after(delay_ms, [this] { start(); });
}

void NodeHost::live() {
  try {
    const fs::path folder = disk_full_ ? as_full_disk(disk()) : disk();
    NodeLife life({.plan = surroundings_.plan,
                   .identity = identity_,
                   .store = store_,
                   .board = surroundings_.ledger.board(),
                   .calls = calls_,
                   .clock = own_clock_,
                   .shards = surroundings_.shards,
                   .metrics = surroundings_.metrics,
                   .state_file = folder / kStateFile,
                   .real_engine = surroundings_.real_engine});
    life_ = &life;
    const std::unique_ptr<NodeHost, void (*)(NodeHost*)> ended(this,
                                                               [](NodeHost* host) { host->life_ = nullptr; });
    for (;;) {
      const Result<Progress> outcome = life.advance();
      surroundings_.on_step(*this);
      if (!outcome && outcome.error().kind != ErrorKind::kRetry) {
        surroundings_.log.tell(identity_.name, "ends: {}", outcome.error().message);
        surroundings_.on_fatal(*this, outcome.error());
        start_after(surroundings_.plan.window_ms() / 2);
        return;
      }
      if (!outcome) surroundings_.log.tell(identity_.name, "tries again: {}", outcome.error().message);
      if (const int64_t pause_ms = pause_after(outcome); pause_ms > 0) doze(pause_ms);
    }
  } catch (const std::exception& thrown) {
    surroundings_.on_thrown(*this, thrown.what());
  } catch (const NodeKilled& killed) {
    end_life(killed.with_power_cut);
    start_after(1000 + static_cast<int64_t>(
                           random_.below(static_cast<uint64_t>(2 * surroundings_.plan.window_ms()))));
  }
}

int64_t NodeHost::pause_after(const Result<Progress>& outcome) {
  const int64_t block_ms = surroundings_.plan.spec.network.block_seconds * 1000;
  const auto jitter = [&](int64_t most) {
    return 1 + static_cast<int64_t>(random_.below(static_cast<uint64_t>(most)));
  };
  if (!outcome) return jitter(block_ms / 2);
  if (*outcome == Progress::kWorked) {
    vain_steps_ = 0;
    // Who works for ever without waiting would stop time.
    return ++busy_steps_ % kMostBusySteps == 0 ? jitter(block_ms) : 0;
  }
  busy_steps_ = 0;
  // Who waits in vain asks ever more seldom.
  if (*outcome != Progress::kAwaitsBlock) return jitter(block_ms / 4 * std::min<int64_t>(++vain_steps_, 4));
  const int64_t until_block = surroundings_.next_block_ms() - surroundings_.events.now_ms();
  return (until_block > 0 ? until_block : block_ms / 2) + jitter(block_ms / 12);
}

void NodeHost::doze(int64_t for_ms) {
  surroundings_.events.after(for_ms, [this, life = lives_begun_] { wake(life); });
  actor_->park();
}

void NodeHost::wake(int64_t life) {
  // A node that was killed meanwhile is not woken: its next life has waits of its own.
  if (life != lives_begun_ || actor_->has_ended()) return;
  if (surroundings_.events.now_ms() < paused_until_ms_) {
    surroundings_.events.at(paused_until_ms_, [this, life] { wake(life); });
    return;
  }
  actor_->resume();
}

void NodeHost::pause(int64_t for_ms) {
  paused_until_ms_ = std::max(paused_until_ms_, surroundings_.events.now_ms() + for_ms);
}

void NodeHost::kill(bool with_power_cut, std::optional<int64_t> back_after_ms) {
  if (!back_after_ms) is_lost_ = true;
  if (!actor_ || actor_->has_ended()) return;
  actor_->end();
  end_life(with_power_cut);
  if (back_after_ms) start_after(*back_after_ms);
}

void NodeHost::lose_disk() {
  std::error_code error;
  fs::remove_all(disk(), error);
  fs::create_directories(disk(), error);
}

void NodeHost::end_life(bool with_power_cut) {
  paused_until_ms_ = 0;
  if (!with_power_cut) return;
  // What was not synced may be torn, or gone.
  const fs::path unsynced = disk() / fmt::format("{}.latest", kStateFile);
  std::error_code error;
  const uintmax_t size = fs::file_size(unsynced, error);
  if (error) return;
  if (random_.below(2) == 0)
    fs::remove(unsynced, error);
  else
    fs::resize_file(unsynced, size / 2, error);
}

const Replica* NodeHost::replica() const {
  return life_ != nullptr ? life_->replica() : nullptr;
}

}  // namespace templar
