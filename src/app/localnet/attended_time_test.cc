#include "app/localnet/attended_time.h"

#include <gtest/gtest.h>

namespace templar {
namespace {

TEST(AttendedTime, IsWhatWasWaitedWithOpenEyes) {
  AttendedTime time;
  time.restart(100);
  time.look(100.25);
  time.look(100.75);
  EXPECT_DOUBLE_EQ(time.seconds(), 0.75);
}

TEST(AttendedTime, CountsLittleOfAProcessThatStoodStill) {
  AttendedTime time;
  time.restart(0);
  time.look(0.5);
  time.look(3600);  // Ctrl-Z, and an hour later fg
  EXPECT_DOUBLE_EQ(time.seconds(), 1.5);
  time.look(3600.5);
  EXPECT_DOUBLE_EQ(time.seconds(), 2);
}

TEST(AttendedTime, BeginsAnew) {
  AttendedTime time;
  time.restart(0);
  time.look(0.5);
  time.restart(10);
  EXPECT_DOUBLE_EQ(time.seconds(), 0);
  time.look(10.5);
  EXPECT_DOUBLE_EQ(time.seconds(), 0.5);
}

}  // namespace
}  // namespace templar
