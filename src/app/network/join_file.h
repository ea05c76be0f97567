// The join file: all that somebody must have to join a network, and no secret. And the credentials of one
// node, where the ledger asks who writes to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/result.h"
#include "core/protocol/protocol_version.h"
#include "core/run/run_spec.h"

namespace templar {

// Its name in the folder that a network was founded in; either may be named where a join file is wanted.
inline constexpr const char* kJoinFileName = "network.json";

struct JoinFile {
  RunSpec spec;
  std::string ledger;  // its address, without a user and without files of this machine
  bool ledger_has_users = false;
  std::string ca_certificates;  // PEM, to trust instead of the system's; empty: those
  std::string data;             // a folder or an address; empty: each node names its own
  std::string store;            // the folder that all nodes share; empty: each node has a place of its own
  std::string software;         // that it was made with
  ProtocolRange protocol;       // that this software speaks
};

// The file's text. What lies below `folder`, in which the file will be, is named from there on.
[[nodiscard]] std::string join_file_text(const JoinFile& file, const std::filesystem::path& folder);
// The text of one that lies in that folder: paths in it become absolute. Fails (fatal) and says what is
// wrong: no join file, of a later form, another run than it says, a protocol that this program does not
// speak.
[[nodiscard]] Result<JoinFile> parse_join_file(std::string_view text, const std::filesystem::path& folder);
// A join file, or the one in a folder. Fails likewise, and where there is none.
[[nodiscard]] Result<JoinFile> read_join_file(const std::filesystem::path& file_or_folder);

// What one node shows to the ledger.
struct LedgerCredentials {
  Hash256 run_id;
  std::string user;
  std::string password;
  std::optional<int64_t> uid;  // the only one that it may register; none: it registers nothing
};
// Made by the owner, given to the node's machine, read there.
[[nodiscard]] std::string credentials_text(const LedgerCredentials& credentials);
// Fails (fatal).
[[nodiscard]] Result<LedgerCredentials> parse_credentials(std::string_view text);
// Likewise; the message names the file, and the password is a registered secret from then on.
[[nodiscard]] Result<LedgerCredentials> read_credentials(const std::filesystem::path& file);

}  // namespace templar
