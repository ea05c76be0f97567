#include "app/localnet/run_origin.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>

#include "adapters/corpus/input_files.h"
#include "adapters/shards/file_hash.h"
#include "adapters/tokenizers/hugging_face_tokenizer.h"
#include "app/terminal/progress_line.h"
#include "app/world/precision_option.h"
#include "base/files/file.h"
#include "base/json/json.h"
#include "base/json/json_fields.h"

namespace templar {
namespace {

constexpr std::string_view kFormat = "templar-localnet-v1";
constexpr uint64_t kMostHashedBytes = uint64_t{4} << 30;

// Nanoseconds; 0 where nobody can tell.
int64_t time_of_change(const std::filesystem::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return 0;
  return int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

Result<std::optional<Hash256>> content_of_tokenizer(const std::string& tokenizer) {
  const std::string_view kind = std::string_view(tokenizer).substr(0, tokenizer.find(':'));
  if (kind == tokenizer) return std::nullopt;
  const std::filesystem::path path = tokenizer.substr(kind.size() + 1);
  if (kind == "sentencepiece") {
    TRY_ASSIGN(const Hash256 hash, hash_file(path));
    return hash;
  }
  if (kind != "huggingface") return std::nullopt;
  Blake2b hash;
  for (const std::filesystem::path& file : hugging_face_tokenizer_files(path)) {
    TRY_ASSIGN(const Hash256 content, hash_file(file));
    hash.update(content.view());
  }
  return hash.finish256();
}

// Everything but the content, and the files that have it.
struct Described {
  TextOrigin origin;
  std::vector<InputFile> files;
};

Result<Described> describe_listing(const TextInputs& text) {
  TRY_ASSIGN(InputListing listing,
             list_input_files(text.inputs, {.extensions = text.extensions, .excluded = text.excluded}));
  std::ranges::sort(listing.files, {}, &InputFile::name);
  TextOrigin origin{.described = fmt::format("{}", fmt::join(text.inputs, ", ")),
                    .files = listing.files.size(),
                    .extensions = text.extensions,
                    .max_bytes = text.max_bytes,
                    .tokenizer = text.tokenizer};
  Blake2b hash;
  for (const InputFile& file : listing.files) {
    origin.bytes += file.size_bytes;
    hash.update_value(static_cast<uint64_t>(file.name.size())).update(as_bytes(file.name));
    hash.update_value(file.size_bytes).update_value(time_of_change(file.path));
  }
  origin.listing = hash.finish256();
  TRY_ASSIGN(origin.tokenizer_content, content_of_tokenizer(text.tokenizer));
  return Described{std::move(origin), std::move(listing.files)};
}

bool is_regular(const InputFile& file) {
  std::error_code unknown;
  return !file.is_standard_input() && std::filesystem::is_regular_file(file.path, unknown);
}

Result<std::optional<Hash256>> content_of(const Described& text) {
  if (text.origin.bytes > kMostHashedBytes || !std::ranges::all_of(text.files, is_regular))
    return std::nullopt;
  Blake2b hash;
  for (const InputFile& file : text.files) {
    TRY_ASSIGN(const Hash256 content, hash_file(file.path));
    hash.update_value(static_cast<uint64_t>(file.name.size())).update(as_bytes(file.name));
    hash.update(content.bytes);
  }
  return hash.finish256();
}

std::string told(const TextOrigin& text) {
  return fmt::format("{} ({} file{}, {})", text.described, text.files, text.files == 1 ? "" : "s",
                     human_bytes(text.bytes));
}

std::string told(const std::vector<std::string>& extensions) {
  return extensions.empty() ? "all" : fmt::format("{}", fmt::join(extensions, ","));
}

template <typename Value>
void add_difference(std::string& differences, std::string_view what, const Value& then, const Value& now) {
  if (!differences.empty()) differences += "; ";
  differences += fmt::format("{}: {} then, {} now", what, then, now);
}

Json json_of(const TextOrigin& text) {
  Json json = JsonObject{{"described", text.described}, {"files", text.files},
                         {"bytes", text.bytes},         {"listing", text.listing.hex()},
                         {"max_bytes", text.max_bytes}, {"tokenizer", text.tokenizer}};
  JsonList extensions;
  for (const std::string& extension : text.extensions) extensions.push_back(extension);
  json["extensions"] = std::move(extensions);
  if (text.content) json["content"] = text.content->hex();
  if (text.tokenizer_content) json["tokenizer_content"] = text.tokenizer_content->hex();
  return json;
}

Result<TextOrigin> read_text(JsonFields fields) {
  TextOrigin text;
  TRY_ASSIGN(text.described, fields.text("described"));
  TRY_ASSIGN(text.files, fields.count("files"));
  TRY_ASSIGN(text.bytes, fields.count("bytes"));
  TRY_ASSIGN(text.listing, fields.hash("listing"));
  TRY_ASSIGN(text.max_bytes, fields.count("max_bytes"));
  TRY_ASSIGN(text.tokenizer, fields.text("tokenizer"));
  TRY_ASSIGN(text.extensions, fields.texts("extensions"));
  if (fields.has("content")) {
    TRY_ASSIGN(text.content, fields.hash("content"));
  }
  if (fields.has("tokenizer_content")) {
    TRY_ASSIGN(text.tokenizer_content, fields.hash("tokenizer_content"));
  }
  TRY(fields.finish());
  return text;
}

}  // namespace

Result<TextOrigin> describe_text(const TextInputs& text) {
  TRY_ASSIGN(Described described, describe_listing(text));
  TRY_ASSIGN(described.origin.content, content_of(described));
  return std::move(described.origin);
}

Result<std::string> text_difference(const TextOrigin& then, const TextInputs& text) {
  TRY_ASSIGN(const Described described, describe_listing(text));
  const TextOrigin& now = described.origin;
  std::string differences;
  if (std::ranges::any_of(described.files, &InputFile::is_standard_input)) {
    // It could only be compared by reading it, and then there would be nothing left to train on.
    add_difference(differences, "text", told(then), std::string("standard input, which nobody can compare"));
  } else if (now.listing != then.listing) {
    TRY_ASSIGN(const std::optional<Hash256> content, content_of(described));
    if (!content || content != then.content) add_difference(differences, "text", told(then), told(now));
  }
  if (now.extensions != then.extensions)
    add_difference(differences, "--extensions", told(then.extensions), told(now.extensions));
  if (now.max_bytes != then.max_bytes)
    add_difference(differences, "--max-bytes", then.max_bytes, now.max_bytes);
  if (now.tokenizer != then.tokenizer) {
    add_difference(differences, "--tokenizer", then.tokenizer, now.tokenizer);
  } else if (now.tokenizer_content != then.tokenizer_content) {
    add_difference(differences, "the tokenizer's file", then.tokenizer_content.value_or(Hash256{}).brief(),
                   now.tokenizer_content.value_or(Hash256{}).brief());
  }
  return differences;
}

std::string write_run_origin(const RunOrigin& origin) {
  Json json = JsonObject{{"format", kFormat}, {"precision", std::string(name_of(origin.precision))}};
  if (!origin.ledger.empty()) json["ledger"] = origin.ledger;
  if (!origin.adversaries.empty()) {
    JsonList adversaries;
    for (const std::string& group : origin.adversaries) adversaries.push_back(group);
    json["adversaries"] = std::move(adversaries);
  }
  if (origin.text) json["text"] = json_of(*origin.text);
  return to_text(json, {.indent = 2}) + "\n";
}

Result<RunOrigin> parse_run_origin(std::string_view text) {
  TRY_ASSIGN(const Json json, parse_json(text));
  TRY_ASSIGN(JsonFields fields, JsonFields::of(json, ""));
  TRY_ASSIGN(const std::string format, fields.text("format"));
  if (format != kFormat) return fields.error("format", "is " + format + ", not " + std::string(kFormat));
  RunOrigin origin;
  TRY_ASSIGN(const std::string name, fields.text("precision"));
  const std::optional<Precision> precision = precision_named(name);
  if (!precision) return fields.error("precision", "is " + name);
  origin.precision = *precision;
  if (fields.has("ledger")) {
    TRY_ASSIGN(origin.ledger, fields.text("ledger"));
  }
  if (fields.has("adversaries")) {
    TRY_ASSIGN(origin.adversaries, fields.texts("adversaries"));
  }
  if (fields.has("text")) {
    TRY_ASSIGN(JsonFields described, fields.object("text"));
    TRY_ASSIGN(origin.text, read_text(std::move(described)));
  }
  TRY(fields.finish());
  return origin;
}

}  // namespace templar
