#include <map>
#include <string>

#include "adapters/s3/s3_object_store.h"
#include "support/expect_failure.h"
#include "support/strict_s3_server.h"

namespace templar::testing {
namespace {

constexpr size_t kPart = size_t{5} << 20;

class ResumedUpload : public ::testing::Test {
 protected:
  void open(StrictS3Server::Rules rules = {}) {
    server_.emplace(std::move(rules));
    server_->add_user("owner", "owner-secret");
    server_->add_bucket("own", "owner");
    S3StoreOptions options{.multipart_from_bytes = kPart + 1, .part_bytes = kPart};
    options.client.endpoint = parse_endpoint(server_->endpoint()).value();
    options.client.region = "auto";
    options.client.retry = {.most_retries = 4};
    options.between_writes = {};
    const Variables keys{{"AWS_ACCESS_KEY_ID", "owner"}, {"AWS_SECRET_ACCESS_KEY", "owner-secret"}};
    options.client.credentials = std::make_shared<CredentialSource>(keys, server_->clock, nullptr);
    store_.emplace(options, server_->clock);
  }
  // So many bytes of a content of 4.5 parts.
  static std::string part(size_t number) { return content().substr((number - 1) * kPart, kPart); }
  static const std::string& content() {
    static const std::string text = [] {
      std::string made(kPart * 4 + kPart / 2, 0);
      for (size_t i = 0; i < made.size(); ++i) made[i] = static_cast<char>(i * 31 + i / 251);
      return made;
    }();
    return text;
  }
  void expect_stored() {
    const Status status = store_->put("own", "name", as_bytes(content()));
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_TRUE(as_text(store_->get("own", "name", content().size()).value()) == content());
  }

  std::optional<StrictS3Server> server_;
  std::optional<S3ObjectStore> store_;
};

}  // namespace

TEST_F(ResumedUpload, SendsOnlyThePartsThatTheServerLacks) {
  open();
  server_->leave_upload("own", "name", "left", {{1, part(1)}, {2, part(2)}, {4, part(4)}});
  expect_stored();
  EXPECT_EQ(server_->parts_sent(), 2);
  EXPECT_EQ(server_->open_uploads(), 0u);
}

TEST_F(ResumedUpload, SendsAgainWhatIsOfAnotherContent) {
  open();
  server_->leave_upload("own", "name", "left",
                        {{1, std::string(kPart, 'x')}, {2, part(2)}, {3, part(3).substr(1)}, {9, part(1)}});
  expect_stored();
  EXPECT_EQ(server_->parts_sent(), 4);
}

TEST_F(ResumedUpload, GoesOnWithTheNewestOfTheSameObject) {
  open();
  server_->leave_upload("own", "name", "b-older", {{1, part(1)}});
  server_->clock.advance(1000);
  server_->leave_upload("own", "name", "a-newer", {{1, part(1)}, {2, part(2)}});
  server_->leave_upload("own", "name-of-another", "c", {{1, part(1)}, {2, part(2)}, {3, part(3)}});
  expect_stored();
  EXPECT_EQ(server_->parts_sent(), 3);
  EXPECT_EQ(server_->open_uploads(), 2u);
}

TEST_F(ResumedUpload, SendsEverythingWhereTheServerTellsNothing) {
  for (const StrictS3Server::Rules& rules : {StrictS3Server::Rules{.tells_of_uploads = false},
                                             StrictS3Server::Rules{.part_etags_are_md5 = false}}) {
    open(rules);
    server_->leave_upload("own", "name", "left", {{1, part(1)}, {2, part(2)}});
    expect_stored();
    EXPECT_EQ(server_->parts_sent(), 5);
  }
}

TEST_F(ResumedUpload, LeavesNothingOfAnUploadThatItGivesUp) {
  open();
  server_->leave_upload("own", "name", "left", {{1, part(1)}});
  const Status broken = store_->put_pieces("own", "name", content().size(), [](const auto& sink) -> Status {
    TRY(sink(as_bytes(part(1))));
    return skip_error("the source broke");
  });
  EXPECT_TRUE(fails(broken, ErrorKind::kSkip, "the source broke"));
  EXPECT_EQ(server_->open_uploads(), 0u);
}

}  // namespace templar::testing
