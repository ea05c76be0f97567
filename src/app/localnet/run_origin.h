// What a localnet was made of, kept in its folder (kRunOriginFile), so that a later call can tell whether it
// was given something else.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "engine/engine.h"

namespace templar {

// Text as it was when the data set was made of it. Where it lay is told to people and compared with nothing.
struct TextOrigin {
  std::string described;  // the inputs, as they were given
  uint64_t files = 0;
  uint64_t bytes = 0;              // of the files, compressed or not
  Hash256 listing;                 // of names, sizes and times of change
  std::optional<Hash256> content;  // of names and bytes; nullopt for more than 4 GiB, or standard input
  std::vector<std::string> extensions;
  uint64_t max_bytes = 0;
  std::string tokenizer;                     // as the option names it
  std::optional<Hash256> tokenizer_content;  // of its file, if it is one

  bool operator==(const TextOrigin&) const = default;
};

struct RunOrigin {
  std::optional<TextOrigin> text;  // nullopt: a prepared data set, which the run spec names by its hash
  Precision precision = Precision::kF32;
  std::string ledger;  // the prefix of its address on etcd; empty: a file in the run's folder
  std::vector<std::string> adversaries;  // as --adversary names them

  bool operator==(const RunOrigin&) const = default;
};

// Of text as the options of a localnet name it.
struct TextInputs {
  std::vector<std::string> inputs;
  std::vector<std::string> extensions;
  uint64_t max_bytes = 0;
  std::string tokenizer;
  std::filesystem::path excluded;  // the run's own folder
};

// Reads all of the text (up to 4 GiB) to hash it. Fails (fatal) where an input or the tokenizer's file is
// missing, or no text.
[[nodiscard]] Result<TextOrigin> describe_text(const TextInputs& text);

// What differs between the text that a run was made of and what is there now, for people; empty if nothing
// does. Files whose times alone differ are read and compared. Fails as describe_text.
[[nodiscard]] Result<std::string> text_difference(const TextOrigin& then, const TextInputs& now);

[[nodiscard]] std::string write_run_origin(const RunOrigin& origin);
[[nodiscard]] Result<RunOrigin> parse_run_origin(std::string_view text);

}  // namespace templar
