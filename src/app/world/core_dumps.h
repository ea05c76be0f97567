// Keys in the memory of a process that crashes must not get to the disk.
#pragma once

namespace templar {

// From now on this process leaves no core when it crashes, whatever the limits and wherever the system sends
// cores; only root may look into it through /proc (what is open, its environment) and with debuggers.
// Programs that it starts inherit the limit alone.
void forbid_core_dumps();

}  // namespace templar
