#include "node/miner/own_state.h"

#include <utility>

#include "base/files/file.h"
#include "base/log/log.h"
#include "core/protocol/object_keys.h"
#include "node/miner/miner_state.h"

namespace templar {
namespace {

constexpr std::string_view kOwnerRole = name_of(NodeRole::kMiner);

}  // namespace

// After a catch-up the optimiser's moments stay, whatever has happened. The feedback, what was learnt and not
// sent yet, stays only if it fits the model that the replica has come to.
Result<OwnState::Standing> OwnState::settle(const CatchUpReport& report, const Registration& self,
                                            const ObjectStore& store) {
  if (stage_ == Stage::kNotLoaded) {
    TRY(load(self.uid));
    stage_ = Stage::kLoaded;
  }
  // In a running process another model takes the place of one that was wrong or far behind, and the feedback
  // was made from that one. After a restart it only brings the model back.
  if (stage_ == Stage::kSettled && report.began_anew()) ended_before_.reset();
  const int64_t window = replica_.window();
  // It fits if it ends right before the replica's window, or with it: then the miner had contributed to this
  // window before it left the run. If it ends earlier, windows have passed since in which it was due; if
  // later, it comes from windows that this model has not seen.
  const bool fits = ended_before_ && (*ended_before_ == window || *ended_before_ == window + 1);
  // A null round in the last window of the feedback, or after it, ends it.
  const bool has_ended =
      ended_before_ && report.last_null_window && *report.last_null_window >= *ended_before_ - 1;
  // What the feedback has gone through is not trained again, also after a restart: it would enter it twice.
  Standing standing{.has_contributed = fits && *ended_before_ == window + 1, .unpublished = std::nullopt};
  if (standing.has_contributed && loaded_ && loaded_->window == window) {
    TRY_ASSIGN(const auto published, store.head(self.bucket, contribution_key(window)));
    if (!published) standing.unpublished = std::move(loaded_);
  }
  loaded_.reset();
  stage_ = Stage::kSettled;
  if (fits && !has_ended) return standing;
  trainer_.forget_feedback();
  const Unpublished* unpublished = standing.unpublished ? &*standing.unpublished : nullptr;
  // Or a restart brings it back.
  if (ended_before_ || report.began_anew())
    save_where_it_stands(window + (standing.has_contributed ? 1 : 0), unpublished, self.uid);
  return standing;
}

Status OwnState::save(int64_t ended_before, const Unpublished* unpublished, Durability durability) {
  if (file_.empty()) return {};
  TRY_ASSIGN(const OptimiserState optimiser, replica_.engine().optimiser_state());
  const MinerState state{.window = ended_before,
                         .iterations = trainer_.iterations,
                         .contribution = unpublished != nullptr ? unpublished->bytes : Bytes()};
  const bool is_synced = durability == Durability::kPowerCut;
  const std::filesystem::path file = is_synced ? file_ : latest_file();
  TRY(save_miner_state({file, environment_.run_id, environment_.layout}, state, trainer_.feedback(),
                       optimiser, durability));
  if (!is_synced) return {};
  std::error_code error;
  std::filesystem::remove(latest_file(), error);  // older now
  return error ? file_error(latest_file(), error.value()) : Status();
}

void OwnState::save_where_it_stands(int64_t ended_before, const Unpublished* unpublished, uint32_t uid) {
  if (file_.empty()) return;
  const auto phase = timeline_.phase("save");
  // A power cut costs the windows since the newest checkpoint anyway: its restart begins there.
  const bool is_before_checkpoint = ended_before % replica_.spec().network.checkpoint_interval == 0;
  const Status saved = save(ended_before, unpublished,
                            is_before_checkpoint ? Durability::kPowerCut : Durability::kKilledProcess);
  if (saved) return;
  log(LogLevel::kWarning, kOwnerRole, "own state not saved",
      {{"uid", uid}, {"window", replica_.window()}, {"reason", saved.error().message}});
}

// What is not synced to the disk stands beside what is: a power cut may tear it.
std::filesystem::path OwnState::latest_file() const {
  std::filesystem::path file = file_;
  file += ".latest";
  return file;
}

Status OwnState::load(uint32_t uid) {
  if (file_.empty()) return {};
  for (const std::filesystem::path& file : {latest_file(), file_}) {
    std::optional<MinerState> state;
    const Status loaded = replica_.engine().edit_optimiser_state([&](OptimiserState& optimiser) -> Status {
      TRY_ASSIGN(state, load_miner_state({file, environment_.run_id, environment_.layout},
                                         trainer_.feedback(), optimiser));
      return {};
    });
    TRY(fail_unless_skip(loaded));
    if (!loaded) {
      log(LogLevel::kWarning, kOwnerRole, "own state is unusable: going on without it",
          {{"uid", uid}, {"reason", loaded.error().message}});
    } else if (state) {
      ended_before_ = state->window;
      trainer_.iterations = state->iterations;
      if (!state->contribution.empty())
        loaded_ = {.window = state->window - 1, .bytes = std::move(state->contribution)};
      return {};
    }
  }
  return {};
}

}  // namespace templar
