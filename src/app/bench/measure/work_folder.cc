#include "app/bench/measure/work_folder.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

#include "app/terminal/stop_signal.h"
#include "base/files/file.h"

namespace templar {
namespace {

constexpr auto kPause = std::chrono::milliseconds(50);
constexpr int kTries = 10;  // who still works there may make a file while it goes away

void remove_folder(const std::filesystem::path& folder) {
  std::error_code error;
  for (int i = 0; i == 0 || (error && i < kTries); ++i) std::filesystem::remove_all(folder, error);
}

}  // namespace

WorkFolder::WorkFolder(std::filesystem::path folder) : path(std::move(folder)) {}

Result<std::unique_ptr<WorkFolder>> WorkFolder::create(const std::filesystem::path& parent) {
  std::string name = (parent / "templar-bench-XXXXXX").string();
  catch_stop_signals();
  if (::mkdtemp(name.data()) == nullptr) return file_error(parent, errno);
  std::unique_ptr<WorkFolder> made(new WorkFolder(name));
  made->watcher_ = std::jthread([folder = made->path](const std::stop_token& over) {
    while (!over.stop_requested()) {
      if (stop_requested()) {
        remove_folder(folder);
        ::_exit(kInterruptedExitCode);
      }
      std::this_thread::sleep_for(kPause);
    }
  });
  return made;
}

Result<std::unique_ptr<WorkFolder>> WorkFolder::create() {
  return create(temporary_folder());
}

WorkFolder::~WorkFolder() {
  watcher_ = std::jthread();
  remove_folder(path);
}

std::string temporary_folder() {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  return error ? "/var/tmp" : folder.string();
}

}  // namespace templar
