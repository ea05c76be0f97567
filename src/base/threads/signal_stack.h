// A stack that signal handlers of a thread run on.
#pragma once

namespace templar {

// Gives the calling thread, until it ends, a stack for handlers that were installed with SA_ONSTACK; does
// nothing where it has one already. Threads that call a library whose compiled kernels use the stack pointer
// as an ordinary register need it: a handler would run wherever that points to, and write over the heap.
// Throws std::bad_alloc.
void ensure_signal_stack();

}  // namespace templar
