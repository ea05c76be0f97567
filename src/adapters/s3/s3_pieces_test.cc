#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

#include "adapters/s3/s3_object_store.h"
#include "support/expect_failure.h"
#include "support/strict_s3_server.h"

namespace templar::testing {
namespace {

constexpr uint64_t kPiecesMiB = uint64_t{1} << 20;

class S3Pieces : public ::testing::Test {
 protected:
  S3Pieces() {
    server_.add_user("owner", "owner-secret");
    server_.add_bucket("own", "owner");
    S3StoreOptions options;
    options.client.endpoint = parse_endpoint(server_.endpoint()).value();
    options.client.region = "auto";
    options.client.retry = {.most_retries = 4};
    options.between_writes = {};
    const Variables keys{{"AWS_ACCESS_KEY_ID", "owner"}, {"AWS_SECRET_ACCESS_KEY", "owner-secret"}};
    options.client.credentials = std::make_shared<CredentialSource>(keys, server_.clock, nullptr);
    store_.emplace(options, server_.clock);
  }
  static Bytes content(size_t size) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 31 + i / 251);
    return bytes;
  }

  StrictS3Server server_;
  std::optional<S3ObjectStore> store_;
};

}  // namespace

TEST_F(S3Pieces, GoesOnWhereABodyBrokeOff) {
  const Bytes large = content(kPiecesMiB);
  ASSERT_TRUE(store_->put("own", "name", large));
  server_.fail_next("GET", S3Fault::kCutBody, 3);
  Bytes got;
  const Status status = store_->get_pieces("own", "name", 2 * kPiecesMiB, [&](ByteView piece) -> Status {
    got.insert(got.end(), piece.begin(), piece.end());
    return {};
  });
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(got, large) << "each byte came once";
  EXPECT_EQ(server_.requests("GET"), 4);
}

TEST_F(S3Pieces, GoesOnWhereARangeBrokeOff) {
  const Bytes large = content(kPiecesMiB);
  ASSERT_TRUE(store_->put("own", "name", large));
  server_.fail_next("GET", S3Fault::kCutBody, 3);
  const ByteRange range{1000, kPiecesMiB - 1000};
  Bytes got;
  const Status status = store_->get_range_pieces("own", "name", range, [&](ByteView piece) -> Status {
    got.insert(got.end(), piece.begin(), piece.end());
    return {};
  });
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_TRUE(std::ranges::equal(got, ByteView(large).subspan(1000, kPiecesMiB - 2000)))
      << "each byte came once";
  EXPECT_EQ(server_.requests("GET"), 4);
  server_.fail_next("GET", S3Fault::kCutBody, 1);
  EXPECT_EQ(store_->get_range("own", "name", range), got);
}

TEST_F(S3Pieces, MixesNoRangeOfTwoObjects) {
  ASSERT_TRUE(store_->put("own", "name", content(kPiecesMiB)));
  server_.fail_next("GET", S3Fault::kCutBody);
  bool is_replaced = false;
  const Status status = store_->get_range_pieces("own", "name", {0, kPiecesMiB}, [&](ByteView) -> Status {
    if (!is_replaced) server_.place("own", "name", std::string(kPiecesMiB, 'x'));
    is_replaced = true;
    return {};
  });
  EXPECT_TRUE(fails(status, ErrorKind::kRetry, "what came is not what was put"));
}

TEST_F(S3Pieces, EndsARangeWithTheErrorOfItsSink) {
  ASSERT_TRUE(store_->put("own", "name", content(kPiecesMiB)));
  const auto full = [](ByteView) -> Status { return retry_error("the disk is full"); };
  EXPECT_TRUE(fails(store_->get_range_pieces("own", "name", {0, kPiecesMiB}, full), ErrorKind::kRetry,
                    "the disk is full"));
  EXPECT_EQ(server_.requests("GET"), 1);
}

TEST_F(S3Pieces, MixesNoTwoObjectsWhereOneIsReplacedMeanwhile) {
  ASSERT_TRUE(store_->put("own", "name", content(kPiecesMiB)));
  server_.fail_next("GET", S3Fault::kCutBody);
  bool is_replaced = false;
  const Status status = store_->get_pieces("own", "name", 2 * kPiecesMiB, [&](ByteView) -> Status {
    if (!is_replaced) server_.place("own", "name", std::string(kPiecesMiB, 'x'));
    is_replaced = true;
    return {};
  });
  EXPECT_TRUE(fails(status, ErrorKind::kRetry, "what came is not what was put"));
}

TEST_F(S3Pieces, HoldsPiecesAgainstTheHashOfThePut) {
  ASSERT_TRUE(store_->put("own", "name", content(kPiecesMiB)));
  server_.fail_next("GET", S3Fault::kWrongBytes);
  const auto ignore = [](ByteView) { return Status(); };
  EXPECT_TRUE(fails(store_->get_pieces("own", "name", kPiecesMiB, ignore), ErrorKind::kRetry,
                    "what came is not what was put"));
  EXPECT_TRUE(store_->get_pieces("own", "name", kPiecesMiB, ignore));
}

}  // namespace templar::testing
