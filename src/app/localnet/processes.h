// A localnet whose nodes are processes of their own, over the file store and the SQLite ledger.
#pragma once

#include <functional>

#include "app/localnet/run_folder.h"

namespace templar {

// Starts every node as a process, makes the ledger's blocks (a window ends when every living miner has
// published), and starts a node again that was killed. state/<node>/pid holds each one's process id. Returns
// when all have finished or should_stop says so, and no child is left then. Fails where a node ends with an
// error of its own.
[[nodiscard]] Status run_processes(const LocalRun& run, const LocalnetOptions& options,
                                   const std::function<void()>& tick,
                                   const std::function<bool()>& should_stop);

}  // namespace templar
