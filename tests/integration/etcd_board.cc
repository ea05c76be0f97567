// The contracts of notice boards and ledgers, and more, at a real cluster of etcd: etcd_board HOST:PORT,...
// [GoogleTest's options]. tests/integration/etcd_test.sh builds and drives it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>

#include "adapters/etcd_ledger/etcd_address.h"
#include "adapters/etcd_ledger/etcd_notice_board.h"
#include "base/base64.h"
#include "base/json/json.h"
#include "base/uuid.h"
#include "support/contracts/amendment_contract.h"
#include "support/contracts/ledger_contract.h"
#include "support/contracts/notice_board_contract.h"

namespace templar::testing {
namespace {

EtcdAddress cluster;  // that was named

EtcdBoardOptions board_options(const std::string& prefix) {
  EtcdBoardOptions options{.prefix = prefix, .client = {}, .watch = {}};
  options.client.endpoints = cluster.endpoints;
  return options;
}

std::string new_prefix() {
  return "test/" + random_uuid() + "/";
}

struct ClusterHarness {
  NoticeBoard& board() { return notices; }
  EtcdNoticeBoard notices{board_options(new_prefix())};
};

// As somebody else may who has the right to write there.
void put_raw(const std::string& key, const std::string& content) {
  const EtcdClient client(board_options("x/").client);
  const JsonObject body{{"key", to_base64(as_bytes(key))}, {"value", to_base64(as_bytes(content))}};
  ASSERT_TRUE(client.send({.path = "/v3/kv/put", .body = to_text(body), .what = "put of " + key}));
}

void write_all(const std::string& prefix, int count, size_t bytes) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      EtcdNoticeBoard board(board_options(prefix));
      for (int i = thread; i < count; i += 4)
        EXPECT_TRUE(board.write(fmt::format("k/{:05}", i), Bytes(bytes, 'x'), {}).value());
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Cluster, NoticeBoardContract, ClusterHarness);
INSTANTIATE_TYPED_TEST_SUITE_P(Cluster, LedgerContract, ClusterHarness);
INSTANTIATE_TYPED_TEST_SUITE_P(Cluster, AmendmentContract, ClusterHarness);

TEST(EtcdCluster, ListsMoreThanOnePage) {
  const std::string prefix = new_prefix();
  write_all(prefix, 2500, 10);
  const EtcdNoticeBoard board(board_options(prefix));
  const auto notices = board.list("k/").value();
  ASSERT_EQ(notices.size(), 2500u);
  for (size_t i = 0; i < notices.size(); ++i) EXPECT_EQ(notices[i].key, fmt::format("k/{:05}", i));
  EXPECT_EQ(board.last("k/").value()->key, "k/02499");
}

TEST(EtcdCluster, ListsWhatIsLargerThanAnAnswerMayBe) {
  const std::string prefix = new_prefix();
  write_all(prefix, 80, kMaxNoticeBytes);
  const EtcdNoticeBoard board(board_options(prefix));
  const auto notices = board.list("").value();
  ASSERT_EQ(notices.size(), 80u);
  for (const Notice& notice : notices) EXPECT_EQ(notice.content.size(), kMaxNoticeBytes);
  EXPECT_EQ(board.last("").value()->key, "k/00079");
}

TEST(EtcdCluster, KeepsPrefixesApart) {
  const std::string prefix = new_prefix();
  EtcdNoticeBoard one(board_options(prefix + "a/"));
  EtcdNoticeBoard other(board_options(prefix + "b/"));
  ASSERT_TRUE(one.write("x", as_bytes("1"), {}).value());
  EXPECT_TRUE(other.write("x", as_bytes("2"), std::vector<NoticeCondition>{{"x", 0}}).value());
  EXPECT_EQ(one.list("").value().size(), 1u);
  EXPECT_EQ(as_text(one.last("").value()->content), "1");
}

TEST(EtcdCluster, FindsTheLastWhateverOthersHaveWritten) {
  const std::string prefix = new_prefix();
  EtcdNoticeBoard board(board_options(prefix));
  const auto last = [&] {
    const auto found = board.last("b/").value();
    const auto anew = EtcdNoticeBoard(board_options(prefix)).last("b/").value();
    EXPECT_EQ(found, anew);
    return found ? found->key : "(none)";
  };
  EXPECT_EQ(last(), "(none)");
  put_raw(prefix + "b/~", "no key of a board");
  EXPECT_EQ(last(), "(none)");
  ASSERT_TRUE(board.write("b/0000000001", as_bytes("1"), {}).value());
  EXPECT_EQ(last(), "b/0000000001");
  ASSERT_TRUE(board.write("b/0000000010", as_bytes("1"), {}).value());
  EXPECT_EQ(last(), "b/0000000010");
  put_raw(prefix + "b/zz!", "no key of a board");
  EXPECT_EQ(last(), "b/0000000010");
  put_raw(prefix + "b/zzz", std::string(1'000'000, 'x'));
  EXPECT_EQ(last(), "b/zzz");
  EXPECT_TRUE(board.read("b/zzz").value()->content.empty());
  EXPECT_EQ(board.list("b/").value().size(), 3u);
}

TEST(EtcdCluster, WhereAServerIsMissingTheNextIsAsked) {
  EtcdBoardOptions options = board_options(new_prefix());
  options.client.endpoints.insert(options.client.endpoints.begin(), "http://127.0.0.1:1");
  EtcdNoticeBoard board(options);
  EXPECT_TRUE(fails(board.write("a", {}, {}), ErrorKind::kRetry, "127.0.0.1:1"));
  EXPECT_TRUE(board.write("a", {}, {}).value());
}

TEST(EtcdCluster, ReadsOnOverACompaction) {
  const std::string prefix = new_prefix();
  write_all(prefix, 20, 10);
  const EtcdNoticeBoard board(board_options(prefix));
  const EtcdClient client(board_options("x/").client);
  const JsonObject body{{"revision", std::to_string(board.revision().value())}, {"physical", true}};
  ASSERT_TRUE(client.send({.path = "/v3/kv/compaction", .body = to_text(body), .what = "compaction"}));
  EXPECT_EQ(board.list("k/").value().size(), 20u);
  EXPECT_TRUE(board.read("k/00000").value());
}

}  // namespace templar::testing

int main(int argc, char** argv) {
  using namespace templar;
  ::testing::InitGoogleTest(&argc, argv);
  const auto named = parse_etcd_address(fmt::format("etcd:http://{}/test", argc > 1 ? argv[1] : ""));
  if (!named) {
    fmt::print(stderr, "usage: etcd_board HOST:PORT,...: {}\n", named.error().message);
    return 2;
  }
  templar::testing::cluster = *named;
  return RUN_ALL_TESTS();
}
