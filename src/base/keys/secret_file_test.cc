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

TEST(SecretFile, IsMadeOnceAndForItsOwnerAlone) {
  const TemporaryFolder folder;
  EXPECT_EQ(create_secret_file(folder / "a", "first\n"), true);
  EXPECT_EQ(create_secret_file(folder / "a", "second\n"), false);
  EXPECT_EQ(read_secret(folder / "a", ""), "first");
  std::error_code error;
  EXPECT_EQ(std::filesystem::status(folder / "a", error).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_TRUE(fails(create_secret_file(folder / "missing" / "a", "x"), ErrorKind::kFatal, "missing"));
}

TEST(RandomPassword, IsAnotherOneEachTimeAndShownInNoLog) {
  const std::string password = random_password();
  EXPECT_EQ(password.size(), 32u);
  EXPECT_NE(password, random_password());
  EXPECT_EQ(redact("it is " + password), "it is <secret>");
}

}  // namespace
}  // namespace templar::testing
