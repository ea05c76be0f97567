// One of the program's verbs, run in this process as from a command line.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace templar::testing {

struct VerbOutcome {
  int exit_code = -1;  // 2: wrong usage
  std::string output;
  std::string errors;
};

// add: the function that adds the verb to the program. arguments: from the verb's name on.
[[nodiscard]] VerbOutcome run_verb(void (*add)(CLI::App& root, int& exit_code),
                                   std::vector<std::string> arguments);

}  // namespace templar::testing
