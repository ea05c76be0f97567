#include "app/terminal/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <system_error>

namespace templar {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::optional<int> side_of_text(const std::string& text) {
  constexpr int kLargest = 10'000;
  int number = 0;
  const char* const text_end = text.data() + text.size();
  const auto [end, failure] = std::from_chars(text.data(), text_end, number);
  if (failure != std::errc() || end != text_end || number < 1 || number > kLargest) return std::nullopt;
  return number;
}

int size_among(const std::string& text, int window, int otherwise) {
  return side_of_text(text).value_or(window > 0 ? window : otherwise);
}

}  // namespace

Terminal judge_terminal(const TerminalFacts& facts) {
  Terminal terminal{.is_terminal = facts.is_terminal};
  terminal.redraws = facts.is_terminal && !facts.term.empty() && facts.term != "dumb";
  if (!facts.no_color.empty()) {
    terminal.colours = false;
  } else if (!facts.clicolor_force.empty() && facts.clicolor_force != "0") {
    terminal.colours = true;
  } else {
    terminal.colours = terminal.redraws && facts.clicolor != "0";
  }
  terminal.columns = size_among(facts.columns_text, facts.columns, terminal.columns);
  terminal.rows = size_among(facts.lines_text, facts.rows, terminal.rows);
  return terminal;
}

Terminal terminal_at(int descriptor) {
  TerminalFacts facts{.is_terminal = ::isatty(descriptor) == 1,
                      .term = variable("TERM"),
                      .no_color = variable("NO_COLOR"),
                      .clicolor = variable("CLICOLOR"),
                      .clicolor_force = variable("CLICOLOR_FORCE"),
                      .columns_text = variable("COLUMNS"),
                      .lines_text = variable("LINES")};
  struct winsize window{};
  if (::ioctl(descriptor, TIOCGWINSZ, &window) == 0) {
    facts.columns = window.ws_col;
    facts.rows = window.ws_row;
  }
  return judge_terminal(facts);
}

}  // namespace templar
