// How many files this process may have open at once.
#pragma once

namespace templar {

// Raises the soft limit as far as the hard one allows, for processes that may need many: the limit that
// shells give (1024) is meant for programs that can't have more.
void raise_open_files_limit();

}  // namespace templar
