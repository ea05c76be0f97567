#include "adapters/s3/credential_source.h"

#include <fmt/format.h>

#include <system_error>

#include "adapters/s3/utc_time.h"
#include "base/json/json.h"
#include "base/log/secrets.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMetadataEndpoint = "http://169.254.169.254";
constexpr const char* kRolePath = "/latest/meta-data/iam/security-credentials/";
constexpr int64_t kRenewBeforeMs = 5 * 60'000;
constexpr const char* kHowToGiveKeys =
    "no keys to sign requests to S3 with: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to "
    "a "
    "profile of ~/.aws/credentials, or write access=public into the address to ask without";

TransferOptions metadata_options(std::function<bool()> is_cancelled) {
  TransferOptions options;
  // The service is on the machine's own link, or not there.
  options.limits = {.connect = std::chrono::seconds(1),
                    .first_byte = std::chrono::seconds(2),
                    .whole = std::chrono::seconds(5)};
  options.is_cancelled = std::move(is_cancelled);
  return options;
}

S3Credentials registered(S3Credentials credentials) {
  static_cast<void>(register_secret(credentials.secret_key));
  static_cast<void>(register_secret(credentials.session_token));
  return credentials;
}

std::string stamp_of(const fs::path& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  if (error) return "";
  const auto size = fs::file_size(path, error);
  return fmt::format("{} {}", time.time_since_epoch().count(), error ? 0 : size);
}

std::string text_of(const Json& json, std::string_view name) {
  const Json* member = json.find(name);
  const std::string* text = member == nullptr ? nullptr : member->text();
  return text == nullptr ? "" : *text;
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 128 && percent_encoded(name, EncodedPart::kQuery) == name;
}

// nullopt: there is no such profile, or no keys in the one that nobody has named.
Result<std::optional<S3Credentials>> keys_in_profile(const ProfilePaths& paths) {
  TRY_ASSIGN(const std::optional<ProfileSection> profile, read_profile(paths));
  if (!profile && paths.is_named) {
    return fatal_error(fmt::format("AWS_PROFILE names the profile '{}', which is neither in {} nor in {}",
                                   paths.profile, paths.credentials.string(), paths.config.string()));
  }
  const auto text = [&](const char* name) {
    const auto found = profile->find(name);
    return found == profile->end() ? "" : found->second;
  };
  if (!profile || text("aws_access_key_id").empty()) {
    if (!paths.is_named) return std::nullopt;
    return fatal_error(
        fmt::format("the profile '{}' has no aws_access_key_id; other ways to get keys (credential_process, "
                    "sso, roles) are not known here",
                    paths.profile));
  }
  S3Credentials keys{text("aws_access_key_id"), text("aws_secret_access_key"), text("aws_session_token")};
  if (keys.secret_key.empty()) {
    return fatal_error(
        fmt::format("the profile '{}' has aws_access_key_id, but no aws_secret_access_key", paths.profile));
  }
  return registered(std::move(keys));
}

}  // namespace

CredentialSource::CredentialSource(Variables variables, const Clock& clock,
                                   std::function<bool()> is_cancelled)
    : variables_(std::move(variables)),
      clock_(clock),
      transfers_(metadata_options(std::move(is_cancelled))) {}
CredentialSource::~CredentialSource() = default;

Result<S3Credentials> CredentialSource::current() {
  TRY_ASSIGN(const std::optional<S3Credentials> given, from_variables());
  if (given) return *given;
  const MutexLock lock(mutex_);
  TRY_ASSIGN(const std::optional<S3Credentials> profile, from_profile());
  if (profile) return *profile;
  return from_machine();
}

bool CredentialSource::refuse(const S3Credentials& credentials) {
  const MutexLock lock(mutex_);
  if (read_ == credentials) stamps_ = {};
  if (machine_ == credentials) machine_.reset();
  return variable(variables_, "AWS_ACCESS_KEY_ID").empty();
}

