// Makes a data set beside the one that is there, and puts it in its place only when it is complete.
#pragma once

#include <filesystem>
#include <string>

#include "adapters/shards/data_manifest.h"
#include "base/files/folder_lock.h"
#include "base/result.h"

namespace templar {

// Owns the folder in which the new files are written: kPreparingFolder inside the data folder, locked against
// others who prepare there. What a preparation that was killed left in it is removed at the start;
// destruction without publish() removes it too, and the data folder with it where this object made it and
// nothing else is in it.
class DataPublisher {
 public:
  // Fails (fatal) where the folder can't be made or written, is being prepared by somebody else, or holds
  // shards that no manifest lists (of the reference system).
  [[nodiscard]] static Result<DataPublisher> start(const std::filesystem::path& folder);
  DataPublisher(DataPublisher&& other) noexcept;
  DataPublisher& operator=(DataPublisher&&) = delete;
  ~DataPublisher();

  // Where the new data set's files go.
  [[nodiscard]] const std::filesystem::path& staging() const { return staging_; }

  // Puts the new data set in the old one's place (complete_publication), which whoever opens the folder
  // brings to its end where this was killed. Returns the manifest's hash; fails (fatal) with the path.
  [[nodiscard]] Result<Hash256> publish(const DataManifest& manifest);

 private:
  DataPublisher(std::filesystem::path folder, FolderLock lock, bool made_folder);

  std::filesystem::path folder_;
  std::filesystem::path staging_;
  FolderLock lock_;  // of the staging folder
  bool made_folder_ = false;
};

}  // namespace templar
