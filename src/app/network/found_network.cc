#include "app/network/found_network.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "app/world/node_start.h"
#include "app/world/node_world.h"
#include "app/world/open_data.h"
#include "base/files/file.h"
#include "base/keys/secret_file.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLedgerName = "ledger.db";

struct Stake {
  PublicKey key;
  double amount = 1;
};

Result<Stake> parse_stake(const std::string& text) {
  const size_t equals = text.find('=');
  Stake stake;
  const auto key = parse_public_key(text.substr(0, equals));
  if (!key) {
    return fatal_error(
        fmt::format("--validator {}: no public key (`templar key show FILE` prints one)", text));
  }
  stake.key = *key;
  if (equals == std::string::npos) return stake;
  const char* begin = text.data() + equals + 1;
  const char* end = text.data() + text.size();
  const auto [read, failure] = std::from_chars(begin, end, stake.amount);
  if (failure == std::errc() && read == end && std::isfinite(stake.amount) && stake.amount > 0) return stake;
  return fatal_error(fmt::format("--validator {}: the stake behind = must be a number above 0", text));
}

class Founding {
 public:
  Founding(const FoundOptions& options, const std::function<void(const FoundThing&)>& seen)
      : options_(options), seen_(seen) {}

  Result<FoundNetwork> run() {
    TRY_ASSIGN(std::vector<Stake> stakes, given_stakes());
    TRY(judge_options());
    TRY(make_folder(options_.folder));
    TRY_ASSIGN(const KeyPair owner, key_at(kOwnerKeyName, "owner's key"));
    found_.owner = owner.public_key();
    TRY(settle_spec());
    TRY(settle_join_file());
    if (stakes.empty()) {
      TRY(make_folder(options_.folder / kOwnValidatorFolder));
      TRY_ASSIGN(const KeyPair own, key_at(fs::path(kOwnValidatorFolder) / kNodeKeyName, "validator's key"));
      stakes.push_back({.key = own.public_key()});
      found_.has_own_validator = true;
    }
    for (const Stake& stake : stakes) found_.validators.push_back(stake.key);
    TRY(make_users());
    TRY(give_stakes(owner, stakes));
    TRY(write_join_file());
    return std::move(found_);
  }

 private:
  [[nodiscard]] fs::path place(const fs::path& name) const { return options_.folder / name; }
  void tell_of(std::string what, std::string where, bool is_new) const {
    seen_({std::move(what), std::move(where), is_new});
  }

  [[nodiscard]] Result<std::vector<Stake>> given_stakes() const {
    std::vector<Stake> stakes;
    for (const std::string& text : options_.validators) {
      TRY_ASSIGN(const Stake stake, parse_stake(text));
      stakes.push_back(stake);
    }
    return stakes;
  }

  Result<KeyPair> key_at(const fs::path& name, const char* what) const {
    const fs::path path = place(name);
    const bool is_new = !is_there(path);
    if (is_new) TRY(KeyPair::generate().save(path));
    tell_of(what, path.string(), is_new);
    return KeyPair::load(path);
  }

  // Before anything is made: a call that is refused leaves nothing behind.
  [[nodiscard]] Status judge_options() const {
    if (is_there(place(kNetworkSpecName))) return {};
    TRY_ASSIGN(RunSpec spec, load_run_spec(options_.spec));
    TRY(apply_changes(spec, options_.changes));
    if (!spec.network.owner.empty() && !is_there(place(kOwnerKeyName))) {
      return fatal_error(
          fmt::format("the run spec names the owner {}: put that owner's key to {}, or leave out "
                      "network.owner",
                      spec.network.owner, place(kOwnerKeyName).string()));
    }
    return settle_data(spec, /*may_name=*/true);
  }

  // The run as the options ask for it.
  Result<RunSpec> wanted_spec() const {
    TRY_ASSIGN(RunSpec spec, load_run_spec(options_.spec));
    TRY(apply_changes(spec, options_.changes));
    const std::string owner = found_.owner.hex();
    if (!spec.network.owner.empty() && spec.network.owner != owner) {
      return fatal_error(
          fmt::format("the run spec names the owner {}, and {} is the key of {}: leave out "
                      "network.owner, or put that owner's key there",
                      spec.network.owner, place(kOwnerKeyName).string(), owner));
    }
    spec.network.owner = owner;
    TRY(settle_data(spec, /*may_name=*/true));
    return spec;
  }

