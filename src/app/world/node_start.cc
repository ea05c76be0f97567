#include "app/world/node_start.h"

#include <fmt/format.h>

#include "base/log/log.h"
#include "ports/roster.h"

namespace templar {
namespace {

std::string protocol_text(const ProtocolRange& range) {
  if (range.oldest == range.newest) return fmt::format("version {}", range.newest);
  return fmt::format("versions {} to {}", range.oldest, range.newest);
}

}  // namespace

std::string_view own_software() {
  return "templar " TEMPLAR_VERSION;
}

Status check_common_protocol(const SignedLedger& ledger, const ProtocolRange& spoken) {
  TRY_ASSIGN(const std::vector<Registration> roster, ledger.registrations());
  TRY_ASSIGN(const std::vector<NodeStart> starts, ledger.starts());
  for (const NodeStart& start : starts) {
    const Registration* node = find_uid(roster, start.uid);
    if (node == nullptr || node->is_removed || node->stake <= 0) continue;
    if (have_common_protocol(start.protocol, spoken)) continue;
    const bool is_newer = start.protocol.oldest > spoken.newest;
    return fatal_error(fmt::format(
        "this program ({}) speaks {} of the protocol, the run's validator uid {} ({}) {}: install {}",
        own_software(), protocol_text(spoken), start.uid, start.software, protocol_text(start.protocol),
        is_newer ? start.software + " or a newer one"
                 : start.software + ", or the newest that still speaks " + protocol_text(start.protocol)));
  }
  return {};
}

Status say_start(const OpenedLedger& ledger, const KeyPair& key) {
  TRY_ASSIGN(const std::optional<Block> latest, ledger.entries().latest_block());
  const Status said = LedgerWriter(ledger.board(), ledger.entries(), key)
                          .start({.block = latest ? latest->number : -1,
                                  .protocol = kSpokenProtocols,
                                  .software = std::string(own_software())});
  if (said || said.error().kind != ErrorKind::kFatal) return said;
  log(LogLevel::kWarning, "node", "the ledger does not show this node's version",
      {{"reason", said.error().message}});
  return {};
}

}  // namespace templar
