// Kills a node's process at every step at which it changes the disk while it publishes checkpoints, fetches
// one, catches up and saves its own state, and leads a run; and holds each time that nobody sees a part of
// anything and that the next start ends where it would have ended without the kill. Prints how many kill
// points there were.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "adapters/file_store/file_object_store.h"
#include "adapters/sqlite_ledger/sqlite_notice_board.h"
#include "base/check.h"
#include "base/log/log.h"
#include "formats/checkpoint/checkpoint_folder.h"
#include "integration/kill_point.h"
#include "node/catch_up/checkpoint_search.h"
#include "node/validator/checkpoint_publisher.h"
#include "support/temporary_folder.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxSteps = 100'000;
constexpr uint64_t kShardBytes = 4000;  // several files for a very small model

void require(bool holds, const std::string& what) {
  if (holds) return;
  fmt::print(stderr, "kill_points: {}\n", what);
  std::exit(1);
}

// One kind of work, its folder empty at first. Kills it at its first step, lets the next run end; then at the
// second, and so on.
struct Work {
  std::string name;
  std::function<void(const fs::path& folder)> prepare;
  std::function<int(const fs::path& folder)> run;            // in a child; 0: done
  std::function<void(const fs::path& folder)> check_killed;  // what must hold at any instant
  std::function<void(const fs::path& folder)> check_finished;
};

int sweep(const Work& work) {
  for (int step = 1; step < kMaxSteps; ++step) {
    const TemporaryFolder folder;
    work.prepare(folder.path());
    const KilledRun first = run_and_kill_at(step, [&] { return work.run(folder.path()); });
    require(first.killed || first.status == 0, fmt::format("{}: ended with {}", work.name, first.status));
    work.check_killed(folder.path());
    if (first.killed) {
      const KilledRun second = run_and_kill_at(kMaxSteps, [&] { return work.run(folder.path()); });
      require(second.status == 0,
              fmt::format("{}: after a kill at step {}: ended with {}", work.name, step, second.status));
    }
    work.check_finished(folder.path());
    if (!first.killed) {
      fmt::print("{}: {} kill points\n", work.name, step - 1);
      std::fflush(stdout);
      return step - 1;
    }
  }
  require(false, work.name + ": does not end");
  return 0;
}

class KillPoints {
 public:
  int run() {
    play_run();
    int points = 0;
    points += sweep(publishing());
    points += sweep(fetching());
    points += sweep(catching_up());
    points += sweep(leading());
    fmt::print("{} kill points, each survived\n", points);
    return points >= 200 ? 0 : 1;
  }

 private:
  static constexpr int64_t kWindows = 4;

  // What a run without kills makes of four windows, three miners and a leader: contributions,
  // decisions, checkpoints and the last state root, all in memory.
  void play_run() {
    ValidatorNode leader(world_, kLeader, {.until_window = kWindows});
    std::vector<std::unique_ptr<MinerNode>> miners;
    for (uint32_t uid = 1; uid <= 3; ++uid)
      miners.push_back(std::make_unique<MinerNode>(world_, uid, MinerOptions{.until_window = kWindows}));
    const auto work = [](auto& node) {
      require(work_until_waiting(node).has_value(), "the run without kills failed");
    };
    work(leader.validator);
    for (int64_t window = 0; window < kWindows; ++window) {
      world_.ports.enter_window(window);
      for (auto& miner : miners) work(miner->miner);
      world_.ports.close_window(window);
      work(leader.validator);
      for (auto& miner : miners) work(miner->miner);
    }
    root_ = leader.replica().state_root();
    require(leader.replica().window() == kWindows, "the run without kills did not come to its end");
    require(miners[0]->miner.replica().state_root() == root_, "the run without kills diverged");
  }

  [[nodiscard]] ExpectedCheckpoint expected() const {
    return {world_.layout(), world_.environment.run_id, world_.ports.public_key(kLeader)};
  }

  // Every checkpoint that the leader's bucket lists can be loaded.
  void check_bucket(const fs::path& folder, bool finished) const {
    const FileObjectStore store(folder / "store", clock_);
    const auto windows = list_checkpoints(store, test_bucket(kLeader));
    require(windows.has_value(), "checkpoints can't be listed");
    ParameterBuffers parameters(world_.layout());
    ThreadTeam team(1);
    for (const int64_t window : *windows) {
      const auto loaded =
          load_checkpoint(store, test_bucket(kLeader), window, expected(), parameters.spans(), team);
      require(loaded.has_value(),
              fmt::format("checkpoint {} is half visible: {}", window, loaded ? "" : loaded.error().message));
    }
    const auto pointed = latest_checkpoint(store, test_bucket(kLeader));
    require(pointed.has_value(), "the pointer can't be read");
    const bool stands = !*pointed || std::ranges::find(*windows, **pointed) != windows->end();
    require(stands, "the pointer names a checkpoint that is not there");
    if (finished) require(*pointed && *pointed == windows->back(), "the pointer does not name the newest");
  }

