#include "app/run/fault_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log/log_format.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;

RunFault late(int64_t window, uint64_t revision) {
  return {.kind = "verdict",
          .source = "miner-3",
          .text = "too_late",
          .first_window = window,
          .last_window = window,
          .revision = revision};
}

TEST(FaultList, CountsTheSameThingInsteadOfListingItAgain) {
  FaultList list;
  list.add(late(4, 1), "too_late");
  list.add(late(9, 2), "too_late");
  RunFault other = late(9, 3);
  other.source = "miner-4";
  list.add(other, "too_late");
  ASSERT_EQ(list.faults().size(), 2u);
  const RunFault& first = list.faults().at(0);
  EXPECT_EQ(first.count, 2);
  EXPECT_EQ(first.first_window, 4);
  EXPECT_EQ(first.last_window, 9);
  EXPECT_EQ(first.revision, 2u);
  EXPECT_EQ(list.total(), 3);
}

TEST(FaultList, ForgetsTheOldestOfTooManyKinds) {
  FaultList list;
  for (uint64_t i = 0; i < 1000; ++i) list.add(late(0, i), "reason " + std::to_string(i));
  EXPECT_EQ(list.faults().size(), 400u);
  EXPECT_EQ(list.faults().begin()->first, 600u);
  EXPECT_EQ(list.total(), 1000);
}

TEST(WithoutNumbers, MakesMessagesThatDifferInNumbersTheSame) {
  EXPECT_EQ(without_numbers("stored 120 ms after 7"), "stored # ms after #");
  EXPECT_EQ(without_numbers(""), "");
}

TEST(FaultInLogLine, TakesWarningsAndErrorsOfTextAndOfJson) {
  const auto text =
      fault_in_log_line("12:00:02.000 W validator: old copies stay uid=0 window=391 reason=busy");
  ASSERT_TRUE(text);
  EXPECT_FALSE(text->is_error);
  EXPECT_EQ(text->window, 391);
  EXPECT_THAT(text->text, HasSubstr("validator: old copies stay"));
  const auto own = fault_in_log_line(text_log_line(
      {.level = LogLevel::kWarning, .room = "gather", .message = "slow", .fields = {{"window", 3}}}));
  ASSERT_TRUE(own);
  EXPECT_EQ(own->text, "gather: slow window=3");
  EXPECT_EQ(own->window, 3);
  const auto error = fault_in_log_line("error: the disk is full");
  ASSERT_TRUE(error);
  EXPECT_TRUE(error->is_error);
  EXPECT_EQ(error->text, "the disk is full");
  const auto json = fault_in_log_line(json_log_line({.level = LogLevel::kError,
                                                     .room = "miner",
                                                     .message = "no data",
                                                     .fields = {{"window", 7}, {"reason", "gone"}}}));
  ASSERT_TRUE(json);
  EXPECT_TRUE(json->is_error);
  EXPECT_EQ(json->text, "miner: no data: gone");
  EXPECT_EQ(json->window, 7);
}

TEST(FaultInLogLine, PassesOverEverythingElse) {
  for (const char* line :
       {"", "2026-01-01T12:00:02.000Z I miner: an error of old is named warning here", "miner: warning error",
        "a room: W and E ", "{\"level\":\"info\",\"message\":\"error\"}", "{\"level\":3}", "{broken", "[1]",
        "\xff\xfe error "}) {
    EXPECT_FALSE(fault_in_log_line(line)) << line;
  }
}

TEST(FaultInLogLine, CutsWhatIsTooLongToRead) {
  const auto fault = fault_in_log_line("error: " + std::string(100000, 'x'));
  ASSERT_TRUE(fault);
  EXPECT_LT(fault->text.size(), 500u);
}

}  // namespace
}  // namespace templar::testing
