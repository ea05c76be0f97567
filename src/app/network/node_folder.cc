#include "app/network/node_folder.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/command_line/config_file.h"
#include "app/network/found_network.h"
#include "app/network/ledger_access.h"
#include "app/world/node_start.h"
#include "app/world/node_world.h"
#include "app/world/open_data.h"
#include "app/world/open_ledger.h"
#include "base/files/file.h"
#include "base/keys/secret_file.h"
#include "base/threads/processors.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

std::string line_of_path(std::string_view name, const fs::path& path) {
  return config_line(name, absolute_path(path).string());
}

// As it was given, or from the root on where it is a folder.
std::string place_text(const std::string& place) {
  return is_data_address(place) || place.starts_with("s3:") || place.starts_with("file:")
             ? place
             : absolute_path(place).string();
}

class NodeFolderMaker {
 public:
  explicit NodeFolderMaker(const JoinOptions& options) : options_(options) {}

  Result<std::optional<NodeFolder>> run(PublicKey& told_key) {
    TRY_ASSIGN(node_.network, read_join_file(options_.join_file));
    TRY(check_places());
    TRY(make_folder(options_.folder));
    TRY(settle_spec());
    const fs::path key_file = place(kNodeKeyName);
    if (!is_there(key_file)) TRY(KeyPair::generate().save(key_file));
    TRY_ASSIGN(const KeyPair key, KeyPair::load(key_file));
    told_key = node_.key = key.public_key();
    if (!node_.network.ca_certificates.empty())
      TRY(write_file_atomically(place(kLedgerCaName), node_.network.ca_certificates));
    std::optional<LedgerCredentials> credentials;
    if (node_.network.ledger_has_users) {
      TRY_ASSIGN(credentials, take_credentials());
      if (!credentials) return std::nullopt;
    }
    node_.ledger = ledger_address(node_.network, options_.folder, credentials ? credentials->user : "");
    TRY(settle_config(credentials));
    return std::move(node_);
  }

 private:
  [[nodiscard]] fs::path place(const char* name) const { return options_.folder / name; }
  [[nodiscard]] std::string data() const {
    return options_.data.empty() ? node_.network.data : options_.data;
  }
  [[nodiscard]] std::string store() const {
    return options_.store.empty() ? node_.network.store : options_.store;
  }

  // Before anything is made.
  [[nodiscard]] Status check_places() const {
    if (is_there(place(kNodeConfigName))) return {};
    if (data().empty()) {
      return fatal_error(
          "--data is wanted: the network's join file names no data set; a folder made by `templar data "
          "prepare`, or the address where the owner has put it");
    }
    if (store().empty() && options_.role != NodeRole::kEvaluator) {
      return fatal_error(
          "--store is wanted: a place of this node's own that all others can read, such as "
          "'s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION' (`templar store make --help`)");
    }
    return {};
  }

  [[nodiscard]] Status settle_spec() const {
    const fs::path path = place(kNetworkSpecName);
    if (!is_there(path)) return write_file_atomically(path, pretty_json(node_.network.spec));
    TRY_ASSIGN(const RunSpec there, load_run_spec(path.string()));
    if (run_id(there) == run_id(node_.network.spec)) return {};
    return fatal_error(fmt::format("{} belongs to run {}, the join file is of run {}: give another --folder",
                                   options_.folder.string(), run_id(there).brief(),
                                   run_id(node_.network.spec).brief()));
  }

  // What was given once stays in the folder.
  [[nodiscard]] Result<std::optional<LedgerCredentials>> take_credentials() const {
    const fs::path kept = place(kCredentialsName);
    const fs::path given = options_.credentials.empty() ? kept : options_.credentials;
    if (!is_there(given)) {
      if (options_.credentials.empty()) return std::nullopt;
      return fatal_error(fmt::format("--credentials {}: there is no such file", given.string()));
    }
    TRY_ASSIGN(LedgerCredentials credentials, read_credentials(given));
    if (credentials.run_id != run_id(node_.network.spec)) {
      return fatal_error(fmt::format("credentials {}: they are of run {}, the join file is of run {}",
                                     given.string(), credentials.run_id.brief(),
                                     run_id(node_.network.spec).brief()));
    }
    TRY(replace_secret(place(kLedgerPasswordName), credentials.password + "\n"));
    if (given != kept) TRY(replace_secret(kept, credentials_text(credentials)));
    return std::optional(std::move(credentials));
  }