  // A leader's uploads of windows 2, 4, 6, 8, of which two stay.
  [[nodiscard]] Work publishing() {
    return {.name = "publishing",
            .prepare = [](const fs::path&) {},
            .run =
                [this](const fs::path& folder) {
                  FileObjectStore store(folder / "store", clock_);
                  CheckpointPublisher publisher(
                      world_.spec(), store, world_.ports.key(kLeader),
                      {.shard_bytes = kShardBytes, .retention = {.keep_last = 2}, .tokenizer = {}});
                  ThreadTeam team(1);
                  for (const int64_t window : {2, 4, 6, 8}) {
                    auto values = std::make_shared<ParameterBuffers>(
                        random_values(world_.layout(), static_cast<uint64_t>(window)));
                    const Hash256 root =
                        compute_state_root(world_.layout(), std::as_const(*values).spans(), team);
                    publisher.begin(test_bucket(kLeader),
                                    {.window = window, .outer_step = window, .state_root = root},
                                    std::move(values));
                    if (!publisher.wait()) return 1;
                  }
                  return 0;
                },
            .check_killed = [this](const fs::path& folder) { check_bucket(folder, false); },
            .check_finished =
                [this](const fs::path& folder) {
                  check_bucket(folder, true);
                  const FileObjectStore store(folder / "store", clock_);
                  require(list_checkpoints(store, test_bucket(kLeader)).value() == std::vector<int64_t>{6, 8},
                          "what has expired is still there");
                }};
  }

  // No copy in the cache is a checkpoint unless it is a whole one.
  void check_cache(const fs::path& folder) const {
    ThreadTeam team(1);
    if (!fs::exists(folder / "cache")) return;
    for (const auto& entry : fs::directory_iterator(folder / "cache")) {
      if (!fs::exists(entry.path() / kManifestName)) continue;
      const auto report = verify_checkpoint(checkpoint_in_folder(entry.path()), std::nullopt, team);
      require(report && report->ok(), entry.path().string() + " is half a checkpoint");
    }
  }
  [[nodiscard]] NodeEnvironment environment_at(const fs::path& folder, const ObjectReader& store) const {
    return environment_at(folder, store, world_.ports.ledger);
  }
  [[nodiscard]] NodeEnvironment environment_at(const fs::path& folder, const ObjectReader& store,
                                               const LedgerReader& ledger) const {
    return {world_.spec(), store, ledger, *world_.ports.shards, metrics_, folder / "cache"};
  }

  // A node copies the leader's newest checkpoint, where it has an older one already.
  [[nodiscard]] Work fetching() {
    const auto run = [this](const fs::path& folder) {
      const NodeEnvironment environment = environment_at(folder, world_.ports.store);
      ParameterBuffers parameters(environment.layout);
      ThreadTeam team(1);
      const auto found =
          load_newest_checkpoint(environment, look_at_ledger(environment).value(), parameters.spans(), team);
      return found && *found && (*found)->info.window == kWindows ? 0 : 1;
    };
    return {.name = "fetching",
            .prepare =
                [this](const fs::path& folder) {
                  const NodeEnvironment environment = environment_at(folder, world_.ports.store);
                  ParameterBuffers parameters(environment.layout);
                  ThreadTeam team(1);
                  std::vector<Bytes> hidden;
                  for (const int64_t window : {int64_t{2}, kWindows}) {
                    const std::string key = checkpoint_manifest_key(window);
                    hidden.push_back(world_.ports.object(kLeader, key));
                    world_.ports.remove(kLeader, key);
                  }
                  const auto found = load_newest_checkpoint(environment, look_at_ledger(environment).value(),
                                                            parameters.spans(), team);
                  require(found && *found && (*found)->info.window == 0, "the older copy");
                  for (const int64_t window : {int64_t{2}, kWindows}) {
                    const Bytes& manifest = hidden[window == 2 ? 0 : 1];
                    world_.ports.put(kLeader, checkpoint_manifest_key(window), manifest);
                  }
                },
            .run = run,
            .check_killed = [this](const fs::path& folder) { check_cache(folder); },
            .check_finished = [this](const fs::path& folder) { check_cache(folder); }};
  }

