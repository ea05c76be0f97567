// What a user's environment says about S3, as Amazon's own tools read it: variables, then the profile that
// they name in ~/.aws/config and ~/.aws/credentials.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/s3/profile_file.h"
#include "adapters/s3/signature.h"
#include "base/result.h"

namespace templar {

// The variables of an environment; rooms other than app are handed them.
using Variables = std::map<std::string, std::string, std::less<>>;

// The value, or "" where there is no such variable.
[[nodiscard]] std::string variable(const Variables& variables, std::string_view name);

// The names of all variables that are read here and by CredentialSource.
inline constexpr std::string_view kS3Variables[] = {"AWS_ACCESS_KEY_ID",
                                                    "AWS_SECRET_ACCESS_KEY",
                                                    "AWS_SESSION_TOKEN",
                                                    "AWS_PROFILE",
                                                    "AWS_DEFAULT_PROFILE",
                                                    "AWS_SHARED_CREDENTIALS_FILE",
                                                    "AWS_CONFIG_FILE",
                                                    "AWS_ENDPOINT_URL_S3",
                                                    "AWS_ENDPOINT_URL",
                                                    "AWS_REGION",
                                                    "AWS_DEFAULT_REGION",
                                                    "AWS_CA_BUNDLE",
                                                    "AWS_EC2_METADATA_DISABLED",
                                                    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                                    "HOME",
                                                    "HTTPS_PROXY",
                                                    "https_proxy",
                                                    "http_proxy",
                                                    "ALL_PROXY",
                                                    "all_proxy",
                                                    "NO_PROXY",
                                                    "no_proxy"};

struct ProfilePaths {
  std::filesystem::path credentials;
  std::filesystem::path config;
  std::string profile;    // "default", unless a variable names another
  bool is_named = false;  // one does
};
[[nodiscard]] ProfilePaths profile_paths(const Variables& variables);

// The profile's settings from both files, those of the credentials file first. nullopt: neither has it. A
// file that is not there is empty; fails (fatal) where one can't be read.
[[nodiscard]] Result<std::optional<ProfileSection>> read_profile(const ProfilePaths& paths);

struct S3Settings {
  std::string endpoint_url;  // empty: none is said
  std::string region;        // likewise
  std::filesystem::path ca_file;
  std::string https_proxy;
  std::string http_proxy;
  std::string no_proxy;
};

// Fails as read_profile, and (fatal) where AWS_PROFILE names a profile that is in neither file.
[[nodiscard]] Result<S3Settings> read_s3_settings(const Variables& variables);

}  // namespace templar
