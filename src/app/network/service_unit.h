// The systemd unit of a node that runs as a service.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "app/network/node_folder.h"
#include "core/protocol/ledger_entry.h"

namespace templar {

// Of the unit that the packages install for each role, with the words between two @ to be filled in.
[[nodiscard]] std::string_view service_template();

struct ServiceWords {
  std::string role;                   // "miner"
  std::string user;                   // that the node runs as
  std::string program;                // this program's file
  std::string folder;                 // the node's
  std::vector<std::string> writable;  // all folders that it writes to
};
// The unit with all of them filled in.
[[nodiscard]] std::string service_unit_text(const ServiceWords& words);

struct WrittenService {
  std::filesystem::path unit_file;  // empty: the package's unit fits
  std::string name;
  std::string start_command;
};
// Writes ROLE-RUN.service into the node's folder, in place of an older one, for the user that the folder
// belongs to; or finds the unit that the package has installed for folders of /var/lib/templar. Fails (fatal)
// where that can't be written.
[[nodiscard]] Result<WrittenService> write_service_unit(NodeRole role, const NodeFolder& node,
                                                        const std::filesystem::path& folder);

}  // namespace templar