  // That the data set fits the run; which one it is becomes part of a run that is founded now.
  Status settle_data(RunSpec& spec, bool may_name) const {
    if (options_.data.empty()) return {};
    const auto opened =
        open_any_data({.data = options_.data, .cache_folder = options_.folder / "data-cache"});
    if (!opened) return annotate(opened.error(), "--data");
    const auto hash = opened->shards->manifest_hash();
    if (hash && may_name && spec.data.manifest_hash.empty()) spec.data.manifest_hash = hash->hex();
    return check_data(spec, *opened->shards, options_.data);
  }

  // What stands in the folder is the run: a spec that was begun with is never changed.
  Status settle_spec() {
    const fs::path path = place(kNetworkSpecName);
    if (!is_there(path)) {
      TRY_ASSIGN(found_.join_file.spec, wanted_spec());
      TRY(write_file_atomically(path, pretty_json(found_.join_file.spec)));
      tell_of("run spec", path.string(), true);
      return {};
    }
    TRY_ASSIGN(found_.join_file.spec, load_run_spec(path.string()));
    TRY(settle_data(found_.join_file.spec, /*may_name=*/false));
    const bool asks_for_one = !options_.changes.empty() || options_.spec != FoundOptions().spec;
    if (asks_for_one) {
      TRY_ASSIGN(RunSpec wanted, wanted_spec());
      // Data that is not named again stays.
      if (options_.data.empty()) wanted.data.manifest_hash = found_.join_file.spec.data.manifest_hash;
      if (run_id(wanted) != run_id(found_.join_file.spec)) {
        return fatal_error(fmt::format(
            "{} is of another run ({}) than --spec and --set ask for ({}): the spec of a run never "
            "changes; amend it (templar network amend), or found the other one in another folder (or remove "
            "this one, if nobody has joined)",
            path.string(), run_id(found_.join_file.spec).brief(), run_id(wanted).brief()));
      }
    }
    if (found_.join_file.spec.network.owner != found_.owner.hex()) {
      return fatal_error(fmt::format("{} names another owner than {}: put that owner's key there",
                                     path.string(), place(kOwnerKeyName).string()));
    }
    tell_of("run spec", path.string(), false);
    return {};
  }

  // What is in the folder's join file stays, where the options do not name it again.
  Status settle_join_file() {
    JoinFile& file = found_.join_file;
    found_.join_path = place(kJoinFileName);
    if (is_there(found_.join_path)) {
      TRY_ASSIGN(JoinFile there, read_join_file(found_.join_path));
      there.spec = file.spec;
      file = std::move(there);
    }
    if (!options_.data.empty()) file.data = options_.data;
    if (!options_.store.empty()) {
      TRY(make_folder(options_.store));
      file.store = absolute_path(options_.store).string();
    }
    file.software = own_software();
    file.protocol = kSpokenProtocols;
    std::string ledger = options_.ledger.empty() ? file.ledger : options_.ledger;
    if (ledger.empty()) ledger = place(kLedgerName).string();
    TRY_ASSIGN(const LedgerAddress address, parse_ledger_address(ledger));
    if (const auto* path = std::get_if<fs::path>(&address))
      ledger = "sqlite:" + absolute_path(*path).string();
    if (const auto* etcd = std::get_if<EtcdAddress>(&address)) {
      TRY(settle_certificates(*etcd));
      EtcdAddress plain{.endpoints = etcd->endpoints, .prefix = etcd->prefix};
      ledger = to_text(plain);
    }
    if (!file.ledger.empty() && file.ledger != ledger) {
      return fatal_error(fmt::format("{} says that the ledger is {}: a run's ledger never moves",
                                     found_.join_path.string(), file.ledger));
    }
    file.ledger = ledger;
    return {};
  }

