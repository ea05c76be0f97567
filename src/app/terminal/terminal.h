// What standard output or standard error leads to, by the conventions that people set in their environment.
#pragma once

#include <string>

namespace templar {

struct Terminal {
  bool is_terminal = false;  // somebody sees it now; else a file, a pipe
  bool colours = false;      // take escape sequences for colours
  bool redraws = false;      // takes those that move: a line in place, another screen
  int columns = 100;
  int rows = 40;
};

// What the system and the environment say. Texts are empty where the variable is not set.
struct TerminalFacts {
  bool is_terminal = false;
  int columns = 0;  // of its window; 0: unknown
  int rows = 0;
  std::string term = "";            // TERM
  std::string no_color = "";        // NO_COLOR
  std::string clicolor = "";        // CLICOLOR
  std::string clicolor_force = "";  // CLICOLOR_FORCE
  std::string columns_text = "";    // COLUMNS
  std::string lines_text = "";      // LINES
};

// NO_COLOR (anything) takes colours away, CLICOLOR_FORCE (anything but 0) gives them even to a pipe, of both
// the first wins; CLICOLOR=0 takes them away; else a terminal whose TERM is neither empty nor dumb has them.
// COLUMNS and LINES, where they are whole numbers from 1 to 10,000, go before the window's size.
[[nodiscard]] Terminal judge_terminal(const TerminalFacts& facts);

// That of the descriptor: STDOUT_FILENO, STDERR_FILENO.
[[nodiscard]] Terminal terminal_at(int descriptor);

}  // namespace templar
