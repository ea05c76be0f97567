#include "adapters/s3/credential_source.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "support/expect_failure.h"
#include "support/s3_wire.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

// What a cloud provider's machines ask for their role's keys (version 2 of the protocol).
class MetadataServer {
 public:
  explicit MetadataServer(const VirtualClock& clock) : clock_(clock) {
    server_.Put("/latest/api/token", [](const httplib::Request& request, httplib::Response& response) {
      response.status = request.has_header("X-aws-ec2-metadata-token-ttl-seconds") ? 200 : 400;
      response.body = "the token";
    });
    const std::string roles = "/latest/meta-data/iam/security-credentials/";
    const auto with_token = [](const httplib::Request& request) {
      return request.get_header_value("X-aws-ec2-metadata-token") == "the token";
    };
    server_.Get(roles, [=](const httplib::Request& request, httplib::Response& response) {
      response.status = with_token(request) ? 200 : 401;
      response.body = "node-role";
    });
    server_.Get(roles + "node-role", [=, this](const httplib::Request& request, httplib::Response& response) {
      response.status = with_token(request) && !is_away ? 200 : 401;
      const std::string number = std::to_string(++asked);
      response.body = R"({"Code": "Success", "AccessKeyId": "key-)" + number +
                      R"(", "SecretAccessKey": "secret-)" + number + R"(", "Token": "session-)" + number +
                      R"(", "Expiration": ")" +
                      formatted_time(clock_.now_ms() + 3600'000, "%Y-%m-%dT%H:%M:%SZ") + "\"}";
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~MetadataServer() {
    server_.stop();
    thread_.join();
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  std::atomic<int> asked = 0;
  std::atomic<bool> is_away = false;

 private:
  const VirtualClock& clock_;
  httplib::Server server_;
  int port_ = -1;
  std::thread thread_;
};

class Credentials : public ::testing::Test {
 protected:
  Result<S3Credentials> current(const Variables& variables) {
    return CredentialSource(variables, clock_, nullptr).current();
  }
  void write(const char* file, const std::string& text) { std::ofstream(folder_ / file) << text; }
  [[nodiscard]] Variables in_folder(Variables more = {}) const {
    more["AWS_SHARED_CREDENTIALS_FILE"] = folder_ / "credentials";
    more["AWS_CONFIG_FILE"] = folder_ / "config";
    more.emplace("AWS_EC2_METADATA_DISABLED", "true");
    return more;
  }

  TemporaryFolder folder_;
  VirtualClock clock_{1'800'000'000'000};
};

}  // namespace

TEST_F(Credentials, ComeFromVariablesFirst) {
  write("credentials", "[default]\naws_access_key_id=file\naws_secret_access_key=file-secret\n");
  Variables variables =
      in_folder({{"AWS_ACCESS_KEY_ID", "id"}, {"AWS_SECRET_ACCESS_KEY", "variable-secret"}});
  EXPECT_EQ(current(variables).value(), (S3Credentials{"id", "variable-secret", ""}));
  variables["AWS_SESSION_TOKEN"] = "session";
  EXPECT_EQ(current(variables).value().session_token, "session");
  variables.erase("AWS_SECRET_ACCESS_KEY");
  EXPECT_TRUE(fails(current(variables), ErrorKind::kFatal, "AWS_SECRET_ACCESS_KEY is not"));
}

TEST_F(Credentials, ComeFromAProfile) {
  write("credentials",
        "[default]\naws_access_key_id=a\naws_secret_access_key=a-secret\n[other]\naws_access_key_id=b\n"
        "aws_secret_access_key=b-secret\naws_session_token=b-session\n[broken]\naws_access_key_id=c\n");
  write("config",
        "[profile late]\naws_access_key_id=d\naws_secret_access_key=d-secret\n[profile sso]\nsso_x=y\n");
  EXPECT_EQ(current(in_folder()).value().access_key, "a");
  EXPECT_EQ(current(in_folder({{"AWS_PROFILE", "other"}})).value(),
            (S3Credentials{"b", "b-secret", "b-session"}));
  EXPECT_EQ(current(in_folder({{"AWS_PROFILE", "late"}})).value().access_key, "d");
  EXPECT_TRUE(
      fails(current(in_folder({{"AWS_PROFILE", "broken"}})), ErrorKind::kFatal, "no aws_secret_access_key"));
  EXPECT_TRUE(fails(current(in_folder({{"AWS_PROFILE", "sso"}})), ErrorKind::kFatal, "are not known here"));
  EXPECT_TRUE(fails(current(in_folder({{"AWS_PROFILE", "none"}})), ErrorKind::kFatal, "neither in"));
}

TEST_F(Credentials, AreReadAgainWhenTheirFileHasChanged) {
  write("credentials", "[default]\naws_access_key_id=first\naws_secret_access_key=a-secret\n");
  CredentialSource source(in_folder(), clock_, nullptr);
  EXPECT_EQ(source.current().value().access_key, "first");
  write("credentials", "[default]\naws_access_key_id=the second\naws_secret_access_key=a-secret\n");
  EXPECT_EQ(source.current().value().access_key, "the second");
  EXPECT_TRUE(source.refuse(source.current().value()));
  EXPECT_EQ(source.current().value().access_key, "the second");
}

TEST_F(Credentials, StayWhileTheirFileIsBeingWritten) {
  write("credentials", "[default]\naws_access_key_id=first\naws_secret_access_key=a-secret\n");
  CredentialSource source(in_folder(), clock_, nullptr);
  ASSERT_TRUE(source.current());
  for (const char* part : {"", "[default]\n", "[default]\naws_access_key_id=second\n"}) {
    write("credentials", part);
    EXPECT_EQ(source.current().value().access_key, "first") << part;
  }
  write("credentials", "[default]\naws_access_key_id=second\naws_secret_access_key=a-secret\n");
  EXPECT_EQ(source.current().value().access_key, "second");
}

TEST_F(Credentials, ComeFromTheMachinesRoleAndAreRenewedBeforeTheyEnd) {
  MetadataServer server(clock_);
  const Variables variables = in_folder(
      {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url()}, {"AWS_EC2_METADATA_DISABLED", "false"}});
  CredentialSource source(variables, clock_, nullptr);
  EXPECT_EQ(source.current().value(), (S3Credentials{"key-1", "secret-1", "session-1"}));
  clock_.advance(54 * 60'000);
  EXPECT_EQ(source.current().value().access_key, "key-1");
  clock_.advance(2 * 60'000);
  EXPECT_EQ(source.current().value().access_key, "key-2");
  // Refused ones are asked for anew; what is valid still is taken while the service is away.
  EXPECT_TRUE(source.refuse(source.current().value()));
  EXPECT_EQ(source.current().value().access_key, "key-3");
  server.is_away = true;
  clock_.advance(57 * 60'000);
  EXPECT_EQ(source.current().value().access_key, "key-3");
  clock_.advance(4 * 60'000);
  EXPECT_TRUE(fails(source.current(), ErrorKind::kRetry, "have ended and can't be renewed"));
}

TEST_F(Credentials, SayHowToGiveThemWhereThereAreNone) {
  EXPECT_TRUE(
      fails(current(in_folder()), ErrorKind::kFatal, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"));
  EXPECT_TRUE(fails(current(in_folder({{"AWS_EC2_METADATA_DISABLED", "false"},
                                       {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1"}})),
                    ErrorKind::kFatal, "access=public"));
}

TEST_F(Credentials, StandBesideSettingsOfTheSameFiles) {
  write(
      "config",
      "[default]\nregion = eu\nca_bundle = /ca.pem\nservices = mine\n[services mine]\ns3 =\n  endpoint_url = "
      "https://mine\n[profile plain]\nendpoint_url = https://plain\n");
  S3Settings settings = read_s3_settings(in_folder()).value();
  EXPECT_EQ(settings.endpoint_url, "https://mine");
  EXPECT_EQ(settings.region, "eu");
  EXPECT_EQ(settings.ca_file, "/ca.pem");
  settings = read_s3_settings(in_folder({{"AWS_PROFILE", "plain"}, {"AWS_DEFAULT_REGION", "us"}})).value();
  EXPECT_EQ(settings.endpoint_url, "https://plain");
  EXPECT_EQ(settings.region, "us");
  settings =
      read_s3_settings(in_folder({{"AWS_ENDPOINT_URL", "https://all"}, {"HTTPS_PROXY", "http://proxy:1"}}))
          .value();
  EXPECT_EQ(settings.endpoint_url, "https://all");
  EXPECT_EQ(settings.https_proxy, "http://proxy:1");
  EXPECT_EQ(settings.http_proxy, "");
  settings =
      read_s3_settings(in_folder({{"AWS_ENDPOINT_URL", "a"}, {"AWS_ENDPOINT_URL_S3", "https://s3"}})).value();
  EXPECT_EQ(settings.endpoint_url, "https://s3");
  EXPECT_TRUE(fails(read_s3_settings(in_folder({{"AWS_PROFILE", "none"}})), ErrorKind::kFatal, "'none'"));
  EXPECT_TRUE(read_s3_settings({}));
}

}  // namespace templar::testing
