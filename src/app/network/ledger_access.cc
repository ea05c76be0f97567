#include "app/network/ledger_access.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/files/file.h"
#include "base/keys/secret_file.h"
#include "ports/roster.h"

namespace templar {
namespace {

constexpr size_t kNameDigits = 16;

std::string digits_of(const std::string& hex) {
  return hex.substr(0, kNameDigits);
}

EtcdRight all_below(const std::string& key) {
  return {.key = key, .is_prefix = true, .may_write = true};
}

EtcdRight one(const std::string& prefix, const char* kind, int64_t uid) {
  return {.key = fmt::format("{}{}/{:010}", prefix, kind, uid), .may_write = true};
}

}  // namespace

std::string ledger_address(const JoinFile& file, const std::filesystem::path& folder,
                           const std::string& user) {
  const auto parsed = parse_ledger_address(file.ledger);
  const auto* etcd = parsed ? std::get_if<EtcdAddress>(&*parsed) : nullptr;
  if (etcd == nullptr) return file.ledger;
  EtcdAddress address = *etcd;
  if (!user.empty()) {
    address.user = user;
    address.password_file = absolute_path(folder / kLedgerPasswordName);
  }
  if (!file.ca_certificates.empty()) address.ca_file = absolute_path(folder / kLedgerCaName);
  return to_text(address);
}

std::string owner_user(const Hash256& run_id) {
  return digits_of(run_id.hex()) + "-owner";
}

std::vector<EtcdRight> rights_of_owner(const std::string& prefix) {
  std::vector<EtcdRight> rights = {{.key = prefix, .is_prefix = true}};
  for (const char* kind : {"standings/", "ended/", "timekeepers/", "blocks/", "amendments/"})
    rights.push_back(all_below(prefix + kind));
  return rights;
}

std::vector<EtcdRight> rights_of_node(const std::string& prefix, NodeRole role, int64_t uid) {
  std::vector<EtcdRight> rights = {{.key = prefix, .is_prefix = true}};
  if (role == NodeRole::kEvaluator) return rights;
  rights.push_back(one(prefix, "nodes", uid));
  rights.push_back(one(prefix, "starts", uid));
  if (role == NodeRole::kMiner) return rights;
  rights.push_back(one(prefix, "weights", uid));
  rights.push_back(one(prefix, "heartbeats", uid));
  for (const char* kind : {"terms/", "decisions/", "timekeepers/", "blocks/"})
    rights.push_back(all_below(prefix + kind));
  return rights;
}

Result<LedgerAccess> LedgerAccess::open(const EtcdAddress& address, const Hash256& run_id,
                                        const LedgerRoot& root) {
  if (root.password_file.empty()) {
    return fatal_error(
        "--root-password-file FILE is wanted: the password of etcd's user root, who makes the users of "
        "nodes");
  }
  TRY_ASSIGN(std::string password, read_secret(root.password_file, ""));
  EtcdAddress as_root = address;
  as_root.user = root.user;
  as_root.password_file = root.password_file;
  TRY_ASSIGN(EtcdClientOptions client, etcd_client_options(as_root));
  return LedgerAccess(std::make_unique<EtcdUsers>(std::move(client)), std::move(password),
                      etcd_run_prefix(address, run_id), run_id);
}

std::string LedgerAccess::user_of(int64_t uid, const PublicKey& key) const {
  return fmt::format("{}-{}-{}", digits_of(run_id_.hex()), uid, digits_of(key.hex()));
}

std::optional<LedgerAccess::Promise> LedgerAccess::promise_in(const std::string& name) const {
  const std::string begin = digits_of(run_id_.hex()) + "-";
  if (!name.starts_with(begin)) return std::nullopt;
  const size_t end = name.find('-', begin.size());
  if (end == std::string::npos) return std::nullopt;
  Promise promise{.uid = 0, .key_digits = name.substr(end + 1)};
  const char* last = name.data() + end;
  const auto [read, failure] = std::from_chars(name.data() + begin.size(), last, promise.uid);
  if (failure != std::errc() || read != last || promise.key_digits.size() != kNameDigits) return std::nullopt;
  return promise;
}

Result<std::vector<LedgerAccess::Promise>> LedgerAccess::promises() const {
  TRY_ASSIGN(const std::vector<std::string> names, users_->names());
  std::vector<Promise> found;
  for (const std::string& name : names) {
    if (auto promise = promise_in(name)) found.push_back(*std::move(promise));
  }
  return found;
}

Result<bool> LedgerAccess::admit_owner(const std::filesystem::path& folder) const {
  const std::filesystem::path file = folder / kLedgerPasswordName;
  TRY_ASSIGN(const bool is_new_file, create_secret_file(file, random_password() + "\n"));
  TRY_ASSIGN(const std::string password, read_secret(file, ""));
  const std::string user = owner_user(run_id_);
  TRY_ASSIGN(const bool is_new, users_->add(user, password, rights_of_owner(prefix_)));
  // The file was lost.
  if (is_new_file && !is_new) TRY(users_->set_password(user, password));
  return is_new || is_new_file;
}

Result<LedgerCredentials> LedgerAccess::admit_node(const PublicKey& key, NodeRole role,
                                                   const std::vector<Registration>& registered,
                                                   const std::optional<LedgerCredentials>& known) const {
  TRY_ASSIGN(const std::vector<Promise> promised, promises());
  const auto own = std::ranges::find(promised, digits_of(key.hex()), &Promise::key_digits);
  int64_t uid = 0;
  if (const auto on_ledger = uid_of(registered, key)) {
    uid = *on_ledger;
  } else if (own != promised.end()) {
    uid = own->uid;
  } else {
    const auto is_taken = [&](int64_t number) {
      return find_uid(registered, static_cast<uint32_t>(number)) != nullptr ||
             std::ranges::find(promised, number, &Promise::uid) != promised.end();
    };
    while (is_taken(uid)) ++uid;
  }
  LedgerCredentials credentials{.run_id = run_id_,
                                .user = user_of(uid, key),
                                .password = known ? known->password : random_password(),
                                .uid = role == NodeRole::kEvaluator ? std::nullopt : std::optional(uid)};
  TRY_ASSIGN(const bool is_new,
             users_->add(credentials.user, credentials.password, rights_of_node(prefix_, role, uid)));
  if (!is_new && !known) TRY(users_->set_password(credentials.user, credentials.password));
  return credentials;
}

Status LedgerAccess::dismiss_node(const PublicKey& key) const {
  TRY_ASSIGN(const std::vector<Promise> promised, promises());
  for (const Promise& promise : promised) {
    if (promise.key_digits == digits_of(key.hex())) TRY(users_->remove(user_of(promise.uid, key)));
  }
  return {};
}

Status LedgerAccess::begin_to_ask() const {
  return users_->begin_to_ask(root_password_);
}

}  // namespace templar
