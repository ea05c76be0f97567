// Which software a node works with: said on the ledger by each, and compared before one joins.
#pragma once

#include <string_view>

#include "app/world/open_ledger.h"
#include "base/keys/keys.h"
#include "core/protocol/protocol_version.h"

namespace templar {

// "templar 0.1.0".
[[nodiscard]] std::string_view own_software();

// Fails (fatal) and says what to do where a validator with stake speaks no version of the protocol that
// `spoken` has: nodes would not agree. Who has not said anything is taken to speak version 1.
[[nodiscard]] Status check_common_protocol(const SignedLedger& ledger,
                                           const ProtocolRange& spoken = kSpokenProtocols);

// Says on the ledger that the node with this key begins to work. Where the ledger does not let it (users of
// etcd whose rights are older), a warning on the log is all. Fails (retry) as the ledger does.
[[nodiscard]] Status say_start(const OpenedLedger& ledger, const KeyPair& key);

}  // namespace templar
