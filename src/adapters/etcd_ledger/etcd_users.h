// Who may do what in a cluster of etcd: its users and roles, for whoever founds a network there.
#pragma once

#include <string>
#include <vector>

#include "adapters/etcd_ledger/etcd_client.h"
#include "base/json/json.h"

namespace templar {

// A key, or all that begin so.
struct EtcdRight {
  std::string key;
  bool is_prefix = false;
  bool may_write = false;  // else it may be read alone
};

// Each call may be repeated: what is there already stays. Calls fail as EtcdClient::send does; after a
// failure (retry) it may have been done. Not for two at once.
class EtcdUsers {
 public:
  // options.user: one with the role root. Where the cluster asks nobody who he is, it is not looked at.
  explicit EtcdUsers(EtcdClientOptions options);

  // Whether the cluster asks everybody who he is.
  [[nodiscard]] Result<bool> are_asked_for() const;
  // Ascending.
  [[nodiscard]] Result<std::vector<std::string>> names() const;
  // Makes the user with that password, and a role of the same name with these rights, which it gets; rights
  // that the role has besides stay. False where there was such a user: it keeps its password.
  [[nodiscard]] Result<bool> add(const std::string& name, const std::string& password,
                                 const std::vector<EtcdRight>& rights) const;
  [[nodiscard]] Status set_password(const std::string& name, const std::string& password) const;
  // Removes the user with its role. Nothing is done where there is none.
  [[nodiscard]] Status remove(const std::string& name) const;
  // From now on the cluster asks. Makes the user root with that password first, if there is none.
  [[nodiscard]] Status begin_to_ask(const std::string& root_password) const;

 private:
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& kind) const;
  [[nodiscard]] Status ask(const std::string& path, const JsonObject& body, const std::string& what) const;

  const EtcdClientOptions options_;
  const EtcdClient client_;
};

}  // namespace templar
