#include "app/network/join_file.h"

#include <fmt/format.h>

#include <utility>

#include "app/world/open_ledger.h"
#include "base/files/file.h"
#include "base/json/json_fields.h"
#include "base/log/secrets.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormField = "templar_network";
constexpr const char* kCredentialsFormField = "templar_credentials";
constexpr int64_t kForm = 1;
constexpr size_t kMaxJoinFileBytes = size_t{4} << 20;
constexpr size_t kMaxCredentialsBytes = 4096;
constexpr int64_t kLargestUid = UINT32_MAX;
constexpr int64_t kLargestVersion = 1'000'000;

bool is_address(const std::string& place) {
  return place.find("://") != std::string::npos || is_etcd_address(place);
}

// "data" of "/net/data" in /net; what lies elsewhere is named from the root on.
std::string place_from(const std::string& place, const fs::path& folder) {
  if (place.empty() || is_address(place)) return place;
  const fs::path whole = absolute_path(place);
  const fs::path relative = whole.lexically_relative(absolute_path(folder));
  return relative.empty() || relative.native().starts_with("..") ? whole.string() : relative.string();
}

std::string place_at(const std::string& place, const fs::path& folder) {
  if (place.empty() || is_address(place)) return place;
  return absolute_path(folder / place).string();
}

Status check_spoken(const JoinFile& file) {
  if (have_common_protocol(file.protocol, kSpokenProtocols)) return {};
  return fatal_error(fmt::format(
      "this network's protocol has version {}, and this program speaks {}: install {}", file.protocol.newest,
      kSpokenProtocols.newest,
      file.protocol.oldest > kSpokenProtocols.newest ? file.software + " or a newer one" : file.software));
}

Result<JoinFile> parse_fields(const Json& json) {
  TRY_ASSIGN(JsonFields fields, JsonFields::of(json, ""));
  TRY_ASSIGN(const int64_t form, fields.integer(kFormField, 1));
  // Before the other fields, which it may have otherwise.
  TRY_ASSIGN(JoinFile file, [&]() -> Result<JoinFile> {
    JoinFile read;
    TRY_ASSIGN(read.software, fields.text("software"));
    TRY_ASSIGN(read.protocol.oldest, fields.integer("oldest_protocol", 0, kLargestVersion));
    TRY_ASSIGN(read.protocol.newest,
               fields.integer("newest_protocol", read.protocol.oldest, kLargestVersion));
    return read;
  }());
  TRY(check_spoken(file));
  if (form != kForm) {
    return fatal_error(
        fmt::format("it has form {}, which this program does not know: install {}", form, file.software));
  }
  TRY_ASSIGN(file.ledger, fields.text("ledger"));
  TRY_ASSIGN(file.ledger_has_users, fields.flag("ledger_has_users"));
  TRY_ASSIGN(file.ca_certificates, fields.text("ca_certificates"));
  TRY_ASSIGN(file.data, fields.text("data"));
  TRY_ASSIGN(file.store, fields.text("store"));
  TRY_ASSIGN(const Hash256 named, fields.hash("run_id"));
  TRY_ASSIGN(const Json* spec, fields.value("run_spec"));
  TRY(fields.finish());
  auto parsed = parse_run_spec(to_text(*spec));
  if (!parsed) return annotate(parsed.error(), "run_spec");
  file.spec = *std::move(parsed);
  if (run_id(file.spec) == named) return file;
  return fatal_error(fmt::format("its run_spec is run {}, its run_id says {}: it was changed; ask the owner",
                                 run_id(file.spec).brief(), named.brief()));
}

}  // namespace

std::string join_file_text(const JoinFile& file, const fs::path& folder) {
  auto spec = parse_json(canonical_json(file.spec), {.max_bytes = kMaxJoinFileBytes});
  std::string ledger = file.ledger;
  if (!is_etcd_address(ledger)) {
    if (ledger.starts_with("sqlite:")) ledger.erase(0, std::string_view("sqlite:").size());
    ledger = "sqlite:" + place_from(ledger, folder);
  }
  const Json json = JsonObject{{kFormField, kForm},
                               {"software", file.software},
                               {"oldest_protocol", file.protocol.oldest},
                               {"newest_protocol", file.protocol.newest},
                               {"run_id", run_id(file.spec).hex()},
                               {"ledger", ledger},
                               {"ledger_has_users", file.ledger_has_users},
                               {"ca_certificates", file.ca_certificates},
                               {"data", place_from(file.data, folder)},
                               {"store", place_from(file.store, folder)},
                               {"run_spec", *std::move(spec)}};
  return to_text(json, {.indent = 2}) + "\n";
}

Result<JoinFile> parse_join_file(std::string_view text, const fs::path& folder) {
  const auto json = parse_json(text, {.max_bytes = kMaxJoinFileBytes});
  if (!json) return fatal_error(json.error().message);
  TRY_ASSIGN(JoinFile file, parse_fields(*json));
  TRY_ASSIGN(const LedgerAddress address, parse_ledger_address(file.ledger));
  if (const auto* path = std::get_if<fs::path>(&address))
    file.ledger = "sqlite:" + place_at(path->string(), folder);
  file.data = place_at(file.data, folder);
  file.store = place_at(file.store, folder);
  return file;
}

Result<JoinFile> read_join_file(const fs::path& file_or_folder) {
  std::error_code ignored;
  const fs::path path =
      fs::is_directory(file_or_folder, ignored) ? file_or_folder / kJoinFileName : file_or_folder;
  const auto content = read_file(path, kMaxJoinFileBytes);
  if (!content) {
    return fatal_error(
        fmt::format("join file: {} (the owner of a network has it: `templar network init` "
                    "makes it)",
                    content.error().message));
  }
  auto file = parse_join_file(as_text(*content), absolute_path(path).parent_path());
  if (!file) return annotate(file.error(), "join file " + path.string());
  return file;
}

std::string credentials_text(const LedgerCredentials& credentials) {
  const Json json = JsonObject{{kCredentialsFormField, kForm},
                               {"run_id", credentials.run_id.hex()},
                               {"user", credentials.user},
                               {"password", credentials.password},
                               {"uid", credentials.uid}};
  return to_text(json, {.indent = 2}) + "\n";
}

Result<LedgerCredentials> parse_credentials(std::string_view text) {
  const auto json = parse_json(text, {.max_bytes = kMaxCredentialsBytes});
  if (!json) return fatal_error(json.error().message);
  TRY_ASSIGN(JsonFields fields, JsonFields::of(*json, ""));
  LedgerCredentials found;
  TRY(fields.integer(kCredentialsFormField, kForm, kForm));
  TRY_ASSIGN(found.run_id, fields.hash("run_id"));
  TRY_ASSIGN(found.user, fields.text("user"));
  TRY_ASSIGN(found.password, fields.text("password"));
  TRY_ASSIGN(found.uid, fields.integer_or_null("uid", 0, kLargestUid));
  TRY(fields.finish());
  return found;
}

Result<LedgerCredentials> read_credentials(const fs::path& file) {
  TRY_ASSIGN(const Bytes content, read_file(file, kMaxCredentialsBytes));
  auto found = parse_credentials(as_text(content));
  if (!found) return annotate(found.error(), "credentials " + file.string());
  register_secret(found->password);
  return found;
}

}  // namespace templar
