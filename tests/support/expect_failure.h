// Expecting an error: its kind, and words of its message.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "base/result.h"

namespace templar::testing {

// EXPECT_TRUE(fails(result, kind, text)): the result is an error of that kind whose message holds the text.
template <typename T>
[[nodiscard]] ::testing::AssertionResult fails(const Result<T>& result, ErrorKind kind,
                                               std::string_view text = "") {
  if (result) return ::testing::AssertionFailure() << "it succeeded";
  if (result.error().kind != kind) {
    return ::testing::AssertionFailure() << "another kind of error: " << result.error().message;
  }
  if (result.error().message.find(text) == std::string::npos) {
    return ::testing::AssertionFailure()
           << "'" << result.error().message << "' does not say '" << text << "'";
  }
  return ::testing::AssertionSuccess();
}

}  // namespace templar::testing
