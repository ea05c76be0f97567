#include "app/terminal/stop_signal.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <thread>

namespace templar {
namespace {

constexpr int64_t kSameRequestMs = 500;

// Without locks, so that a handler may write what any thread reads.
std::atomic<int> stop_flag = 0;       // the first signal's number
std::atomic<bool> was_asked = false;  // by Ctrl-C or SIGTERM
std::atomic<int64_t> asked_ms = 0;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free &&
              std::atomic<int64_t>::is_always_lock_free);

// May be called in a signal handler.
int64_t monotonic_ms() {
  struct timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

void on_signal(int signal) {
  if (stop_flag == 0) stop_flag = signal;
  if (signal != SIGINT && signal != SIGTERM) return;  // limits and hang-ups come again by themselves
  if (!was_asked) {
    asked_ms = monotonic_ms();
    was_asked = true;
  } else if (monotonic_ms() - asked_ms > kSameRequestMs) {
    ::_exit(kInterruptedExitCode);
  }
}

bool is_handled_by(int signal, void (*handler)(int)) {
  struct sigaction action{};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == handler;
}

}  // namespace

void survive_write_signals() {
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
}

void catch_stop_signals() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  // A thread that computes may have its stack pointer anywhere: see signal_stack.h.
  action.sa_flags = SA_ONSTACK;
  // None interrupts another: the handler has them one after the other.
  ::sigemptyset(&action.sa_mask);
  for (const int signal : kStopSignals) ::sigaddset(&action.sa_mask, signal);
  for (const int signal : kStopSignals) {
    if (signal == SIGHUP && is_handled_by(signal, SIG_IGN)) continue;
    ::sigaction(signal, &action, nullptr);
  }
}

bool stop_requested() {
  return stop_flag != 0;
}

void pause_unless_stopped(std::chrono::milliseconds pause) {
  constexpr std::chrono::milliseconds kPart{50};
  for (; pause.count() > 0 && !stop_requested(); pause -= kPart)
    std::this_thread::sleep_for(std::min(pause, kPart));
}

bool request_stop(int signal) {
  const bool is_catching = is_handled_by(SIGTERM, on_signal);
  if (is_catching && stop_flag == 0) stop_flag = signal;
  return is_catching;
}

std::string stop_reason() {
  switch (stop_flag) {
    case SIGTERM:
      return "asked to end (SIGTERM)";
    case SIGHUP:
      return "the terminal is gone (SIGHUP)";
    case SIGXCPU:
      return "the limit of processor time is reached (SIGXCPU, `ulimit -t`)";
    case SIGUSR1:
      return "asked to end (SIGUSR1)";
    case SIGUSR2:
      return "asked to end (SIGUSR2)";
    default:
      return "";
  }
}

}  // namespace templar
