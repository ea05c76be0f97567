// How much room on disks a node needs, by place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "app/world/node_world.h"
#include "core/run/run_spec.h"
#include "ports/ledger.h"

namespace templar {

struct DiskNeed {
  std::string what;
  std::filesystem::path folder;     // need not exist yet
  int64_t bytes = 0;                // in all, once the node has run for a while
  std::filesystem::path old_place;  // what is there already counts towards it
};

// What a node of that role keeps on disks of this machine. store: the folder of its store, empty where that
// is none; bucket: the node's own in it, empty if it has none. Sizes of contributions are upper estimates: a
// hundredth of the parameters. Not counted: the data set and its cache, metrics and logs, which have limits
// of their own, and checkpoints that are kept besides the newest.
[[nodiscard]] std::vector<DiskNeed> disk_needs(const RunSpec& spec, NodeRole role, const NodeConfig& config,
                                               const std::filesystem::path& store, const std::string& bucket);

// Of one file system: what a node needs there besides what it has there already, and what is free for it.
struct DiskRoom {
  std::filesystem::path folder;  // the first of those that need it, or the nearest above that exists
  std::string what;              // all that needs it
  int64_t missing_bytes = 0;
  int64_t available_bytes = 0;
};
// Adds up needs of one file system. What can't be asked about is left out.
[[nodiscard]] std::vector<DiskRoom> room_for(const std::vector<DiskNeed>& needs);

// The folder itself, or the nearest above that exists.
[[nodiscard]] std::filesystem::path nearest_folder(const std::filesystem::path& folder);

}  // namespace templar