  // A miner starts from the checkpoint of window 2, replays two windows and saves what is its own.
  [[nodiscard]] Work catching_up() {
    return {.name = "catching up",
            .prepare =
                [this](const fs::path&) {
                  for (const char* name : {"manifest.json", "model.safetensors"})
                    world_.ports.remove(kLeader, checkpoint_prefix(kWindows) + name);
                  world_.ports.remove(kLeader, kLatestCheckpointKey);
                },
            .run =
                [this](const fs::path& folder) {
                  const NodeEnvironment environment = environment_at(folder, world_.ports.store);
                  const auto engine = make_node_engine(world_.spec());
                  Miner miner(environment, world_.ports.store, *engine, world_.ports.key(kMiner),
                              {.until_window = kWindows, .state_file = folder / "miner.state"});
                  const auto progress = work_until_waiting(miner);
                  if (!progress || *progress != Progress::kFinished || !miner.save()) return 1;
                  return miner.replica().state_root() == root_ ? 0 : 2;
                },
            .check_killed = [this](const fs::path& folder) { check_cache(folder); },
            .check_finished = [this](const fs::path& folder) { check_cache(folder); }};
  }

  // A node's objects with that prefix into a file store, stamped as they were.
  void copy_objects(const fs::path& folder, uint32_t uid, std::string_view prefix) {
    FileObjectStore store(folder / "store", clock_);
    const auto objects = world_.ports.store.list(test_bucket(uid), prefix).value();
    for (const ObjectInfo& object : objects) {
      clock_.set(object.stored_at_ms);
      const Bytes content = world_.ports.object(uid, object.key);
      require(store.put(test_bucket(uid), object.key, content).has_value(), "object not copied");
    }
  }

  // The run's ledger as it would be if nobody had decided anything, in a file.
  void copy_ledger(const fs::path& folder) {
    const auto board = SqliteNoticeBoard::open(folder / "ledger.db").value();
    const std::vector<Notice> notices = world_.ports.board.list("").value();
    for (const Notice& notice : notices) {
      if (notice.key.starts_with("decisions/") || notice.key.starts_with("heartbeats/")) continue;
      require(board->write(notice.key, notice.content, {}).value_or(false), "notice not copied");
    }
  }

  // The leader of a run that has begun and all of whose windows are over: it decides and judges them one
  // after the other.
  [[nodiscard]] Work leading() {
    return {.name = "leading",
            .prepare =
                [this](const fs::path& folder) {
                  for (const uint32_t uid : world_.ports.miner_uids()) copy_objects(folder, uid, "");
                  copy_objects(folder, kLeader, checkpoint_prefix(0));
                  copy_ledger(folder);
                },
            .run =
                [this](const fs::path& folder) {
                  FileObjectStore store(folder / "store", clock_);
                  const auto board = SqliteNoticeBoard::open_existing(folder / "ledger.db").value();
                  const SignedLedger ledger(*board, world_.environment.run_id, test_owner().public_key());
                  LedgerWriter writer(*board, ledger, world_.ports.key(kLeader));
                  const NodeEnvironment environment = environment_at(folder, store, ledger);
                  const auto engine = make_node_engine(world_.spec());
                  Validator validator(
                      environment, store, writer, *engine, world_.ports.key(kLeader),
                      {.until_window = kWindows, .tokenizer = {}, .checkpoint_shard_bytes = kShardBytes});
                  const auto progress = work_until_waiting(validator);
                  if (!progress) fmt::print(stderr, "leading: {}\n", progress.error().message);
                  if (!progress || *progress != Progress::kFinished) return 1;
                  return validator.replica().state_root() == root_ ? 0 : 2;
                },
            .check_killed = [this](const fs::path& folder) { check_bucket(folder, false); },
            // Killed before it named the last checkpoint, it has nothing left to do: the pointer is a hint.
            .check_finished =
                [this](const fs::path& folder) {
                  check_bucket(folder, false);
                  const FileObjectStore store(folder / "store", clock_);
                  require(list_checkpoints(store, test_bucket(kLeader)).value().back() == kWindows,
                          "the last checkpoint is missing");
                }};
  }

  TestWorld world_;
  VirtualClock clock_;
  mutable MemoryMetricsSink metrics_;
  Hash256 root_;
};

}  // namespace
}  // namespace templar::testing

int main() {
  templar::set_log_levels({.lowest = templar::LogLevel::kError, .rooms = {}});
  return templar::testing::KillPoints().run();
}
