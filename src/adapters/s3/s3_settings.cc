#include "adapters/s3/s3_settings.h"

#include <fmt/format.h>

#include "base/files/file.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxProfileBytes = size_t{1} << 20;

Result<ProfileFile> read_profile_file(const fs::path& path) {
  if (path.empty() || !is_there(path)) return ProfileFile();
  TRY_ASSIGN(const Bytes text, read_file(path, kMaxProfileBytes));
  return parse_profile_file(as_text(text));
}

const ProfileSection* section_of(const ProfileFile& file, const std::string& name) {
  const auto found = file.find(name);
  return found == file.end() ? nullptr : &found->second;
}

std::string first_of(std::initializer_list<std::string> texts) {
  for (const std::string& text : texts) {
    if (!text.empty()) return text;
  }
  return "";
}

std::string setting(const ProfileSection& section, std::string_view name) {
  const auto found = section.find(name);
  return found == section.end() ? "" : found->second;
}

}  // namespace

std::string variable(const Variables& variables, std::string_view name) {
  const auto found = variables.find(name);
  return found == variables.end() ? "" : found->second;
}

ProfilePaths profile_paths(const Variables& variables) {
  ProfilePaths paths;
  const std::string home = variable(variables, "HOME");
  const auto path_of = [&](std::string_view name, const char* otherwise) -> fs::path {
    const std::string given = variable(variables, name);
    if (!given.empty()) return given;
    return home.empty() ? fs::path() : fs::path(home) / ".aws" / otherwise;
  };
  paths.credentials = path_of("AWS_SHARED_CREDENTIALS_FILE", "credentials");
  paths.config = path_of("AWS_CONFIG_FILE", "config");
  paths.profile = first_of({variable(variables, "AWS_PROFILE"), variable(variables, "AWS_DEFAULT_PROFILE")});
  paths.is_named = !paths.profile.empty();
  if (!paths.is_named) paths.profile = "default";
  return paths;
}

Result<std::optional<ProfileSection>> read_profile(const ProfilePaths& paths) {
  TRY_ASSIGN(const ProfileFile credentials, read_profile_file(paths.credentials));
  TRY_ASSIGN(const ProfileFile config, read_profile_file(paths.config));
  const ProfileSection* keys = section_of(credentials, paths.profile);
  const ProfileSection* settings = section_of(config, "profile " + paths.profile);
  if (settings == nullptr && paths.profile == "default") settings = section_of(config, "default");
  if (keys == nullptr && settings == nullptr) return std::nullopt;
  ProfileSection all = keys == nullptr ? ProfileSection() : *keys;
  if (settings != nullptr) all.insert(settings->begin(), settings->end());
  // What a section of services says is meant for the profile that names it.
  if (const ProfileSection* services = section_of(config, "services " + setting(all, "services")))
    all.insert(services->begin(), services->end());
  return all;
}

Result<S3Settings> read_s3_settings(const Variables& variables) {
  const ProfilePaths paths = profile_paths(variables);
  TRY_ASSIGN(const std::optional<ProfileSection> found, read_profile(paths));
  if (!found && paths.is_named) {
    return fatal_error(fmt::format("AWS_PROFILE names the profile '{}', which is neither in {} nor in {}",
                                   paths.profile, paths.credentials.string(), paths.config.string()));
  }
  const ProfileSection profile = found.value_or(ProfileSection());
  return S3Settings{
      .endpoint_url =
          first_of({variable(variables, "AWS_ENDPOINT_URL_S3"), variable(variables, "AWS_ENDPOINT_URL"),
                    setting(profile, "s3.endpoint_url"), setting(profile, "endpoint_url")}),
      .region = first_of({variable(variables, "AWS_REGION"), variable(variables, "AWS_DEFAULT_REGION"),
                          setting(profile, "region")}),
      .ca_file = first_of({variable(variables, "AWS_CA_BUNDLE"), setting(profile, "ca_bundle")}),
      .https_proxy = first_of({variable(variables, "https_proxy"), variable(variables, "HTTPS_PROXY"),
                               variable(variables, "all_proxy"), variable(variables, "ALL_PROXY")}),
      // HTTP_PROXY in capitals is what a web server would let strangers set.
      .http_proxy = first_of({variable(variables, "http_proxy"), variable(variables, "all_proxy"),
                              variable(variables, "ALL_PROXY")}),
      .no_proxy = first_of({variable(variables, "no_proxy"), variable(variables, "NO_PROXY")})};
}

}  // namespace templar
