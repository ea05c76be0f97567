#include "app/terminal/tell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace templar {
namespace {

using ::testing::EndsWith;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(Tell, LeavesAMessageAsItIs) {
  EXPECT_EQ(presentable("x/語: No such file or directory\nsee y"), "x/語: No such file or directory\nsee y");
}

TEST(Tell, LeavesOutTheMiddleOfALongName) {
  const std::string message = presentable(std::string(100'000, 'n') + ": File name too long");
  EXPECT_THAT(message, SizeIs(1505));
  EXPECT_THAT(message, StartsWith("nnnn"));
  EXPECT_THAT(message, EndsWith("nn: File name too long"));
}

TEST(Tell, LeavesOutTheMiddleOfALongNameOfWholeCharacters) {
  std::string name;
  for (int i = 0; i < 1000; ++i) name += "語";
  EXPECT_THAT(presentable(name), StartsWith("語語"));
}

TEST(Tell, CommandsNoTerminal) {
  EXPECT_EQ(presentable("\x1b[31mred"), "\\x1b[31mred");
}

}  // namespace
}  // namespace templar
