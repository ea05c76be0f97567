#include <fmt/format.h>

#include "app/terminal/standard_output.h"
#include "app/verbs/verbs.h"
#include "app/world/node_world.h"
#include "base/files/file.h"

namespace templar {
namespace {

Status print_key(const std::filesystem::path& file) {
  TRY_ASSIGN(const KeyPair key, KeyPair::load(file));
  print("public key {}\nbucket     {}\n", key.public_key().hex(), bucket_of(key.public_key()));
  return {};
}

}  // namespace

void add_key_command(Verb program) {
  Verb keys = program.add_verb("key", "Make and show the key that a node signs with");

  auto new_file = std::make_shared<std::filesystem::path>();
  Verb make =
      keys.add_verb("new", "Make a new key; the file is readable by its owner alone and never overwritten");
  make.add_options({{"FILE", new_file.get(), "Where the key goes", {.required = true}}});
  make.runs([new_file]() -> Status {
    TRY(make_folder(new_file->parent_path()));
    TRY(KeyPair::generate().save(*new_file));
    return print_key(*new_file);
  });

  auto shown_file = std::make_shared<std::filesystem::path>();
  Verb show = keys.add_verb("show", "Show a key's public half and its bucket");
  show.add_options({{"FILE", shown_file.get(), "The key file", {.required = true}}});
  show.runs([shown_file] { return print_key(*shown_file); });
}

}  // namespace templar
