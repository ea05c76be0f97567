#include "app/terminal/stop_signal.h"

#include <unistd.h>
#include <csignal>

namespace templar {
namespace {

volatile std::sig_atomic_t stop_flag = 0;

void on_signal(int) {
  if (stop_flag != 0) _exit(kInterruptedExitCode);
  stop_flag = 1;
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool stop_requested() {
  return stop_flag != 0;
}

}  // namespace templar