  Status settle_certificates(const EtcdAddress& address) {
    JoinFile& file = found_.join_file;
    if (!address.ca_file.empty()) {
      TRY_ASSIGN(const Bytes certificates, read_file(address.ca_file, size_t{1} << 20));
      file.ca_certificates = as_text(certificates);
    }
    if (file.ca_certificates.empty()) return {};
    return write_file_atomically(place(kLedgerCaName), file.ca_certificates);
  }

  Status make_users() {
    JoinFile& file = found_.join_file;
    TRY_ASSIGN(const LedgerAddress address, parse_ledger_address(ledger_address(file, options_.folder, "")));
    const auto* etcd = std::get_if<EtcdAddress>(&address);
    if (etcd == nullptr) {
      if (options_.root.password_file.empty()) return {};
      return fatal_error("--root-password-file: only a ledger on etcd has users");
    }
    if (options_.root.password_file.empty()) return {};
    const Hash256 run = run_id(file.spec);
    TRY_ASSIGN(const LedgerAccess access, LedgerAccess::open(*etcd, run, options_.root));
    TRY_ASSIGN(const bool is_new, access.admit_owner(options_.folder));
    tell_of("owner's user of the ledger", owner_user(run), is_new);
    for (const PublicKey& key : found_.validators) {
      TRY_ASSIGN(const bool is_new_file,
                 write_credentials(access, options_.folder, key, NodeRole::kValidator, {}));
      tell_of("validator's credentials", credentials_path(options_.folder, key).string(), is_new_file);
    }
    if (found_.has_own_validator) {
      TRY_ASSIGN(const Bytes own, read_file(credentials_path(options_.folder, found_.validators[0]), 4096));
      TRY(create_secret_file(place(kOwnValidatorFolder) / kCredentialsName, as_text(own)));
    }
    TRY(access.begin_to_ask());
    file.ledger_has_users = true;
    return {};
  }

  Status give_stakes(const KeyPair& owner, const std::vector<Stake>& stakes) {
    const JoinFile& file = found_.join_file;
    const std::string user = file.ledger_has_users ? owner_user(run_id(file.spec)) : "";
    const std::string address = ledger_address(file, options_.folder, user);
    TRY_ASSIGN(const auto ledger, open_ledger(address, file.spec, {.may_create = true}));
    TRY_ASSIGN(const auto standings, ledger->entries().standings());
    tell_of("ledger", file.ledger, standings.empty());
    OwnerWriter writer(ledger->board(), ledger->entries(), owner);
    for (const Stake& stake : stakes) {
      const bool is_new = !standings.contains(stake.key);
      const bool is_founder = standings.empty() && stake.key == stakes[0].key;
      if (is_new) TRY(writer.set_standing(stake.key, {.stake = stake.amount, .is_founder = is_founder}));
      tell_of("validator's stake", stake.key.hex(), is_new);
    }
    return {};
  }

  Status write_join_file() {
    const std::string text = join_file_text(found_.join_file, options_.folder);
    const auto before = read_file(found_.join_path, text.size() + (size_t{1} << 20));
    const bool is_new = !before || as_text(*before) != text;
    if (is_new) TRY(write_file_atomically(found_.join_path, text));
    tell_of("join file", found_.join_path.string(), is_new);
    return {};
  }

  const FoundOptions& options_;
  const std::function<void(const FoundThing&)>& seen_;
  FoundNetwork found_;
};

}  // namespace

Result<FoundNetwork> found_network(const FoundOptions& options,
                                   const std::function<void(const FoundThing&)>& seen) {
  return Founding(options, seen).run();
}

fs::path credentials_path(const fs::path& folder, const PublicKey& key) {
  return folder / kCredentialsFolder / (bucket_of(key) + ".json");
}

Result<bool> write_credentials(const LedgerAccess& access, const fs::path& folder, const PublicKey& key,
                               NodeRole role, const std::vector<Registration>& registered) {
  const fs::path file = credentials_path(folder, key);
  TRY(make_folder(file.parent_path()));
  std::optional<LedgerCredentials> known;
  if (is_there(file)) {
    TRY_ASSIGN(known, read_credentials(file));
  }
  TRY_ASSIGN(const LedgerCredentials given, access.admit_node(key, role, registered, known));
  return create_secret_file(file, credentials_text(given));
}

}  // namespace templar
