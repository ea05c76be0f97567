// The store contract and more against a real S3 server: s3_store ENDPOINT [GoogleTest's options]. Also counts
// the uploads in parts that are neither complete nor aborted: s3_store ENDPOINT count-uploads BUCKET.
// tests/integration/s3_test.sh builds and drives it; the server has the users miner and reader, whose keys
// are NAME-access and NAME-secret-key.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>

#include "adapters/s3/s3_bucket.h"
#include "adapters/s3/s3_object_store.h"
#include "base/random.h"
#include "base/uuid.h"
#include "support/contracts/object_store_contract.h"

namespace templar::testing {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

const SystemClock kClock;
S3Endpoint endpoint;  // of the server that was named

Variables keys_of(const std::string& user) {
  return {{"AWS_ACCESS_KEY_ID", user + "-access"}, {"AWS_SECRET_ACCESS_KEY", user + "-secret-key"}};
}

S3ClientOptions client_of(const std::string& user) {
  S3ClientOptions options{.endpoint = endpoint};
  options.retry.most_retries = 2;
  if (!user.empty()) options.credentials = std::make_shared<CredentialSource>(keys_of(user), kClock, nullptr);
  return options;
}

S3ObjectStore store_of(const std::string& user, const std::string& root) {
  return {{.root = root,
           .client = client_of(user),
           .multipart_from_bytes = 16 * kMiB,
           .part_bytes = 5 * kMiB,
           .between_writes = {}},
          kClock};
}

// A bucket of the miner's, which all may read, or those whom a policy names.
Status make_bucket_for(const std::string& name, bool is_public, const std::string& policy) {
  S3Client client(client_of("miner"), kClock);
  for (int times = 0; times < 2; ++times) TRY(make_bucket(client, "us-east-1", name, is_public));
  if (policy.empty()) return {};
  const std::string text = fmt::format(fmt::runtime(policy), fmt::arg("bucket", name));
  TRY(client.send(
      {.method = "PUT", .bucket = name, .key = "", .query = {{"policy", ""}}, .body = as_bytes(text)}));
  return {};
}

std::string new_bucket(bool is_public = false, const std::string& policy = "") {
  const std::string name = "b-" + random_uuid();
  const Status made = make_bucket_for(name, is_public, policy);
  EXPECT_TRUE(made) << made.error().message;
  return name;
}

constexpr const char* kReadingByKey =
    R"({{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": {{"AWS": ["arn:aws:iam:::user/reader"]}},
         "Action": ["s3:GetObject", "s3:ListBucket"],
         "Resource": ["arn:aws:s3:::{bucket}", "arn:aws:s3:::{bucket}/*"]}}]}})";

struct ServerHarness {
  ServerHarness() {
    static const std::string bucket = new_bucket();
    static std::atomic<int> tests = 0;
    store_at.reset(new S3ObjectStore(store_of("miner", fmt::format("{}/test-{}", bucket, ++tests))));
  }
  ObjectStore& store() { return *store_at; }
  bool advance_ms(int64_t) { return false; }
  std::unique_ptr<S3ObjectStore> store_at;
};

Bytes content_of(size_t size) {
  Random random(size);
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
  return bytes;
}

size_t open_uploads(const std::string& bucket) {
  S3Client client(client_of("miner"), kClock);
  const auto reply = client.send({.method = "GET", .bucket = bucket, .key = "", .query = {{"uploads", ""}}});
  EXPECT_TRUE(reply) << reply.error().message;
  size_t uploads = 0;
  const std::string_view text = as_text(reply->body);
  for (size_t at = text.find("<UploadId>"); at != std::string_view::npos;
       at = text.find("<UploadId>", at + 1))
    ++uploads;
  return uploads;
}

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Server, ObjectStoreContract, ServerHarness);

TEST(S3Server, TakesWhatIsLargeInParts) {
  const std::string bucket = new_bucket();
  S3ObjectStore store = store_of("miner", "");
  const Bytes content = content_of(23 * kMiB + 5);
  const Status put = store.put(bucket, "large", content);
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(store.get(bucket, "large", content.size()).value(), content);
  const Bytes middle = store.get_range(bucket, "large", {7 * kMiB, 16 * kMiB}).value();
  EXPECT_TRUE(std::equal(middle.begin(), middle.end(), content.begin() + 7 * kMiB));
  const Status broken = store.put_pieces(bucket, "broken", 40 * kMiB, [&](const auto& sink) -> Status {
    TRY(sink(content));
    return skip_error("the source broke");
  });
  EXPECT_TRUE(fails(broken, ErrorKind::kSkip, "the source broke"));
  EXPECT_EQ(store.head(bucket, "broken").value(), std::nullopt);
  EXPECT_EQ(open_uploads(bucket), 0u);
}