  // The owner may have given another password.
  [[nodiscard]] static Status replace_secret(const fs::path& file, const std::string& content) {
    const auto before = read_file(file, size_t{64} << 10);
    if (before && as_text(*before) == content) return {};
    std::error_code ignored;
    fs::remove(file, ignored);
    TRY(create_secret_file(file, content));
    return {};
  }

  [[nodiscard]] std::string head() const {
    return fmt::format(
        "# A {0} of run {1}, by `templar network join`. `templar {0} --config FILE` reads it; `templar {0} "
        "--help`\n# says which options may be added, a line for each. What stands here stays.\n",
        name_of(options_.role), run_id(node_.network.spec).brief());
  }

  [[nodiscard]] Status settle_config(const std::optional<LedgerCredentials>& credentials) {
    node_.config_file = place(kNodeConfigName);
    if (is_there(node_.config_file)) {
      TRY(check_role());
      return check_given();
    }
    std::string text = head();
    text += line_of_path("spec", place(kNetworkSpecName));
    text += config_line("ledger", node_.ledger);
    text += config_line("data", place_text(data()));
    if (!store().empty()) text += config_line("store", place_text(store()));
    if (!options_.store_profile.empty()) text += config_line("store-profile", options_.store_profile);
    if (!options_.read_key_file.empty()) text += line_of_path("read-key-file", options_.read_key_file);
    if (options_.role != NodeRole::kEvaluator) {
      text += line_of_path("key", place(kNodeKeyName));
      if (credentials && credentials->uid) text += fmt::format("uid = {}\n", *credentials->uid);
    }
    text += line_of_path("state", place("state"));
    text += line_of_path("metrics", place("metrics.jsonl"));
    text += fmt::format("threads = {}\n", options_.threads.value_or(available_processors()));
    return write_file_atomically(node_.config_file, text);
  }

  // Its first line says whose it is.
  [[nodiscard]] Status check_role() const {
    TRY_ASSIGN(const Bytes content, read_file(node_.config_file, kMaxConfigBytes));
    const std::string_view text = as_text(content);
    for (const NodeRole role : {NodeRole::kMiner, NodeRole::kValidator, NodeRole::kEvaluator}) {
      if (role == options_.role || !text.starts_with(fmt::format("# A {} of run ", name_of(role)))) continue;
      return fatal_error(fmt::format("{} is a {}'s: give --role {}, or another --folder",
                                     node_.config_file.string(), name_of(role), name_of(role)));
    }
    return {};
  }

  // Options that were given once more must say what stands there.
  [[nodiscard]] Status check_given() const {
    TRY_ASSIGN(const std::vector<ConfigEntry> entries, read_config_file(node_.config_file));
    const auto check = [&](std::string_view name, const ConfigValue& given) -> Status {
      if (const auto* text = std::get_if<std::string>(&given); text != nullptr && text->empty()) return {};
      const auto entry = std::ranges::find(entries, name, &ConfigEntry::name);
      if (entry != entries.end() && entry->values == std::vector<ConfigValue>{given}) return {};
      return fatal_error(
          fmt::format("--{}: {} says something else, or nothing: change it there, and leave "
                      "the option out",
                      name, node_.config_file.string()));
    };
    if (options_.threads) TRY(check("threads", *options_.threads));
    TRY(check("data", options_.data.empty() ? "" : place_text(options_.data)));
    TRY(check("store", options_.store.empty() ? "" : place_text(options_.store)));
    TRY(check("store-profile", options_.store_profile));
    return check("read-key-file",
                 options_.read_key_file.empty() ? "" : absolute_path(options_.read_key_file).string());
  }

  const JoinOptions& options_;
  NodeFolder node_;
};

}  // namespace

Result<std::optional<NodeFolder>> prepare_node_folder(const JoinOptions& options, PublicKey& key) {
  return NodeFolderMaker(options).run(key);
}

Result<Admission> admission_of(const NodeFolder& node, NodeRole role,
                               const std::function<bool()>& is_cancelled) {
  TRY_ASSIGN(const auto ledger, open_ledger(node.ledger, node.network.spec, {.is_cancelled = is_cancelled}));
  TRY(check_common_protocol(ledger->entries()));
  TRY_ASSIGN(const auto standings, ledger->entries().standings());
  const auto said = standings.find(node.key);
  const bool is_known = said != standings.end();
  if (is_known && !said->second.is_admitted) return Admission::kRemoved;
  const bool has_stake = is_known && said->second.stake > 0;
  return role == NodeRole::kValidator && !has_stake ? Admission::kWithoutStake : Admission::kAdmitted;
}

}  // namespace templar
