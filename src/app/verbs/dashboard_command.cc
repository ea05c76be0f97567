// `templar dashboard`: a localnet's run in the browser.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <thread>

#include "app/dashboard/dashboard_server.h"
#include "app/terminal/stop_signal.h"
#include "app/verbs/command.h"

namespace templar {
namespace {

struct Arguments {
  DashboardOptions options;
  bool open = false;
};

// The desktop's own way to open an address; on a machine without one nothing happens.
void open_browser(const std::string& address) {
  const pid_t child = fork();
  if (child == 0) {
    execlp("xdg-open", "xdg-open", address.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  if (child > 0) waitpid(child, &status, 0);
  if (child < 0 || status != 0)
    fmt::print(stderr, "no browser could be opened here: open {} yourself\n", address);
}

Status serve(Arguments& arguments) {
  arguments.options.page = dashboard_page();
  if (arguments.options.page.empty()) return fatal_error(kNoDashboardPage);
  TRY_ASSIGN(const auto server, DashboardServer::start(arguments.options));
  fmt::print("{} is at {}\nCtrl-C ends it\n", arguments.options.folder.string(), server->address());
  std::fflush(stdout);
  if (arguments.open) open_browser(server->address());
  while (!stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  server->stop();
  return {};
}

}  // namespace

void add_dashboard_command(CLI::App& root, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = root.add_subcommand(
      "dashboard",
      "Show a run in the browser, while it trains or afterwards.\nExample: templar dashboard my-run");
  verb->add_option("run", arguments->options.folder, "The folder that `templar localnet --out` was given")
      ->required();
  verb->add_option("--port", arguments->options.port, "Port to listen on (0: any free one)")
      ->check(CLI::Range(0, 65535))
      ->default_val(8300);
  verb->add_option(
          "--host", arguments->options.host,
          "Address to listen on; anything but loopback lets others see the run: there is no password")
      ->capture_default_str();
  verb->add_flag("--open", arguments->open, "Open it in this desktop's browser");
  verb->callback([arguments, &exit_code] {
    catch_stop_signals();
    const int outcome = run_command([&] { return serve(*arguments); });
    // Ctrl-C is how this verb ends.
    exit_code = outcome == kInterruptedExitCode ? 0 : outcome;
  });
}

}  // namespace templar
