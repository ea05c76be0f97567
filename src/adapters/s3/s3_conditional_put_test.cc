#include <string>

#include "adapters/s3/s3_object_store.h"
#include "support/expect_failure.h"
#include "support/strict_s3_server.h"

namespace templar::testing {
namespace {

class ConditionalPut : public ::testing::Test {
 protected:
  void open(bool knows_conditions) {
    server_.emplace(StrictS3Server::Rules{.knows_conditions = knows_conditions});
    server_->add_user("owner", "owner-secret");
    server_->add_bucket("own", "owner");
    S3StoreOptions options{.multipart_from_bytes = size_t{6} << 20, .part_bytes = size_t{5} << 20};
    options.client.endpoint = parse_endpoint(server_->endpoint()).value();
    options.client.region = "auto";
    options.client.retry = {.most_retries = 4};
    options.between_writes = {};
    const Variables keys{{"AWS_ACCESS_KEY_ID", "owner"}, {"AWS_SECRET_ACCESS_KEY", "owner-secret"}};
    options.client.credentials = std::make_shared<CredentialSource>(keys, server_->clock, nullptr);
    store_.emplace(options, server_->clock);
  }
  [[nodiscard]] Result<bool> put_new(std::string_view text) {
    return store_->put_if("own", "name", as_bytes(text), {});
  }
  [[nodiscard]] std::string text() const {
    return std::string(as_text(store_->get("own", "name", 100).value()));
  }

  std::optional<StrictS3Server> server_;
  std::optional<S3ObjectStore> store_;
};

}  // namespace

TEST_F(ConditionalPut, AsksNothingBeforeAndNothingAfterWhereTheServerDecides) {
  open(true);
  EXPECT_TRUE(put_new("the first").value());
  EXPECT_EQ(server_->requests("HEAD"), 0);
  EXPECT_EQ(server_->requests("PUT"), 1);
}

TEST_F(ConditionalPut, LooksBeforeItPutsWhereTheServerKnowsNoConditions) {
  open(false);
  EXPECT_TRUE(put_new("the first").value());
  const int asked = server_->requests("PUT");
  EXPECT_FALSE(put_new("the second").value());
  EXPECT_TRUE(put_new("the first").value());
  EXPECT_EQ(server_->requests("PUT"), asked);  // it has learnt that
  EXPECT_EQ(text(), "the first");
  const std::string version = store_->head("own", "name").value()->version;
  EXPECT_TRUE(store_->put_if("own", "name", as_bytes("the third"), {.version = version}).value());
  EXPECT_FALSE(store_->put_if("own", "name", as_bytes("the fourth"), {.version = version}).value());
  EXPECT_EQ(text(), "the third");
}

TEST_F(ConditionalPut, StaysConditionalAtAServerThatSays501NowAndThen) {
  open(true);
  server_->fail_next("PUT", S3Fault::kNotImplemented);
  EXPECT_TRUE(put_new("the first").value());
  server_->fail_next("PUT", S3Fault::kNotImplemented);
  EXPECT_FALSE(put_new("the second").value());
  EXPECT_EQ(server_->requests("PUT"), 4);
  EXPECT_EQ(text(), "the first");
}

TEST_F(ConditionalPut, FindsWhatItHasPutWhenTheAnswerWasLost) {
  for (const S3Fault fault : {S3Fault::kDoneButServerError, S3Fault::kDoneButCutAnswer}) {
    open(true);
    server_->fail_next("PUT", fault);
    EXPECT_TRUE(put_new("the first").value());
    EXPECT_EQ(server_->writes("own", "name"), 1);
    // Nor can it be looked for: the next attempt is refused, and what is there is compared.
    open(true);
    server_->fail_next("PUT", fault);
    server_->fail_next("HEAD", S3Fault::kServerError, 2);
    EXPECT_TRUE(put_new("the first").value());
    EXPECT_EQ(server_->requests("PUT"), 2);
    EXPECT_EQ(server_->writes("own", "name"), 1);
  }
}

TEST_F(ConditionalPut, LooksBeforeWhatGoesUpInParts) {
  open(true);
  const Bytes large(size_t{7} << 20, 1);
  const Bytes other(size_t{7} << 20, 2);
  EXPECT_TRUE(store_->put_if("own", "name", large, {}).value());
  EXPECT_FALSE(store_->put_if("own", "name", other, {}).value());
  EXPECT_TRUE(store_->put_if("own", "name", large, {}).value());
  EXPECT_EQ(server_->parts("own", "name").size(), 2u);
  EXPECT_EQ(server_->writes("own", "name"), 1);
}

TEST_F(ConditionalPut, SaysNoAsEveryPutDoes) {
  open(true);
  server_->fail_next("PUT", S3Fault::kForbidden);
  EXPECT_TRUE(fails(put_new("x"), ErrorKind::kFatal, "not allowed to do this"));
}

}  // namespace templar::testing
