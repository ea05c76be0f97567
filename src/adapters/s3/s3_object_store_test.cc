#include "adapters/s3/s3_object_store.h"

#include <atomic>
#include <fstream>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "adapters/s3/address_guard.h"
#include "base/random.h"
#include "base/threads/cancellation.h"
#include "support/captured_logs.h"
#include "support/contracts/object_store_contract.h"
#include "support/strict_s3_server.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

S3StoreOptions options_for(const StrictS3Server& server, const std::string& root, const Variables& keys,
                           const Clock& clock) {
  S3StoreOptions options;
  options.root = root;
  options.client.endpoint = parse_endpoint(server.endpoint()).value();
  options.client.region = "auto";
  options.client.retry = {.most_retries = 4};
  options.between_writes = {};
  options.client.credentials = std::make_shared<CredentialSource>(keys, clock, nullptr);
  return options;
}

const Variables kOwner{{"AWS_ACCESS_KEY_ID", "owner"}, {"AWS_SECRET_ACCESS_KEY", "owner-secret"}};

struct S3Harness {
  S3Harness() {
    server.add_user("owner", "owner-secret");
    server.add_bucket("shared", "owner");
    files.emplace(options_for(server, "shared/a/prefix", kOwner, server.clock), server.clock);
  }
  ObjectStore& store() { return *files; }
  bool advance_ms(int64_t by_ms) {
    // HTTP tells times in whole seconds.
    if (by_ms % 1000 != 0) return false;
    server.clock.advance(by_ms);
    return true;
  }
  StrictS3Server server;
  std::optional<S3ObjectStore> files;
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(S3, ObjectStoreContract, S3Harness);

class S3Store : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.add_user("owner", "owner-secret");
    server_.add_user("other", "other-secret");
    server_.add_bucket("private", "owner");
    server_.add_bucket("public", "owner", true);
    options_ = options_for(server_, "", kOwner, clock_);
    options_.part_bytes = 5 * kMiB;
    options_.multipart_from_bytes = 10 * kMiB;
    clock_.set(server_.clock.now_ms());
  }
  S3ObjectStore store() { return {options_, clock_}; }
  void as(const std::string& name) {
    const Variables keys{{"AWS_ACCESS_KEY_ID", name}, {"AWS_SECRET_ACCESS_KEY", name + "-secret"}};
    options_.client.credentials = std::make_shared<CredentialSource>(keys, clock_, nullptr);
  }
  static Bytes content(size_t size) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 31 + i / 251);
    return bytes;
  }

  StrictS3Server server_{StrictS3Server::Rules{.most_listed = 3}};
  VirtualClock clock_;
  S3StoreOptions options_;
};

TEST_F(S3Store, ListsAPageAfterTheOther) {
  S3ObjectStore store = this->store();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(store.put("private", "k/" + std::to_string(i), as_bytes("x")));
  server_.place("private", "k/no name of ours", "x");
  EXPECT_EQ(store.list("private", "k/").value().size(), 10u);
  EXPECT_EQ(server_.requests("GET"), 4);
}

