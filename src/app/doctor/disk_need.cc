#include "app/doctor/disk_need.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "base/files/file.h"
#include "core/run/parameter_layout.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

// A miner's state is the error feedback and at most two moments of each parameter. There may be three files
// of it: the synced one, a newer one, and the next one while it is being written.
constexpr int64_t kMinerStateSets = 3;
constexpr int64_t kMinerStateFiles = 3;
// A checkpoint that arrives while the copy that was loaded last is still there.
constexpr int64_t kCheckpointCopies = 2;
// One more than is kept, while it is being written.
constexpr int64_t kUnfinishedCheckpoints = 1;
// Contributions are smaller than the parameters by more than that.
constexpr int64_t kLeastCompression = 100;

int64_t bytes_below(const fs::path& folder) {
  int64_t sum = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code unknown;
    const bool is_file = entry->is_regular_file(unknown);
    const uintmax_t size = is_file ? entry->file_size(unknown) : 0;
    if (!unknown) sum += static_cast<int64_t>(size);
  }
  return sum;
}

}  // namespace

std::vector<DiskNeed> disk_needs(const RunSpec& spec, NodeRole role, const NodeConfig& config,
                                 const fs::path& store, const std::string& bucket) {
  const int64_t one_set = parameter_count(parameter_layout(spec.model)) * static_cast<int64_t>(sizeof(float));
  const int64_t contribution = one_set / kLeastCompression;
  const NetworkSpec& network = spec.network;
  std::vector<DiskNeed> needs;
  const fs::path& state = config.state_folder;
  needs.push_back({"copies of checkpoints", state, kCheckpointCopies * one_set, state / "checkpoints"});
  if (role == NodeRole::kMiner)
    needs.push_back({"a miner's state", state, kMinerStateFiles * kMinerStateSets * one_set, state});
  // Of sealed uploads a validator has the sealed bytes and the opened ones.
  const int64_t forms = network.sealed_uploads && role == NodeRole::kValidator ? 2 : 1;
  if (role != NodeRole::kEvaluator) {
    needs.push_back(
        {"a window's contributions", "/var/tmp", forms * network.gather_peer_count * contribution, {}});
  }
  if (store.empty() || role == NodeRole::kEvaluator) return needs;

  const fs::path own = bucket.empty() ? fs::path() : store / bucket;
  const int64_t kept_windows = network.contribution_retention_windows;
  if (role == NodeRole::kMiner)
    needs.push_back({"contributions in the store", store, kept_windows * contribution, own});
  if (role == NodeRole::kValidator) {
    const int64_t checkpoints = (config.retention.keep_last + kUnfinishedCheckpoints) * one_set;
    const int64_t copies = kept_windows * network.gather_peer_count * contribution;
    needs.push_back(
        {"checkpoints and copies of contributions in the store", store, checkpoints + copies, own});
  }
  return needs;
}

std::vector<DiskRoom> room_for(const std::vector<DiskNeed>& needs) {
  std::map<dev_t, DiskRoom> rooms;
  std::vector<dev_t> order;
  for (const DiskNeed& need : needs) {
    const fs::path folder = nearest_folder(need.folder);
    struct stat status{};
    std::error_code error;
    const fs::space_info space = fs::space(folder, error);
    if (error || ::stat(folder.c_str(), &status) != 0) continue;
    const auto [room, is_new] = rooms.try_emplace(status.st_dev);
    if (is_new) {
      order.push_back(status.st_dev);
      room->second.folder = folder;
      room->second.available_bytes = static_cast<int64_t>(space.available);
    }
    room->second.what += (is_new ? "" : ", ") + need.what;
    const int64_t there = need.old_place.empty() ? 0 : bytes_below(need.old_place);
    room->second.missing_bytes += std::max<int64_t>(0, need.bytes - there);
  }
  std::vector<DiskRoom> found;
  for (const dev_t device : order) found.push_back(std::move(rooms.at(device)));
  return found;
}

fs::path nearest_folder(const fs::path& folder) {
  fs::path nearest = absolute_path(folder);
  while (!is_there(nearest) && nearest.has_relative_path()) nearest = nearest.parent_path();
  return nearest;
}

}  // namespace templar
