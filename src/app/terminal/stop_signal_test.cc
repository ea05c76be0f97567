#include "app/terminal/stop_signal.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include <gtest/gtest.h>

#include "support/child_process.h"

namespace templar {
namespace {

using testing::run_in_child;

// What the flag is after that signal: 0 if it is raised and says why it should be.
int raised_by(int signal, const std::string& reason) {
  return run_in_child([&] {
    catch_stop_signals();
    if (stop_requested()) return 1;
    ::raise(signal);
    if (!stop_requested()) return 2;
    return stop_reason() == reason ? 0 : 3;
  });
}

TEST(StopSignal, IsWhatShellsAndSchedulersSend) {
  EXPECT_EQ(raised_by(SIGINT, ""), 0);
  EXPECT_EQ(raised_by(SIGTERM, "asked to end (SIGTERM)"), 0);
  EXPECT_EQ(raised_by(SIGHUP, "the terminal is gone (SIGHUP)"), 0);
  EXPECT_EQ(raised_by(SIGXCPU, "the limit of processor time is reached (SIGXCPU, `ulimit -t`)"), 0);
  EXPECT_EQ(raised_by(SIGUSR1, "asked to end (SIGUSR1)"), 0);
  EXPECT_EQ(raised_by(SIGUSR2, "asked to end (SIGUSR2)"), 0);
}

TEST(StopSignal, IsHandledOnTheThreadsSignalStack) {
  EXPECT_EQ(run_in_child([] {
              catch_stop_signals();
              struct sigaction action{};
              for (const int signal : kStopSignals) {
                if (::sigaction(signal, nullptr, &action) != 0 || (action.sa_flags & SA_ONSTACK) == 0)
                  return signal;
              }
              return 0;
            }),
            0);
}

TEST(StopSignal, OfNohupIsNone) {
  EXPECT_EQ(run_in_child([] {
              std::signal(SIGHUP, SIG_IGN);
              catch_stop_signals();
              ::raise(SIGHUP);
              return stop_requested() ? 1 : 0;
            }),
            0);
}

TEST(StopSignal, ThatComesTwiceAtOnceIsOneRequest) {
  EXPECT_EQ(run_in_child([] {
              catch_stop_signals();
              ::raise(SIGTERM);
              ::raise(SIGTERM);
              ::raise(SIGINT);
              return stop_requested() ? 0 : 1;
            }),
            0);
}

TEST(StopSignal, OfALimitThatComesAgainEndsNothing) {
  EXPECT_EQ(run_in_child([] {
              catch_stop_signals();
              for (int i = 0; i < 3; ++i) ::raise(SIGXCPU);
              return stop_requested() ? 0 : 1;
            }),
            0);
}

TEST(StopSignal, IsNoneOfAnUncaughtOne) {
  EXPECT_EQ(run_in_child([] {
              std::signal(SIGTERM, SIG_DFL);  // another test of this process may have caught it
              return request_stop(SIGPIPE) || stop_requested() ? 1 : 0;
            }),
            0);
  EXPECT_EQ(run_in_child([] {
              catch_stop_signals();
              return request_stop(SIGPIPE) && stop_requested() && stop_reason().empty() ? 0 : 1;
            }),
            0);
}

TEST(StopSignal, OfAWriteIsAnError) {
  EXPECT_EQ(run_in_child([] {
              survive_write_signals();
              int ends[2];
              if (::pipe(ends) != 0 || ::close(ends[0]) != 0) return 1;
              return ::write(ends[1], "x", 1) == -1 && errno == EPIPE ? 0 : 2;
            }),
            0);
  EXPECT_EQ(run_in_child([] {
              survive_write_signals();
              const rlimit limit{.rlim_cur = 0, .rlim_max = 0};
              if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
              const int file = ::open("/tmp", O_TMPFILE | O_RDWR, 0600);
              return file >= 0 && ::write(file, "x", 1) == -1 && errno == EFBIG ? 0 : 2;
            }),
            0);
}

}  // namespace
}  // namespace templar
