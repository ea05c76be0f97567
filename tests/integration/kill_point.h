// Killing a process at the n-th of its steps that change a file system.
#pragma once

#include <functional>

namespace templar::testing {

struct KilledRun {
  bool killed = false;  // false: it had fewer steps, and ended by itself
  int status = 0;       // of one that ended by itself: what work returned
  int steps = 0;        // that it began, the one before which it was killed included
};

// Runs work in a child process and kills it (SIGKILL) as it is about to begin its n-th step, from 1: a system
// call, of any of its threads, that writes, syncs, makes, renames or removes a file or a folder, or changes
// its length or times. The calling process must have one thread. CHECKs that it may trace its child.
[[nodiscard]] KilledRun run_and_kill_at(int step, const std::function<int()>& work);

}  // namespace templar::testing
