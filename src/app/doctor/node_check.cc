#include "app/doctor/node_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include "app/bench/measure/work_folder.h"
#include "app/doctor/disk_need.h"
#include "app/run/run_files.h"
#include "app/terminal/progress_line.h"
#include "app/world/network_store.h"
#include "app/world/node_memory.h"
#include "app/world/open_data.h"
#include "app/world/precision_option.h"
#include "base/available_memory.h"
#include "base/files/file.h"
#include "base/files/system_error.h"
#include "base/threads/processors.h"
#include "base/uuid.h"
#include "engine/cuda_engine.h"
#include "engine/device/device_memory.h"
#include "evaluation/task.h"
#include "node/evaluator/evaluator.h"
#include "ports/roster.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

// Blocks that may be missing before somebody should look whether any are made.
constexpr int64_t kMissedBlocks = 10;
constexpr int64_t kClockSlackMs = 5'000;
// A little more is needed than what can be counted before.
constexpr double kTightShare = 0.9;

// A folder where there is no address at all: an evaluator needs none.
Result<StoreAddress> store_of(const NodeConfig& config) {
  return parse_own_store(config.store.address);
}

// Where a data set from an address is looked at, so that nothing of it stays.
class ScratchFolder {
 public:
  ScratchFolder() : path_(fs::path(temporary_folder()) / ("templar-doctor-" + random_uuid())) {}
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string size_text(int64_t bytes) {
  return human_bytes(static_cast<uint64_t>(std::max<int64_t>(0, bytes)));
}

// "7.5 s", "3.0 hours", "12.0 days".
std::string age_text(int64_t time_ms) {
  const double seconds = static_cast<double>(time_ms) / 1000;
  constexpr double kHour = 3600;
  constexpr double kDay = 24 * kHour;
  if (seconds < 2 * kHour) return fmt::format("{:.1f} s", seconds);
  if (seconds < 2 * kDay) return fmt::format("{:.1f} hours", seconds / kHour);
  return fmt::format("{:.1f} days", seconds / kDay);
}

// Why nothing can be made in the folder; empty if something can.
std::string why_not_writable(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return folder.string() + " is no folder";
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return folder.string() + ": " + system_message(errno);
  return "";
}

class NodeCheck {
 public:
  NodeCheck(NodeRole role, const NodeConfig& config, const NodeCheckOptions& options, const Clock& clock,
            const std::function<void(const CheckedProperty&)>& seen)
      : role_(role), config_(config), options_(options), clock_(clock), seen_(seen) {}

  std::vector<CheckedProperty> run() {
    check_spec();
    if (role_ != NodeRole::kEvaluator) check_key();
    check_data_set();
    check_ledger();
    check_store_address();
    check_state();
    check_metrics_file();
    if (spec_) {
      check_disks();
      check_device();
      check_memory();
    }
    check_threads();
    if (role_ == NodeRole::kEvaluator) check_tasks();
    return std::move(found_);
  }

 private:
  void good(std::string name, std::string text) {
    note({CheckVerdict::kGood, std::move(name), std::move(text)});
  }
  void warn(std::string name, std::string text) {
    note({CheckVerdict::kWarning, std::move(name), std::move(text)});
  }
  void bad(std::string name, std::string text) {
    note({CheckVerdict::kBad, std::move(name), std::move(text)});
  }
  void note(CheckedProperty property) {
    found_.push_back(std::move(property));
    seen_(found_.back());
  }

  void check_spec() {
    auto spec = load_run_spec(config_.spec_file.string());
    if (!spec) return bad("run spec", spec.error().message);
    good("run spec", fmt::format("{}, run {}", spec->name, run_id(*spec).brief()));
    spec_ = *std::move(spec);
  }

  void check_key() {
    auto key = KeyPair::load(config_.key_file);
    if (!key) return bad("key", key.error().message + "; `templar key new FILE` makes one");
    key_ = key->public_key();
    good("key", config_.key_file.string());
  }

  // As a node opens it, without comparing contents with hashes: that reads everything.
  void check_data_set() {
    const ScratchFolder scratch;
    const DataOptions data{.data = config_.data, .cache_folder = scratch.path()};
    const auto opened = open_any_data(data);
    if (!opened) return bad("data", opened.error().message);
    if (spec_) {
      const Status fits = check_data(*spec_, *opened->shards, config_.data);
      if (!fits) return bad("data", fits.error().message);
    }
    if (opened->tokenizer == nullptr) return bad("data", config_.data + ": it does not say its tokenizer");
    tokenizer_ = opened->tokenizer;
    good("data",
         fmt::format(
             "{} shards{}{}", opened->shards->shard_count(), spec_ ? ", fit the run" : "",
             is_data_address(config_.data) ? "" : "; `templar data verify` compares them with their hashes"));
  }

