// The faults that scripts/planted-faults.sh plants must fit the sources: a fault that does not is tried no
// more, and nobody would notice.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <sstream>

#include "support/file_content.h"
#include "support/vectors.h"

namespace templar::testing {
namespace {

// The lines that the patch's parts find, by the file that they are of.
std::multimap<std::string, std::string> parts_of(const std::string& patch) {
  std::multimap<std::string, std::string> parts;
  std::string file;
  std::string* part = nullptr;
  std::istringstream lines(patch);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("--- a/")) {
      file = line.substr(6);
      part = nullptr;
    } else if (line.starts_with("@@")) {
      part = &parts.emplace(file, "")->second;
    } else if (part != nullptr && (line.starts_with(" ") || line.starts_with("-"))) {
      *part += line.substr(1) + "\n";
    }
  }
  return parts;
}

TEST(PlantedFaults, FitTheSources) {
  size_t patches = 0;
  for (const auto& entry : std::filesystem::directory_iterator(source_path("tests/planted"))) {
    const std::string name = entry.path().filename().string();
    const auto parts = parts_of(text_of(entry.path()));
    EXPECT_FALSE(parts.empty()) << name;
    for (const auto& [file, lines] : parts)
      EXPECT_NE(text_of(source_path(file)).find(lines), std::string::npos) << name << " in " << file;
    ++patches;
  }
  EXPECT_GE(patches, 20u);
}

}  // namespace
}  // namespace templar::testing
