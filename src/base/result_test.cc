#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

#include "support/expect_failure.h"

namespace templar {
namespace {

using testing::fails;

Result<std::unique_ptr<int>> boxed(int value) {
  if (value < 0) return skip_error("negative");
  return std::make_unique<int>(value);
}
Status refuse_odd(int value) {
  return value % 2 == 0 ? Status{} : retry_error("odd");
}

Result<int> doubled(int value) {
  TRY(refuse_odd(value));
  TRY_ASSIGN(const std::unique_ptr<int> box, boxed(value));
  return *box * 2;
}

TEST(Result, GoesOnWithTheValue) {
  EXPECT_EQ(doubled(4).value(), 8);
}

TEST(Result, HandsTheFirstErrorToTheCallerAsItIs) {
  EXPECT_TRUE(fails(doubled(3), ErrorKind::kRetry, "odd"));
  EXPECT_TRUE(fails(doubled(-2), ErrorKind::kSkip, "negative"));
}

TEST(Result, KeepsTheKindOfAnAnnotatedError) {
  const Status annotated = annotate({ErrorKind::kRetry, "away"}, "store");
  EXPECT_TRUE(fails(annotated, ErrorKind::kRetry, "store: away"));
}

TEST(Result, MayBePassedOverOnlyIfItsErrorSaysSkip) {
  EXPECT_TRUE(fail_unless_skip(doubled(4)));
  EXPECT_TRUE(fail_unless_skip(doubled(-2)));
  EXPECT_TRUE(fails(fail_unless_skip(doubled(3)), ErrorKind::kRetry, "odd"));
}

}  // namespace
}  // namespace templar