TEST(S3Server, ListsMoreThanOnePage) {
  const std::string bucket = new_bucket();
  S3ObjectStore store = store_of("miner", "");
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = thread; i < 1100; i += 8) EXPECT_TRUE(store.put(bucket, fmt::format("k/{:04}", i), {}));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto listed = store.list(bucket, "k/").value();
  ASSERT_EQ(listed.size(), 1100u);
  for (int i = 0; i < 1100; ++i) EXPECT_EQ(listed[static_cast<size_t>(i)].key, fmt::format("k/{:04}", i));
}

TEST(S3Server, KeepsUsersApart) {
  const std::string closed = new_bucket();
  const std::string open = new_bucket(true);
  const std::string shared = new_bucket(false, kReadingByKey);
  S3ObjectStore miner = store_of("miner", "");
  for (const std::string& bucket : {closed, open, shared})
    ASSERT_TRUE(miner.put(bucket, "name", as_bytes("content")));
  S3ObjectStore reader = store_of("reader", "");
  S3ObjectStore anybody = store_of("", "");
  EXPECT_TRUE(fails(reader.get(closed, "name", 100), ErrorKind::kFatal, "AccessDenied"));
  EXPECT_TRUE(fails(anybody.get(closed, "name", 100), ErrorKind::kFatal, "it is not public"));
  EXPECT_EQ(as_text(anybody.get(open, "name", 100).value()), "content");
  EXPECT_EQ(anybody.head(open, "missing").value(), std::nullopt);
  EXPECT_EQ(as_text(reader.get(shared, "name", 100).value()), "content");
  EXPECT_EQ(reader.list(shared, "").value().size(), 1u);
  EXPECT_TRUE(fails(anybody.get(shared, "name", 100), ErrorKind::kFatal, "it is not public"));
  for (S3ObjectStore* store : {&reader, &anybody}) {
    for (const std::string& bucket : {closed, open, shared}) {
      EXPECT_TRUE(fails(store->put(bucket, "name", as_bytes("x")), ErrorKind::kFatal, "403")) << bucket;
      EXPECT_TRUE(fails(store->remove(bucket, "name"), ErrorKind::kFatal, "403")) << bucket;
    }
  }
}

TEST(S3Server, RefusesWrongKeysInWordsThatHelp) {
  const std::string bucket = new_bucket();
  S3ClientOptions options = client_of("miner");
  const Variables wrong{{"AWS_ACCESS_KEY_ID", "miner-access"}, {"AWS_SECRET_ACCESS_KEY", "not-the-key"}};
  options.credentials = std::make_shared<CredentialSource>(wrong, kClock, nullptr);
  S3ObjectStore store({.root = "", .client = options}, kClock);
  const Status status = store.put(bucket, "name", {});
  EXPECT_TRUE(fails(status, ErrorKind::kFatal, "the secret is not theirs"));
  EXPECT_EQ(status.error().message.find("not-the-key"), std::string::npos);
  EXPECT_TRUE(
      fails(store_of("miner", "").put("no-such-" + bucket, "name", {}), ErrorKind::kFatal, "make it"));
}

TEST(S3Server, TakesAClockThatIsWrongByAnHour) {
  const std::string bucket = new_bucket();
  for (const int64_t off_ms : {-3600'000, 3600'000}) {
    const VirtualClock clock(kClock.now_ms() + off_ms);
    S3ClientOptions options = client_of("miner");
    S3ObjectStore store({.root = "", .client = options}, clock);
    const Status put = store.put(bucket, "name", as_bytes("x"));
    EXPECT_TRUE(put) << put.error().message;
    EXPECT_NEAR(static_cast<double>(store.clock_offset_ms()), static_cast<double>(-off_ms), 5000);
  }
}

}  // namespace templar::testing

int main(int argc, char** argv) {
  using namespace templar::testing;
  ::testing::InitGoogleTest(&argc, argv);
  const auto named = templar::parse_endpoint(argc > 1 ? argv[1] : "");
  if (!named) {
    fmt::print(stderr, "usage: s3_store ENDPOINT: {}\n", named.error().message);
    return 2;
  }
  endpoint = *named;
  const std::string_view command = argc > 3 ? argv[2] : "";
  if (command != "count-uploads") return RUN_ALL_TESTS();
  fmt::print("{}\n", open_uploads(argv[3]));
  return 0;
}
