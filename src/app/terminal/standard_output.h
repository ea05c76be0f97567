// Standard output, as a verb writes its results to it: nothing throws, and what could not be written is
// remembered for the end.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace templar {

// To be called before anything is opened. Of the three standard streams those that are closed become ones
// that give nothing and take nothing, so that no file of the program's gets their place and their text.
void open_standard_streams();

// Writes the text to standard output, through its buffer. A reader that went away (a closed pipe) asks the
// verb to end, as Ctrl-C does; where the verb does not listen, the process ends quietly at once.
void print_text(std::string_view text);

template <typename... Arguments>
void print(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  print_text(fmt::vformat(format, fmt::make_format_args(arguments...)));
}

// Empties the buffer; for what is to be seen while the verb goes on.
void flush_output();

// After everything else: empties the buffer, and returns the exit code of a verb that ended with
// `exit_code`. 1 instead of 0 where not all could be written, with the reason on standard error; a closed
// pipe is nobody's fault: kPipeExitCode without a word.
[[nodiscard]] int exit_code_after_output(int exit_code);

inline constexpr int kPipeExitCode = 141;  // as shells tell of SIGPIPE

}  // namespace templar
