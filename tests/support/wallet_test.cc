#include "support/wallet.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "support/run_specs.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

TEST(WalletFixture, GivesOneKeyForOneNumber) {
  EXPECT_EQ(test_key(4).public_key(), test_key(4).public_key());
  EXPECT_NE(test_key(4).public_key(), test_key(5).public_key());
}

TEST(WalletFixture, WritesAKeyFileThatANodeCanLoad) {
  const TemporaryFolder folder;
  const auto loaded = KeyPair::load(write_wallet(folder.path(), 4));
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(loaded->public_key(), test_key(4).public_key());
}

TEST(WalletFixture, WritesARunSpecThatANodeCanLoad) {
  const TemporaryFolder folder;
  const RunSpec spec = small_run_spec();
  const auto content = read_file(write_config(folder.path(), spec), 1 << 20);
  ASSERT_TRUE(content.has_value());
  const auto loaded = parse_run_spec(as_text(*content));
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(run_id(*loaded), run_id(spec));
}

}  // namespace
}  // namespace templar::testing
