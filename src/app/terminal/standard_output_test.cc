#include "app/terminal/standard_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include <gtest/gtest.h>

#include "app/terminal/stop_signal.h"
#include "support/child_process.h"

namespace templar {
namespace {

using testing::run_in_child;

// The exit code of a process that prints a line to that file.
int prints_to(const char* file) {
  return run_in_child([file] {
    const int output = ::open(file, O_WRONLY);
    if (output < 0 || ::dup2(output, STDOUT_FILENO) < 0) return 99;
    print("{} lines\n", 1);
    return exit_code_after_output(0);
  });
}

TEST(StandardOutput, ThatCannotBeWrittenIsAnError) {
  EXPECT_EQ(prints_to("/dev/null"), 0);
  EXPECT_EQ(prints_to("/dev/full"), 1);
}

TEST(StandardOutput, ThatIsLostInTheMiddleIsAnErrorToo) {
  EXPECT_EQ(run_in_child([] {
              const int full = ::open("/dev/full", O_WRONLY);
              const int output = ::dup(STDOUT_FILENO);
              if (::dup2(full, STDOUT_FILENO) < 0) return 99;
              print_text(std::string(1 << 20, 'x'));
              flush_output();
              if (::dup2(output, STDOUT_FILENO) < 0) return 99;
              return exit_code_after_output(0);
            }),
            1);
}

TEST(StandardOutput, OfAVerbThatFailedKeepsItsExitCode) {
  EXPECT_EQ(run_in_child([] {
              if (::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO) < 0) return 99;
              print("x");
              return exit_code_after_output(2);
            }),
            2);
}

// A process whose standard output is a pipe that nobody reads.
int prints_to_nobody(bool catching) {
  return run_in_child([catching] {
    int ends[2];
    if (::pipe(ends) != 0 || ::close(ends[0]) != 0 || ::dup2(ends[1], STDOUT_FILENO) < 0) return 99;
    survive_write_signals();
    std::signal(SIGTERM, SIG_DFL);  // another test of this process may have caught it
    if (catching) catch_stop_signals();
    print("x");
    flush_output();
    return stop_requested() ? exit_code_after_output(0) : 98;
  });
}

TEST(StandardOutput, ThatNobodyReadsEndsAVerbQuietly) {
  EXPECT_EQ(prints_to_nobody(true), kPipeExitCode);
  EXPECT_EQ(prints_to_nobody(false), -SIGPIPE);
}

TEST(StandardOutput, ThatIsClosedTakesNoOtherFilesPlace) {
  EXPECT_EQ(run_in_child([] {
              for (const int number : {0, 1, 2}) ::close(number);
              open_standard_streams();
              const int file = ::open("/dev/null", O_WRONLY);
              print("x");
              const bool lost = exit_code_after_output(0) == 1;
              char byte = 0;
              return file > STDERR_FILENO && lost && ::read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1;
            }),
            0);
}

}  // namespace
}  // namespace templar
