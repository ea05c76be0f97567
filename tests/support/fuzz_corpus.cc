#include "support/fuzz_corpus.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files/file.h"
#include "support/vectors.h"

namespace templar::testing {

void expect_fuzz_corpus(const std::string& fuzzer, const std::vector<std::pair<std::string, Bytes>>& seeds) {
  const std::filesystem::path folder = source_path("fuzz/corpus") / fuzzer;
  const bool write = std::getenv("TEMPLAR_WRITE_CORPUS") != nullptr;
  if (write) ASSERT_TRUE(make_folder(folder).has_value());
  for (const auto& [name, content] : seeds) {
    if (write) ASSERT_TRUE(write_file_atomically(folder / name, ByteView(content)).has_value());
    const auto stored = read_file(folder / name, content.size() + (size_t{1} << 20));
    ASSERT_TRUE(stored.has_value()) << stored.error().message;
    EXPECT_EQ(*stored, content) << fuzzer << "/" << name << ": TEMPLAR_WRITE_CORPUS=1 writes the corpus anew";
  }
}

}  // namespace templar::testing
