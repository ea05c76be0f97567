#include "adapters/etcd_ledger/etcd_users.h"

#include <algorithm>

#include "base/base64.h"
#include "base/json/json.h"

namespace templar {
namespace {

constexpr const char* kRootUser = "root";  // etcd asks for a user and a role of that name

std::string coded_key(const std::string& text) {
  return to_base64(as_bytes(text));
}

JsonObject permission(const EtcdRight& right) {
  JsonObject json{{"permType", right.may_write ? "READWRITE" : "READ"}, {"key", coded_key(right.key)}};
  if (!right.is_prefix) return json;
  std::string end = right.key;
  ++end.back();
  json.push_back({"range_end", coded_key(end)});
  return json;
}

bool contains_name(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

EtcdUsers::EtcdUsers(EtcdClientOptions options) : options_(std::move(options)), client_(options_) {}

Status EtcdUsers::ask(const std::string& path, const JsonObject& body, const std::string& what) const {
  const auto reply = client_.send({.path = path, .body = to_text(body), .what = what, .is_write = true});
  return reply ? Status() : std::unexpected(reply.error());
}

Result<std::vector<std::string>> EtcdUsers::list(const std::string& kind) const {
  TRY_ASSIGN(const EtcdReply reply,
             client_.send(
                 {.path = "/v3/auth/" + kind + "/list", .body = "{}", .what = "list of all " + kind + "s"}));
  return parse_etcd_names(as_text(reply.body), kind + "s");
}

Result<std::vector<std::string>> EtcdUsers::names() const {
  TRY_ASSIGN(std::vector<std::string> all, list("user"));
  std::ranges::sort(all);
  return all;
}

Result<bool> EtcdUsers::are_asked_for() const {
  EtcdClientOptions nobody = options_;
  nobody.user.clear();
  const auto reply =
      EtcdClient(nobody).send({.path = "/v3/auth/user/list", .body = "{}", .what = "list of all users"});
  if (reply) return false;
  if (reply.error().kind != ErrorKind::kFatal) return std::unexpected(reply.error());
  // Whether the no was to nobody is told by asking as somebody.
  TRY(list("user"));
  return true;
}

Result<bool> EtcdUsers::add(const std::string& name, const std::string& password,
                            const std::vector<EtcdRight>& rights) const {
  TRY_ASSIGN(const std::vector<std::string> roles, list("role"));
  if (!contains_name(roles, name))
    TRY(ask("/v3/auth/role/add", {{"name", name}}, "making of the role " + name));
  for (const EtcdRight& right : rights) {
    TRY(ask("/v3/auth/role/grant", {{"name", name}, {"perm", permission(right)}},
            "granting of " + right.key + " to the role " + name));
  }
  TRY_ASSIGN(const std::vector<std::string> users, list("user"));
  const bool is_new = !contains_name(users, name);
  if (is_new) {
    TRY(ask("/v3/auth/user/add", {{"name", name}, {"password", password}}, "making of the user " + name));
  }
  TRY(ask("/v3/auth/user/grant", {{"user", name}, {"role", name}}, "giving a role to the user " + name));
  return is_new;
}

Status EtcdUsers::set_password(const std::string& name, const std::string& password) const {
  return ask("/v3/auth/user/changepw", {{"name", name}, {"password", password}},
             "another password for the user " + name);
}

Status EtcdUsers::remove(const std::string& name) const {
  TRY_ASSIGN(const std::vector<std::string> users, list("user"));
  if (contains_name(users, name))
    TRY(ask("/v3/auth/user/delete", {{"name", name}}, "removal of the user " + name));
  TRY_ASSIGN(const std::vector<std::string> roles, list("role"));
  if (contains_name(roles, name))
    TRY(ask("/v3/auth/role/delete", {{"role", name}}, "removal of the role " + name));
  return {};
}

Status EtcdUsers::begin_to_ask(const std::string& root_password) const {
  TRY_ASSIGN(const bool are_asked, are_asked_for());
  if (are_asked) return {};
  TRY(add(kRootUser, root_password, {}));
  return ask("/v3/auth/enable", {}, "beginning to ask for users");
}

}  // namespace templar
