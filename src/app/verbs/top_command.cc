// `templar top`: what goes on in a run, in a terminal.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "app/run/top_view.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/terminal/terminal.h"
#include "app/verbs/verbs.h"
#include "base/clock.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

struct TopOptions {
  fs::path run;
  double interval_seconds = 1;
  bool once = false;
};

TerminalSize size_of(const Terminal& terminal) {
  return {.columns = terminal.columns, .rows = terminal.rows, .colours = terminal.colours};
}

// The terminal's other screen, so that what was there before is there again afterwards.
class OtherScreen {
 public:
  OtherScreen() { print("\x1b[?1049h\x1b[?25l"); }
  ~OtherScreen() {
    print("\x1b[?25h\x1b[?1049l");
    flush_output();
  }
  OtherScreen(const OtherScreen&) = delete;
  OtherScreen& operator=(const OtherScreen&) = delete;

  static void show(const std::string& picture) {
    std::string lines = "\x1b[H";
    for (const char character : picture) {
      if (character == '\n') lines += "\x1b[K";
      lines += character == '\n' ? std::string("\r\n") : std::string(1, character);
    }
    print("{}\x1b[J", lines);
    flush_output();
  }
};

Status show_run(const TopOptions& options) {
  TRY_ASSIGN(RunFollower follower, RunFollower::open(options.run));
  const auto picture = [&](const TerminalSize& size) {
    follower.poll_all();
    return top_picture(follower.knowledge(), SystemClock().now_ms(), size);
  };
  const Terminal terminal = terminal_at(STDOUT_FILENO);
  if (options.once || !terminal.redraws) {
    print("{}\n", picture(size_of(terminal)));
    return {};
  }
  catch_stop_signals();
  const OtherScreen screen;
  const Stopwatch watch;
  for (int64_t frame = 0; !stop_requested(); ++frame) {
    OtherScreen::show(picture(size_of(terminal_at(STDOUT_FILENO))));
    // In short naps, so that Ctrl-C ends it at once.
    while (!stop_requested() && watch.seconds() < static_cast<double>(frame + 1) * options.interval_seconds) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  return {};
}

}  // namespace

void add_top_command(Verb program) {
  auto options = std::make_shared<TopOptions>();
  Verb verb =
      program.add_verb("top",
                       "Show a run in the terminal, in progress or finished: alarms that stand, loss, "
                       "tasks, nodes, miners, state roots, faults. Ctrl-C ends it.\n"
                       "Example: templar top demo-out");
  verb.add_options(
      {{"run", &options->run, "The run's folder", {.required = true}},
       {"--interval",
        &options->interval_seconds,
        "Seconds between two looks",
        {.allowed = RealRange{0.1, 3600}, .shows_default = true}},
       {"--once", &options->once, "Print it once and end (also where standard output is no terminal)"}});
  verb.runs([options] { return show_run(*options); });
}

}  // namespace templar
