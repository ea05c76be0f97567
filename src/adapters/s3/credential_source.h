// Where the keys come from that requests to S3 are signed with, as users have them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "adapters/http/http_transfers.h"
#include "adapters/s3/s3_settings.h"
#include "adapters/s3/signature.h"
#include "base/clock.h"
#include "base/threads/mutex.h"

namespace templar {

// Thread-safe. In this order: the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN);
// the profile's aws_access_key_id and aws_secret_access_key (aws_session_token), read again whenever its
// files have changed (what is half written does not count); the role of the machine, asked of its metadata
// service (version 2) and asked again five minutes before its keys end. Every secret is registered
// (base/log/secrets.h), and stands in no message.
class CredentialSource {
 public:
  // The clock must outlive this. is_cancelled: see TransferOptions.
  CredentialSource(Variables variables, const Clock& clock, std::function<bool()> is_cancelled);
  CredentialSource(const CredentialSource&) = delete;
  CredentialSource& operator=(const CredentialSource&) = delete;
  ~CredentialSource();

  // The keys that are valid now. Fails (fatal) where there are none and says how to give them; (retry) where
  // the metadata service did not answer though it did before.
  [[nodiscard]] Result<S3Credentials> current();
  // The server has refused these: the next current() reads or asks anew. Returns whether it may give others.
  [[nodiscard]] bool refuse(const S3Credentials& credentials);

 private:
  // When files were changed, and how large they are.
  using FileStamps = std::pair<std::string, std::string>;

  [[nodiscard]] Result<std::optional<S3Credentials>> from_variables() const;
  [[nodiscard]] Result<std::optional<S3Credentials>> from_profile() REQUIRES(mutex_);
  [[nodiscard]] Result<S3Credentials> from_machine() REQUIRES(mutex_);
  [[nodiscard]] Result<S3Credentials> ask_machine() REQUIRES(mutex_);
  [[nodiscard]] Result<std::string> ask_metadata(const std::string& method, const std::string& path,
                                                 const std::string& token);

  const Variables variables_;
  const Clock& clock_;
  HttpTransfers transfers_;
  Mutex mutex_;
  std::optional<S3Credentials> read_ GUARDED_BY(mutex_);  // of the profile, as its files were at the stamps
  FileStamps stamps_ GUARDED_BY(mutex_);
  std::optional<S3Credentials> machine_ GUARDED_BY(mutex_);
  TimestampMs machine_ends_ms_ GUARDED_BY(mutex_) = 0;
};

}  // namespace templar
