#include "app/world/options.h"

#include <CLI/CLI.hpp>

namespace templar {

void add_precision_option(CLI::App& verb, std::string& precision) {
  verb.add_option("--precision", precision, "Of the matrix products: f32, or bf16 with f32 master weights")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
}

}  // namespace templar
