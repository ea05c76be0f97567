// CHECK is for our own mistakes: a broken invariant ends the process. What comes from outside gets a Result
// instead.
#pragma once

namespace templar {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) ::templar::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
