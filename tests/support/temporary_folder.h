// A folder of its own for a test, removed with all that is in it when the test ends.
#pragma once

#include <filesystem>

namespace templar::testing {

class TemporaryFolder {
 public:
  // Ends the test program with a message if none can be made.
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::filesystem::path& name) const {
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace templar::testing