Result<std::optional<S3Credentials>> CredentialSource::from_variables() const {
  S3Credentials given{.access_key = variable(variables_, "AWS_ACCESS_KEY_ID"),
                      .secret_key = variable(variables_, "AWS_SECRET_ACCESS_KEY"),
                      .session_token = variable(variables_, "AWS_SESSION_TOKEN")};
  if (given.access_key.empty() && given.secret_key.empty()) return std::nullopt;
  if (given.access_key.empty()) return fatal_error("AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not");
  if (given.secret_key.empty()) return fatal_error("AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not");
  return registered(std::move(given));
}

Result<std::optional<S3Credentials>> CredentialSource::from_profile() {
  const ProfilePaths paths = profile_paths(variables_);
  FileStamps stamps{stamp_of(paths.credentials), stamp_of(paths.config)};
  if (stamps == stamps_ && stamps != FileStamps()) return read_;
  auto keys = keys_in_profile(paths);
  // Somebody may be writing the file at this moment: what was there before counts until it is whole again.
  if (read_ && (!keys || !*keys)) return read_;
  if (!keys) return keys;
  read_ = *keys;
  stamps_ = std::move(stamps);
  return read_;
}

Result<S3Credentials> CredentialSource::from_machine() {
  if (variable(variables_, "AWS_EC2_METADATA_DISABLED") == "true") return fatal_error(kHowToGiveKeys);
  const TimestampMs now_ms = clock_.now_ms();
  if (machine_ && now_ms < machine_ends_ms_ - kRenewBeforeMs) return *machine_;
  auto asked = ask_machine();
  if (asked) return asked;
  if (machine_ && now_ms < machine_ends_ms_) return *machine_;
  if (machine_) return annotate(asked.error(), "the machine's keys have ended and can't be renewed");
  return fatal_error(fmt::format("{} (the machine's metadata service gave none either: {})", kHowToGiveKeys,
                                 asked.error().message));
}

Result<S3Credentials> CredentialSource::ask_machine() {
  TRY_ASSIGN(const std::string token, ask_metadata("PUT", "/latest/api/token", ""));
  TRY_ASSIGN(const std::string roles, ask_metadata("GET", kRolePath, token));
  const std::string role = roles.substr(0, roles.find('\n'));
  if (!is_plain_name(role)) return retry_error("the metadata service names no role");
  TRY_ASSIGN(const std::string answer, ask_metadata("GET", kRolePath + role, token));
  TRY_ASSIGN(const Json json, parse_json(answer, {.max_bytes = 1 << 20}));
  S3Credentials keys{text_of(json, "AccessKeyId"), text_of(json, "SecretAccessKey"), text_of(json, "Token")};
  const auto ends_ms = parse_utc_time(text_of(json, "Expiration"));
  if (keys.access_key.empty() || keys.secret_key.empty() || !ends_ms)
    return retry_error("the metadata service's keys lack a part");
  machine_ = registered(std::move(keys));
  machine_ends_ms_ = *ends_ms;
  return *machine_;
}

Result<std::string> CredentialSource::ask_metadata(const std::string& method, const std::string& path,
                                                   const std::string& token) {
  const std::string given = variable(variables_, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  std::string url = given.empty() ? kMetadataEndpoint : given;
  while (url.ends_with('/')) url.pop_back();
  Transfer transfer{.method = method, .url = url + path};
  if (token.empty()) {
    transfer.headers.emplace_back("X-aws-ec2-metadata-token-ttl-seconds", "21600");
  } else {
    transfer.headers.emplace_back("X-aws-ec2-metadata-token", token);
  }
  TRY_ASSIGN(const TransferReply reply, transfers_.perform(transfer));
  if (reply.status != 200 || reply.is_too_large)
    return retry_error(fmt::format("{}{}: HTTP {}", url, path, reply.status));
  return std::string(as_text(reply.body));
}

}  // namespace templar
