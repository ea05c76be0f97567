// `templar dashboard`: a localnet's run in the browser.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "app/dashboard/dashboard_server.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/terminal/tell.h"
#include "app/verbs/verbs.h"

namespace templar {
namespace {

constexpr int kDefaultPort = 8300;

struct DashboardArguments {
  DashboardOptions options;
  bool open = false;
};

// The desktop's own way to open an address; on a machine without one nothing happens.
void open_browser(const std::string& address) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGPIPE, SIG_DFL);  // as a program expects it
    execlp("xdg-open", "xdg-open", address.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  if (child > 0) waitpid(child, &status, 0);
  if (child < 0 || status != 0)
    tell(fmt::format("no browser could be opened here: open {} yourself\n", address));
}

Status serve(DashboardArguments& arguments) {
  arguments.options.page = dashboard_page();
  if (arguments.options.page.empty()) return fatal_error(kNoDashboardPage);
  TRY_ASSIGN(const auto server, DashboardServer::start(arguments.options));
  print("{} is at {}\nCtrl-C ends it\n", arguments.options.folder.string(), server->address());
  flush_output();
  if (arguments.open) open_browser(server->address());
  while (!stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  server->stop();
  return {};
}

}  // namespace

void add_dashboard_command(Verb program) {
  auto arguments = std::make_shared<DashboardArguments>();
  DashboardOptions& options = arguments->options;
  options.port = kDefaultPort;
  Verb verb = program.add_verb(
      "dashboard",
      "Show a run in the browser, while it trains or afterwards.\nExample: templar dashboard my-run");
  verb.add_options(
      {{"run", &options.folder, "The folder that `templar localnet --out` was given", {.required = true}},
       {"--port",
        &options.port,
        "Port to listen on (0: any free one)",
        {.allowed = IntegerRange{0, 65535}, .shows_default = true}},
       {"--host",
        &options.host,
        "Address to listen on; anything but loopback lets others see the run: there is no password",
        {.shows_default = true}},
       {"--open", &arguments->open, "Open it in this desktop's browser"}});
  verb.runs([arguments] {
    catch_stop_signals();
    const int outcome = exit_code_of([&] { return serve(*arguments); });
    // Ctrl-C is how this verb ends.
    return outcome == kInterruptedExitCode ? 0 : outcome;
  });
}

}  // namespace templar