  void check_ledger() {
    if (!spec_) {
      // Nobody can say whose word counts there: only whether it can be opened.
      const auto board = open_notice_board(config_.ledger, Hash256());
      if (!board) return bad("ledger", board.error().message);
      const auto revision = (*board)->revision();
      return revision ? good("ledger", config_.ledger) : bad("ledger", revision.error().message);
    }
    const auto ledger = open_ledger(config_.ledger, *spec_);
    if (!ledger) return bad("ledger", ledger.error().message);
    const auto roster = (*ledger)->entries().registrations();
    if (!roster) return bad("ledger", roster.error().message);
    const auto registered = [&](NodeRole role) {
      return std::ranges::count(*roster, role, &Registration::role);
    };
    const std::string text = fmt::format("registered: miners {}, validators {}", registered(NodeRole::kMiner),
                                         registered(NodeRole::kValidator));
    if (registered(NodeRole::kValidator) == 0 && role_ != NodeRole::kValidator) {
      warn("ledger", text + ": no window is settled before there is a validator");
    } else {
      good("ledger", text);
    }
    if (key_) check_registration(*roster);
    check_blocks((*ledger)->entries());
  }

  void check_registration(const std::vector<Registration>& roster) {
    const auto uid = uid_of(roster, *key_);
    if (!uid) return good("registration", "the key is new on this ledger: the node will register it");
    const NodeRole role = find_uid(roster, *uid)->role;
    if (role != role_) {
      return bad("registration",
                 fmt::format("the key is registered as a {}, uid {}: give this {} another --key",
                             name_of(role), *uid, name_of(role_)));
    }
    bucket_ = find_uid(roster, *uid)->bucket;
    good("registration", fmt::format("uid {}", *uid));
  }

  void check_blocks(const LedgerReader& ledger) {
    const auto block = ledger.latest_block();
    if (!block) return bad("blocks", block.error().message);
    if (!*block) return warn("blocks", "none has been made yet: nodes wait for the first");
    const int64_t age_ms = clock_.now_ms() - (*block)->time_ms;
    const std::string newest =
        fmt::format("the newest, {}, is {}", (*block)->number, age_text(std::abs(age_ms)));
    if (age_ms < -kClockSlackMs)
      return warn("blocks", newest + " ahead of this machine's clock: set the clock");
    const int64_t block_seconds = spec_ ? spec_->network.block_seconds : 0;
    if (spec_ && age_ms > kMissedBlocks * block_seconds * 1000 + kClockSlackMs) {
      return warn(
          "blocks",
          fmt::format(
              "{} old by this machine's clock, and there should be one every {} s: has the run stopped, or "
              "is the clock wrong? (A localnet's ledger has a time of its own.)",
              newest, block_seconds));
    }
    good("blocks", newest + " old");
  }

  void check_store_address() {
    if (config_.store.address.empty()) return;
    const auto address = store_of(config_);
    if (!address) return bad("store", address.error().message);
    if (const auto* file = std::get_if<FileAddress>(&*address); file != nullptr && !is_there(file->folder)) {
      const std::string reason = why_not_writable(nearest_folder(file->folder));
      if (!reason.empty()) return bad("store", fmt::format("can't be made: {}", reason));
      return warn("store", file->folder +
                               ": there is no such folder; the node would make it. Is this where the "
                               "other nodes of the run look?");
    }
    StoreCheckOptions options = options_.store;
    options.profile = config_.store.profile;
    if (spec_) {
      // As the node would open it, and what it would register.
      const MemoryNoticeBoard empty;
      const SignedLedger nobody(empty, Hash256{}, PublicKey{});
      const auto opened = NetworkStore::open(config_.store, *spec_, nobody);
      if (!opened) return bad("store", opened.error().message);
      options.peer_rules = peer_address_rules(spec_->network);
      const auto told = parse_store_address((*opened)->registered_address());
      if (told && std::holds_alternative<S3Address>(*told)) options.for_peers = std::get<S3Address>(*told);
    }
    const auto checked = check_store(*address, options, clock_, [&](const CheckedProperty& property) {
      note({property.verdict, "store " + property.name, property.text});
    });
    if (!checked) bad("store", checked.error().message);
  }

  void check_state() {
    const fs::path& folder = config_.state_folder;
    const fs::path nearest = nearest_folder(folder);
    if (const std::string reason = why_not_writable(nearest); !reason.empty())
      return bad("state", "the node can't write its state there: " + reason);
    if (!is_there(folder)) return good("state", folder.string() + ": is empty so far, the node will make it");
    // Without such a file nobody has ever worked there; taking the lock would make it.
    if (is_there(folder / FolderLock::kFileName)) {
      const auto lock = FolderLock::take(folder, LockScope::kProcess);
      if (!lock) return bad("state", lock.error().message);
    }
    good("state", folder.string());
  }

  void check_metrics_file() {
    const fs::path& file = config_.metrics_file;
    if (const Status status = refuse_own_file(file, WrittenAs::kWatching); !status)
      return bad("metrics", status.error().message);
    const std::string reason = why_not_writable(nearest_folder(absolute_path(file).parent_path()));
    if (!reason.empty()) return bad("metrics", reason);
    good("metrics", file.string());
  }

