#include "base/keys/secret_file.h"

#include <gtest/gtest.h>

#include "base/log/secrets.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/text_files.h"

namespace templar::testing {
namespace {

TEST(ReadSecret, TakesTheFileWithoutItsLastLineEnds) {
  const TemporaryFolder folder;
  write_text(folder / "password", "from a file\r\n\n");
  EXPECT_EQ(read_secret(folder / "password", "from elsewhere"), "from a file");
  EXPECT_EQ(redact("it is: from a file"), "it is: <secret>");
}

TEST(ReadSecret, TakesWhatTheCallerHasIfNoFileIsNamed) {
  EXPECT_EQ(read_secret({}, "kept elsewhere"), "kept elsewhere");
  EXPECT_EQ(redact("it is: kept elsewhere"), "it is: <secret>");
  EXPECT_EQ(read_secret({}, ""), "");
}

TEST(ReadSecret, RefusesAFileThatHoldsNoSecret) {
  const TemporaryFolder folder;
  write_text(folder / "empty", "\n");
  write_text(folder / "long", std::string(5000, 'x'));
  EXPECT_TRUE(fails(read_secret(folder / "empty", "x"), ErrorKind::kFatal, "it is empty"));
  EXPECT_TRUE(fails(read_secret(folder / "long", "x"), ErrorKind::kFatal, "long"));
  EXPECT_TRUE(fails(read_secret(folder / "missing", "x"), ErrorKind::kFatal, "missing"));
}

}  // namespace
}  // namespace templar::testing