TEST_F(S3Store, TellsTheServersTime) {
  clock_.advance(60'000);
  ASSERT_TRUE(store().put("private", "name", as_bytes("x")));
  EXPECT_EQ(store().head("private", "name").value()->stored_at_ms, server_.clock.now_ms());
  EXPECT_EQ(store().list("private", "").value().at(0).stored_at_ms, server_.clock.now_ms());
}

TEST_F(S3Store, KeepsRightsApart) {
  ASSERT_TRUE(store().put("private", "name", as_bytes("mine")));
  ASSERT_TRUE(store().put("public", "name", as_bytes("for all")));
  as("other");
  EXPECT_TRUE(
      fails(store().put("private", "name", as_bytes("x")), ErrorKind::kFatal, "not allowed to do this"));
  EXPECT_TRUE(fails(store().put("public", "name", as_bytes("x")), ErrorKind::kFatal, "AccessDenied"));
  EXPECT_TRUE(fails(store().get("private", "name", 100), ErrorKind::kFatal, "403"));
  EXPECT_EQ(as_text(store().get("public", "name", 100).value()), "for all");
  options_.client.credentials = nullptr;
  EXPECT_EQ(as_text(store().get("public", "name", 100).value()), "for all");
  options_.client.refusal = ErrorKind::kSkip;
  EXPECT_TRUE(fails(store().get("private", "name", 100), ErrorKind::kSkip, "it is not public"));
  EXPECT_EQ(server_.requests("PUT"), 4) << "a no is not asked again";
}

TEST_F(S3Store, SaysWhatToDoAboutWrongKeysAndPlaces) {
  as("nobody");
  EXPECT_TRUE(fails(store().put("private", "name", {}), ErrorKind::kFatal, "does not know these keys"));
  const Variables wrong{{"AWS_ACCESS_KEY_ID", "owner"}, {"AWS_SECRET_ACCESS_KEY", "wrong secret"}};
  options_.client.credentials = std::make_shared<CredentialSource>(wrong, clock_, nullptr);
  const Status status = store().put("private", "name", {});
  EXPECT_TRUE(fails(status, ErrorKind::kFatal, "the secret is not theirs"));
  EXPECT_EQ(status.error().message.find("wrong secret"), std::string::npos);
  as("owner");
  EXPECT_TRUE(fails(store().put("no-such-bucket", "name", {}), ErrorKind::kFatal, "no such bucket: make it"));
  options_.client.region = "us-east-1";
  EXPECT_TRUE(fails(store().put("private", "name", {}), ErrorKind::kFatal, "check endpoint and region"));
}

TEST_F(S3Store, PutsWhatIsLargeInPartsOfOneSize) {
  const Bytes large = content(23 * kMiB + 17);
  ASSERT_TRUE(store().put("private", "large", large));
  EXPECT_EQ(server_.parts("private", "large"),
            (std::vector<size_t>{5 * kMiB, 5 * kMiB, 5 * kMiB, 5 * kMiB, 3 * kMiB + 17}));
  EXPECT_EQ(store().get("private", "large", large.size()).value(), large);
  EXPECT_EQ(server_.open_uploads(), 0u);
  ASSERT_TRUE(store().put("private", "small", content(kMiB)));
  EXPECT_TRUE(server_.parts("private", "small").empty());
}

TEST_F(S3Store, AbortsAnUploadInPartsThatFails) {
  const Bytes large = content(20 * kMiB);
  server_.fail_next("PUT", S3Fault::kForbidden);
  EXPECT_TRUE(fails(store().put("private", "large", large), ErrorKind::kFatal, "AccessDenied"));
  const auto broken = store().put_pieces("private", "large", large.size(), [&](const auto& sink) -> Status {
    TRY(sink(ByteView(large).first(12 * kMiB)));
    return skip_error("the source broke");
  });
  EXPECT_TRUE(fails(broken, ErrorKind::kSkip, "the source broke"));
  const auto short_source =
      store().put_pieces("private", "large", large.size(),
                         [&](const auto& sink) -> Status { return sink(ByteView(large).first(12 * kMiB)); });
  EXPECT_TRUE(fails(short_source, ErrorKind::kFatal, "were announced"));
  EXPECT_EQ(server_.open_uploads(), 0u);
  EXPECT_EQ(store().head("private", "large").value(), std::nullopt);
}

TEST_F(S3Store, TriesAgainWhatMayPass) {
  ASSERT_TRUE(store().put("private", "name", as_bytes("content")));
  for (const S3Fault fault : {S3Fault::kUnavailable, S3Fault::kTooManyRequests, S3Fault::kServerError,
                              S3Fault::kNotImplemented, S3Fault::kCutBody, S3Fault::kWrongBytes}) {
    server_.fail_next("GET", fault);
    const auto got = store().get("private", "name", 1000);
    ASSERT_TRUE(got) << static_cast<int>(fault) << got.error().message;
    EXPECT_EQ(as_text(*got), "content");
  }
  EXPECT_EQ(server_.requests("GET"), 12);
  server_.fail_next("GET", S3Fault::kUnavailable, 5);
  EXPECT_TRUE(fails(store().get("private", "name", 1000), ErrorKind::kRetry, "given up after 5 attempts"));
  server_.fail_next("GET", S3Fault::kNotImplemented, 2);
  EXPECT_TRUE(fails(store().get("private", "name", 1000), ErrorKind::kFatal, "501"));
}

TEST_F(S3Store, SaysThatWhatComesIsNotWhatWasPut) {
  ASSERT_TRUE(store().put("private", "name", as_bytes("content")));
  server_.fail_next("GET", S3Fault::kWrongBytes, 2);
  EXPECT_TRUE(fails(store().get("private", "name", 100), ErrorKind::kRetry, "not what was put"));
}

TEST_F(S3Store, FindsAPutWhoseAnswerWasLost) {
  for (const S3Fault fault : {S3Fault::kDoneButServerError, S3Fault::kDoneButCutAnswer}) {
    const std::string name = "put-" + std::to_string(static_cast<int>(fault));
    server_.fail_next("PUT", fault);
    ASSERT_TRUE(store().put("private", name, as_bytes("content")));
    EXPECT_EQ(server_.writes("private", name), 1) << "it is not put twice";
    EXPECT_EQ(as_text(store().get("private", name, 100).value()), "content");
  }
  // Also after the last attempt.
  options_.client.retry = {.most_retries = 0};
  server_.fail_next("PUT", S3Fault::kDoneButServerError);
  EXPECT_TRUE(store().put("private", "last", as_bytes("content")));
  server_.fail_next("PUT", S3Fault::kServerError);
  EXPECT_TRUE(
      fails(store().put("private", "none", as_bytes("content")), ErrorKind::kRetry, "given up after 1"));
  options_.client.retry = {.most_retries = 4};
  // The same content was there before: that is not this put.
  server_.fail_next("PUT", S3Fault::kServerError);
  ASSERT_TRUE(store().put("private", "put-3", as_bytes("content")));
  EXPECT_EQ(server_.writes("private", "put-3"), 2);
}

TEST_F(S3Store, FindsAnUploadInPartsWhoseAnswerWasLost) {
  const Bytes large = content(11 * kMiB);
  server_.fail_next("POST", S3Fault::kUnavailable);
  ASSERT_TRUE(store().put("private", "large", large));
  for (const S3Fault fault :
       {S3Fault::kDoneButServerError, S3Fault::kDoneButCutAnswer, S3Fault::kCompletionError}) {
    S3ObjectStore store = this->store();
    const std::string name = "large-" + std::to_string(static_cast<int>(fault));
    // The first POST begins the upload, the second completes it.
    const Status status = store.put_pieces("private", name, large.size(), [&](const auto& sink) -> Status {
      server_.fail_next("POST", fault);
      return sink(large);
    });
    if (fault == S3Fault::kCompletionError) {
      EXPECT_TRUE(fails(status, ErrorKind::kRetry, "not completed: InternalError"));
      EXPECT_EQ(store.head("private", name).value(), std::nullopt);
    } else {
      ASSERT_TRUE(status) << status.error().message;
      EXPECT_EQ(store.get("private", name, large.size()).value(), large);
    }
  }
  EXPECT_EQ(server_.open_uploads(), 0u);
}

TEST_F(S3Store, WaitsBetweenWritesToAKeyWhereTheServerAsksForIt) {
  StrictS3Server slow{StrictS3Server::Rules{.requires_pauses_between_writes = true}};
  slow.add_user("owner", "owner-secret");
  slow.add_bucket("private", "owner");
  S3ObjectStore store(options_for(slow, "", kOwner, slow.clock), slow.clock);
  for (const char* text : {"1", "2", "3"}) ASSERT_TRUE(store.put("private", "name", as_bytes(text)));
  EXPECT_EQ(as_text(store.get("private", "name", 10).value()), "3");
  EXPECT_EQ(slow.requests("PUT"), 5);
}

TEST_F(S3Store, GivesUpOnAServerThatIsSilentOrStalls) {
  ASSERT_TRUE(store().put("private", "name", content(1000)));
  options_.client.retry = {.most_retries = 0};
  options_.client.transfers.limits.first_byte = std::chrono::milliseconds(200);
  options_.client.transfers.limits.stall = std::chrono::seconds(1);
  server_.fail_next("GET", S3Fault::kNoAnswer);
  EXPECT_TRUE(fails(store().get("private", "name", 2000), ErrorKind::kRetry, "no answer within 200 ms"));
  server_.fail_next("GET", S3Fault::kStall, 2);  // the second time at the place where the first one ended
  EXPECT_TRUE(fails(store().get("private", "name", 2000), ErrorKind::kRetry, "Timeout was reached"));
}

TEST_F(S3Store, NeverHoldsMoreThanItIsAllowed) {
  server_.fail_next("GET", S3Fault::kEndless);
  EXPECT_TRUE(fails(store().get("private", "name", 1000), ErrorKind::kSkip, "at most 1000"));
  server_.fail_next("GET", S3Fault::kEndless);
  EXPECT_TRUE(fails(store().list("private", ""), ErrorKind::kFatal, "list of private"));
  server_.fail_next("GET", S3Fault::kHtml);
  EXPECT_TRUE(fails(store().list("private", ""), ErrorKind::kFatal, "'html' where ListBucketResult"));
}

TEST_F(S3Store, FollowsNoRedirection) {
  server_.fail_next("GET", S3Fault::kRedirect);
  EXPECT_TRUE(fails(store().get("private", "name", 100), ErrorKind::kFatal, "HTTP 307"));
  EXPECT_EQ(server_.requests("GET"), 1);
}

TEST_F(S3Store, EndsWhenItIsCancelled) {
  std::atomic<bool> stop = false;
  options_.client.transfers.is_cancelled = [&] { return stop.load(); };
  server_.fail_next("GET", S3Fault::kNoAnswer);
  std::thread stopper([&] {
    while (server_.requests("GET") == 0) std::this_thread::yield();
    stop = true;
  });
  EXPECT_TRUE(fails(store().get("private", "name", 100), ErrorKind::kRetry, "cancelled"));
  stopper.join();
  EXPECT_TRUE(fails(store().put("private", "name", {}), ErrorKind::kRetry, "cancelled"));
  EXPECT_EQ(server_.requests("PUT"), 0);
}

TEST_F(S3Store, EndsTheCallsOfAThreadThatIsCancelled) {
  ASSERT_TRUE(store().put("private", "name", content(kMiB)));
  const auto ignore = [](ByteView) { return Status(); };
  S3ObjectStore store = this->store();
  for (const S3Fault fault : {S3Fault::kNoAnswer, S3Fault::kStall, S3Fault::kEndless}) {
    std::stop_source source;
    const int before = server_.requests("GET");
    server_.fail_next("GET", fault);
    std::thread stopper([&] {
      while (server_.requests("GET") == before) std::this_thread::yield();
      source.request_stop();
    });
    {
      const CancellationScope scope(source.get_token());
      const Status status = store.get_pieces("private", "name", uint64_t{1} << 60, ignore);
      EXPECT_TRUE(fails(status, ErrorKind::kRetry, "cancelled")) << static_cast<int>(fault);
      EXPECT_TRUE(fails(store.head("private", "name"), ErrorKind::kRetry, "cancelled"));
    }
    stopper.join();
    EXPECT_TRUE(store.head("private", "name")) << "other calls go on";
  }
  EXPECT_EQ(server_.requests("HEAD"), 3);
}

TEST_F(S3Store, AbortsAnUploadInPartsThatIsCancelled) {
  std::atomic<bool> stop = false;
  options_.client.transfers.is_cancelled = [&] { return stop.load(); };
  const Bytes large = content(20 * kMiB);
  const Status status = store().put_pieces("private", "large", large.size(), [&](const auto& sink) -> Status {
    TRY(sink(ByteView(large).first(10 * kMiB)));
    stop = true;
    return sink(ByteView(large).subspan(10 * kMiB));
  });
  EXPECT_TRUE(fails(status, ErrorKind::kRetry, "cancelled"));
  EXPECT_EQ(server_.requests("DELETE"), 1);
  EXPECT_EQ(server_.open_uploads(), 0u);
}

TEST_F(S3Store, SignsByTheServersClockWhereItsOwnIsWrong) {
  const CapturedLogs logs;
  clock_.advance(3600'000);
  S3ObjectStore store = this->store();
  ASSERT_TRUE(store.put("private", "name", as_bytes("x")));
  EXPECT_EQ(store.clock_offset_ms(), -3600'000);
  EXPECT_EQ(server_.requests("PUT"), 2);
  ASSERT_TRUE(store.put("private", "name", as_bytes("x")));
  EXPECT_EQ(server_.requests("PUT"), 3);
  EXPECT_EQ(logs.events().size(), 1u) << "it is said once: " << logs.text();
  EXPECT_EQ(logs.text().find("owner-secret"), std::string::npos);
}

TEST_F(S3Store, ReadsKeysAnewThatHaveEnded) {
  const TemporaryFolder folder;
  const auto write_keys = [&](const std::string& name) {
    std::ofstream(folder / "credentials")
        << "[default]\naws_access_key_id = " << name << "\naws_secret_access_key = " << name << "-secret\n";
  };
  write_keys("nobody");
  const Variables variables{{"AWS_SHARED_CREDENTIALS_FILE", folder / "credentials"},
                            {"AWS_EC2_METADATA_DISABLED", "true"}};
  options_.client.credentials = std::make_shared<CredentialSource>(variables, clock_, nullptr);
  S3ObjectStore store = this->store();
  EXPECT_TRUE(fails(store.put("private", "name", {}), ErrorKind::kFatal, "InvalidAccessKeyId"));
  write_keys("owner");
  EXPECT_TRUE(store.put("private", "name", {}));
}

TEST_F(S3Store, NeverConnectsWhereTheAddressLeadsIntoThePrivateNetwork) {
  options_.client.endpoint = {false, "store.example.com", static_cast<uint16_t>(server_.port())};
  options_.client.refusal = ErrorKind::kSkip;
  options_.client.transfers.known_hosts = {"store.example.com:" + std::to_string(server_.port()) +
                                           ":127.0.0.1"};
  EXPECT_TRUE(store().put("public", "name", as_bytes("x"))) << "the name leads to the server";
  const int before = server_.requests("GET");
  options_.client.transfers.refusal = not_public;
  EXPECT_TRUE(fails(store().get("public", "name", 100), ErrorKind::kSkip, "loopback"));
  EXPECT_EQ(server_.requests("GET"), before);
}

// Each thread has keys of its own and knows what must be there.
TEST_F(S3Store, WritesToAKeyOnceASecond) {
  options_.between_writes = std::chrono::milliseconds(500);
  S3ObjectStore store = this->store();
  const Stopwatch watch;
  ASSERT_TRUE(store.put("private", "one", as_bytes("1")));
  ASSERT_TRUE(store.put("private", "other", as_bytes("1")));
  EXPECT_LT(watch.seconds(), 0.5) << "another key waits for nobody";
  ASSERT_TRUE(store.put("private", "one", as_bytes("2")));
  ASSERT_TRUE(store.put("private", "one", as_bytes("3")));
  EXPECT_GE(watch.seconds(), 1);
  EXPECT_EQ(as_text(store.get("private", "one", 10).value()), "3");
}

TEST_F(S3Store, LosesNothingOverManyOperationsAtAServerThatFailsNowAndThen) {
  constexpr int kThreads = 4;
  constexpr int kOperations = 500;
  options_.client.retry = {.most_retries = 20};
  S3ObjectStore store = this->store();
  std::atomic<int> faults = 0;
  const auto work = [&](int thread) {
    Random random(1, "operations", static_cast<uint64_t>(thread));
    std::map<std::string, std::string> stored;
    for (int i = 0; i < kOperations; ++i) {
      const std::string method = random.below(2) == 0 ? "GET" : "PUT";
      if (random.below(20) == 0) {
        constexpr S3Fault kFaults[] = {S3Fault::kUnavailable,      S3Fault::kTooManyRequests,
                                       S3Fault::kServerError,      S3Fault::kDoneButServerError,
                                       S3Fault::kDoneButCutAnswer, S3Fault::kCutBody};
        server_.fail_next(method, kFaults[random.below(std::size(kFaults))]);
        ++faults;
      }
      const std::string key = std::to_string(thread) + "/" + std::to_string(random.below(10));
      const uint64_t kind = random.below(10);
      if (kind < 5) {
        const std::string text(random.below(2000), static_cast<char>('a' + i % 26));
        const Status put = store.put("private", key, as_bytes(text));
        ASSERT_TRUE(put) << put.error().message;
        stored[key] = text;
      } else if (kind < 6) {
        ASSERT_TRUE(store.remove("private", key));
        stored.erase(key);
      } else {
        const auto got = store.get("private", key, 10'000);
        ASSERT_EQ(got.has_value(), stored.contains(key)) << (got ? "" : got.error().message);
        if (got) ASSERT_EQ(as_text(*got), stored.at(key));
      }
    }
    const auto listed = store.list("private", std::to_string(thread) + "/");
    ASSERT_TRUE(listed) << listed.error().message;
    EXPECT_EQ(listed->size(), stored.size());
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(work, thread);
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(faults, kThreads * kOperations / 40) << "the test would show nothing";
  EXPECT_EQ(server_.open_uploads(), 0u);
}

}  // namespace templar::testing
