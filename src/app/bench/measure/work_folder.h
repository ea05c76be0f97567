// Where a benchmark works on the disk.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "base/result.h"

namespace templar {

// A new folder that goes away with all that is in it: with this, or when the process is asked to end
// (catch_stop_signals), which it then does at once, since a measurement can't be stopped in its middle.
class WorkFolder {
 public:
  // In that folder; fails (fatal) where none can be made there.
  [[nodiscard]] static Result<std::unique_ptr<WorkFolder>> create(const std::filesystem::path& parent);
  // In the system's folder for temporary files.
  [[nodiscard]] static Result<std::unique_ptr<WorkFolder>> create();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  ~WorkFolder();

  const std::filesystem::path path;

 private:
  explicit WorkFolder(std::filesystem::path folder);

  std::jthread watcher_;
};

// The system's folder for temporary files.
[[nodiscard]] std::string temporary_folder();

}  // namespace templar
