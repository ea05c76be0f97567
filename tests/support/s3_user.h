// A strict S3 server, and the environment of a user of it; nothing of it is the machine's own.
#pragma once

#include <cstdlib>
#include <string>

#include "adapters/s3/s3_settings.h"
#include "base/clock.h"
#include "support/strict_s3_server.h"
#include "support/temporary_folder.h"

namespace templar::testing {

// The user "owner" has the buckets "open", which everybody may read, and "closed". One at a time in a
// process.
class S3User {
 public:
  // now_ms: of the machine's clock, which the requests are signed by.
  explicit S3User(TimestampMs now_ms) {
    forget_variables();
    ::setenv("AWS_ACCESS_KEY_ID", "owner", 1);
    ::setenv("AWS_SECRET_ACCESS_KEY", "owner-secret", 1);
    ::setenv("AWS_REGION", "auto", 1);
    ::setenv("AWS_CONFIG_FILE", (folder_ / "no-config").c_str(), 1);
    ::setenv("AWS_SHARED_CREDENTIALS_FILE", (folder_ / "no-credentials").c_str(), 1);
    server.clock.set(now_ms / 1000 * 1000);
    server.add_user("owner", "owner-secret");
    server.add_bucket("open", "owner", true);
    server.add_bucket("closed", "owner");
  }
  S3User(const S3User&) = delete;
  S3User& operator=(const S3User&) = delete;
  ~S3User() { forget_variables(); }

  // Of a bucket, perhaps with a prefix.
  [[nodiscard]] std::string address(const std::string& place) const {
    return "s3://" + place + "?endpoint=" + server.endpoint();
  }

  StrictS3Server server;

 private:
  static void forget_variables() {
    for (const std::string_view name : kS3Variables) {
      if (name != "HOME") ::unsetenv(std::string(name).c_str());
    }
  }
  TemporaryFolder folder_;
};

}  // namespace templar::testing
