#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "app/verbs/command.h"
#include "app/world/node_world.h"

namespace templar {
namespace {

Status print_key(const std::string& file) {
  TRY_ASSIGN(const KeyPair key, KeyPair::load(file));
  fmt::print("public key {}\nbucket     {}\n", key.public_key().hex(), bucket_of(key.public_key()));
  return {};
}

}  // namespace

void add_key_command(CLI::App& root, int& exit_code) {
  CLI::App* verb =
      root.add_subcommand("key", "Make and show the key that a node signs with")->require_subcommand(1);

  auto new_file = std::make_shared<std::string>();
  CLI::App* make = verb->add_subcommand(
      "new", "Make a new key; the file is readable by its owner alone and never overwritten");
  make->add_option("FILE", *new_file, "Where the key goes")->required();
  make->callback([new_file, &exit_code] {
    exit_code = run_command([&]() -> Status {
      TRY(KeyPair::generate().save(*new_file));
      return print_key(*new_file);
    });
  });

  auto shown_file = std::make_shared<std::string>();
  CLI::App* show = verb->add_subcommand("show", "Show a key's public half and its bucket");
  show->add_option("FILE", *shown_file, "The key file")->required();
  show->callback(
      [shown_file, &exit_code] { exit_code = run_command([&] { return print_key(*shown_file); }); });
}

}  // namespace templar
