// Every kind of shard source that is not in memory against the port's contract.
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <utility>

#include "adapters/shards/data_folder.h"
#include "support/contracts/shard_source_contract.h"
#include "support/pushed_data.h"

namespace templar::testing {
namespace {

std::unique_ptr<ShardSource> make_folder_source(const MemoryShardSourceContent& content) {
  static std::deque<TemporaryFolder> folders;
  const std::filesystem::path& folder = folders.emplace_back().path();
  write_shard_folder(folder, content);
  auto source = open_data_folder(folder);
  EXPECT_TRUE(source) << source.error().message;
  return *std::move(source);
}

std::unique_ptr<ShardSource> make_remote_source(const MemoryShardSourceContent& content) {
  static std::deque<PushedData> pushed;
  static std::deque<TemporaryFolder> caches;
  PushedData& data = pushed.emplace_back(content);
  auto source = RemoteShards::open(std::make_unique<HookedStore>(data.store, data.hooks),
                                   data.options(caches.emplace_back().path()));
  EXPECT_TRUE(source) << source.error().message;
  return *std::move(source);
}

INSTANTIATE_TEST_SUITE_P(Folder, ShardSourceContract, ::testing::Values(&make_folder_source));
INSTANTIATE_TEST_SUITE_P(Remote, ShardSourceContract, ::testing::Values(&make_remote_source));

}  // namespace
}  // namespace templar::testing
