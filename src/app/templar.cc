#include "app/templar.h"

#include <CLI/CLI.hpp>

namespace templar {

int run_templar(int argc, char** argv) {
  CLI::App app("Trains language models across machines that don't trust each other.", "templar");
  CLI11_PARSE(app, argc, argv);
  return 0;
}

}  // namespace templar