  void check_disks() {
    const auto address = store_of(config_);
    const auto* file = address ? std::get_if<FileAddress>(&*address) : nullptr;
    const fs::path store = file == nullptr ? fs::path() : fs::path(file->folder);
    for (const DiskRoom& room : room_for(disk_needs(*spec_, role_, config_, store, bucket_))) {
      const std::string text =
          fmt::format("{}: {} more are needed ({}), {} are free", room.folder.string(),
                      size_text(room.missing_bytes), room.what, size_text(room.available_bytes));
      const double tight_bytes = static_cast<double>(room.available_bytes) * kTightShare;
      if (room.missing_bytes > room.available_bytes) {
        bad("disk", text + ": make room, or name another place (--state, --store)");
      } else if (static_cast<double>(room.missing_bytes) > tight_bytes) {
        warn("disk", text + ": logs, measurements and other programs need some, too");
      } else {
        good("disk", text);
      }
    }
  }

  [[nodiscard]] EngineUse use() const {
    return role_ == NodeRole::kMiner ? EngineUse::kTraining : EngineUse::kEvaluating;
  }

  void check_device() {
    const EngineOptions engine = engine_options(*spec_, config_, use());
    if (const Status status = check_engine(spec_->model, spec_->inner, engine); !status)
      return bad("device", status.error().message);
    if (!config_.card) return good("device", fmt::format("the processor, {}", name_of(engine.precision)));
    if (const Status status = check_cuda_device(*config_.card); !status)
      return bad("device", status.error().message + "; --device cpu computes without a card");
    if (const Status status = check_device_precision(engine.precision); !status)
      return bad("device", status.error().message);
    // The card's free memory shows when it is taken.
    const auto made = make_engine(*spec_, config_, use());
    if (!made) return bad("device", made.error().message);
    good("device", fmt::format("card {}, {}, the model fits", *config_.card, name_of(engine.precision)));
  }

  void check_memory() {
    const NodeMemory memory =
        node_memory(*spec_, role_, engine_options(*spec_, config_, use()), config_.card.has_value());
    const int64_t needed = memory.beside.total() + (config_.card ? 0 : memory.engine.total());
    if (!options_.machine.memory_bytes)
      return warn("memory",
                  fmt::format("{} are needed; the system does not say what is free", size_text(needed)));
    const int64_t available = *options_.machine.memory_bytes;
    const std::string text =
        fmt::format("{} are needed, {} are free for this process", size_text(needed), size_text(available));
    if (needed > available) {
      bad("memory", text + ": a lower --micro-batch takes less" +
                        (role_ == NodeRole::kMiner ? ", and so does --recompute-layers" : "") +
                        "; `templar run memory` says what takes it");
    } else if (static_cast<double>(needed) > kTightShare * static_cast<double>(available)) {
      warn("memory", text + ": the program itself and the files that it maps come on top");
    } else {
      good("memory", text);
    }
  }

  void check_threads() {
    const int processors = options_.machine.processors;
    const std::string text =
        fmt::format("{} of {} processors that this process may use", config_.threads, processors);
    if (config_.threads > processors)
      return warn("threads",
                  text +
                      ": more than there are wait for each other; lower --threads, or raise the limit "
                      "(affinity, the control group's quota)");
    if (config_.threads < processors) return good("threads", text + "; --threads would use more");
    good("threads", text);
  }

  void check_tasks() {
    const EvaluationConfig& evaluation = config_.evaluation;
    if (!evaluation.backfill.empty()) {
      if (const auto range = parse_window_range(evaluation.backfill); !range)
        return bad("tasks", range.error().message);
    }
    if (evaluation.tasks_folder.empty()) return good("tasks", "none: the held-out loss alone is measured");
    const auto examples = parse_example_counts(evaluation.num_fewshot);
    if (!examples) return bad("tasks", examples.error().message);
    auto tasks = load_tasks(evaluation.tasks_folder, {evaluation.task_limit, *examples});
    if (!tasks) return bad("tasks", tasks.error().message);
    size_t questions = 0;
    for (Task& task : *tasks) {
      questions += task.questions.size();
      if (!spec_ || !tokenizer_) continue;
      const auto reason = leave_out_unscorable(task, *tokenizer_, spec_->inner.sequence_length);
      if (!reason) return bad("tasks", reason.error().message);
      if (*reason)
        warn("tasks",
             fmt::format("{} questions of {} can't be scored and are left out, the first because: {}",
                         task.left_out, task_form(task.kind).name, **reason));
    }
    good("tasks", fmt::format("{} with {} questions", tasks->size(), questions));
  }

  const NodeRole role_;
  const NodeConfig& config_;
  const NodeCheckOptions& options_;
  const Clock& clock_;
  const std::function<void(const CheckedProperty&)>& seen_;
  std::optional<RunSpec> spec_;
  std::optional<PublicKey> key_;
  std::string bucket_;  // of a key that is registered
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<CheckedProperty> found_;
};

}  // namespace

MachineRoom this_machine() {
  return {.processors = available_processors(), .memory_bytes = available_memory_bytes()};
}

std::vector<CheckedProperty> check_node(NodeRole role, const NodeConfig& config,
                                        const NodeCheckOptions& options, const Clock& clock,
                                        const std::function<void(const CheckedProperty&)>& seen) {
  return NodeCheck(role, config, options, clock, seen).run();
}

}  // namespace templar
