#include "adapters/shards/data_manifest.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <initializer_list>

namespace templar {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kFormat = "templar-data-v1";
constexpr uint64_t kMaxSequenceLength = uint64_t{1} << 24;
constexpr uint64_t kMaxSamples = uint64_t{1} << 40;
constexpr uint64_t kMaxVocabulary = uint64_t{1} << 32;
constexpr uint64_t kAnyNumber = UINT64_MAX;

std::unexpected<Error> bad_field(const std::string& field, const std::string& what) {
  return fatal_error("manifest field " + field + " " + what);
}

// One JSON object whose fields are all taken once; `where` is its path in messages.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  // Fails unless this is an object with no other fields than these.
  [[nodiscard]] Status only(std::initializer_list<std::string_view> known) const {
    if (!object_.is_object()) return bad_field(where_.empty() ? "(root)" : where_, "is not an object");
    for (const auto& [name, value] : object_.items()) {
      if (std::ranges::find(known, name) == known.end()) return bad_field(path(name), "is unknown");
    }
    return {};
  }
  [[nodiscard]] Result<uint64_t> number(const std::string& name, uint64_t lowest, uint64_t highest) const {
    TRY_ASSIGN(const Json* value, find(name));
    if (!value->is_number_unsigned()) return bad_field(path(name), "is not a whole number");
    const auto number = value->get<uint64_t>();
    if (number < lowest || number > highest) {
      return bad_field(path(name), "is " + std::to_string(number) + ", not in " + std::to_string(lowest) +
                                       " .. " + std::to_string(highest));
    }
    return number;
  }
  [[nodiscard]] Result<std::string> text(const std::string& name) const {
    TRY_ASSIGN(const Json* value, find(name));
    if (!value->is_string()) return bad_field(path(name), "is not text");
    return value->get<std::string>();
  }
  // The name of a file in the folder itself: a manifest can't point elsewhere.
  [[nodiscard]] Result<std::string> file_name(const std::string& name) const {
    TRY_ASSIGN(std::string file, text(name));
    const bool plain = !file.empty() && file.size() <= 255 && file != "." && file != ".." &&
                       file.find('/') == std::string::npos && file.find('\0') == std::string::npos;
    if (!plain) return bad_field(path(name), "is not a plain file name");
    return file;
  }
  [[nodiscard]] Result<Hash256> hash(const std::string& name) const {
    TRY_ASSIGN(const std::string digits, text(name));
    Result<Hash256> hash = parse_hash256(digits);
    if (!hash) return bad_field(path(name), "is not a hash: " + hash.error().message);
    return hash;
  }
  [[nodiscard]] Result<const Json*> find(const std::string& name) const {
    const auto found = object_.find(name);
    if (found == object_.end()) return bad_field(path(name), "is missing");
    return &*found;
  }
  [[nodiscard]] bool has(const std::string& name) const { return object_.contains(name); }
  [[nodiscard]] std::string path(const std::string& name) const {
    return where_.empty() ? name : where_ + "." + name;
  }

 private:
  const Json& object_;
  std::string where_;
};

Json to_json(const ShardEntry& shard) {
  return {{"file", shard.file},
          {"ids_file", shard.ids_file},
          {"samples", shard.samples},
          {"blake2b", shard.file_hash.hex()},
          {"ids_blake2b", shard.ids_hash.hex()}};
}

Result<ShardEntry> parse_shard(const Json& json, const std::string& where) {
  const Fields fields(json, where);
  TRY(fields.only({"file", "ids_file", "samples", "blake2b", "ids_blake2b"}));
  ShardEntry shard;
  TRY_ASSIGN(shard.file, fields.file_name("file"));
  TRY_ASSIGN(shard.ids_file, fields.file_name("ids_file"));
  TRY_ASSIGN(shard.samples, fields.number("samples", 1, kMaxSamples));
  TRY_ASSIGN(shard.file_hash, fields.hash("blake2b"));
  TRY_ASSIGN(shard.ids_hash, fields.hash("ids_blake2b"));
  return shard;
}

Status parse_tokenizer(const Json& json, DataManifest& manifest) {
  const Fields fields(json, "tokenizer");
  TRY(fields.only({"name", "vocab_size", "file", "blake2b"}));
  TRY_ASSIGN(manifest.tokenizer, fields.text("name"));
  TRY_ASSIGN(manifest.vocab_size, fields.number("vocab_size", 1, kMaxVocabulary));
  if (manifest.tokenizer == "bytes") {
    if (fields.has("file") || fields.has("blake2b"))
      return bad_field("tokenizer.file", "does not belong to bytes");
  } else if (manifest.tokenizer == "sentencepiece") {
    TRY_ASSIGN(manifest.tokenizer_file, fields.file_name("file"));
    TRY_ASSIGN(manifest.tokenizer_hash, fields.hash("blake2b"));
  } else {
    return bad_field("tokenizer.name", "is " + manifest.tokenizer + ", not bytes or sentencepiece");
  }
  return {};
}

Status parse_totals(const Json& json, DataTotals& totals) {
  const Fields fields(json, "totals");
  TRY(fields.only({"documents", "text_bytes", "train_tokens", "heldout_tokens"}));
  TRY_ASSIGN(totals.documents, fields.number("documents", 0, kAnyNumber));
  TRY_ASSIGN(totals.text_bytes, fields.number("text_bytes", 0, kAnyNumber));
  TRY_ASSIGN(totals.train_tokens, fields.number("train_tokens", 0, kAnyNumber));
  TRY_ASSIGN(totals.heldout_tokens, fields.number("heldout_tokens", 0, kAnyNumber));
  return {};
}

Status parse_shards(const Json& json, DataManifest& manifest) {
  if (!json.is_array() || json.empty()) return bad_field("shards", "is not a list of at least one shard");
  for (size_t i = 0; i < json.size(); ++i) {
    TRY_ASSIGN(ShardEntry shard, parse_shard(json[i], "shards[" + std::to_string(i) + "]"));
    manifest.shards.push_back(std::move(shard));
  }
  return {};
}

}  // namespace

std::string write_manifest(const DataManifest& manifest) {
  Json tokenizer = {{"name", manifest.tokenizer}, {"vocab_size", manifest.vocab_size}};
  if (!manifest.tokenizer_file.empty()) {
    tokenizer["file"] = manifest.tokenizer_file;
    tokenizer["blake2b"] = manifest.tokenizer_hash.value_or(Hash256{}).hex();
  }
  Json shards = Json::array();
  for (const ShardEntry& shard : manifest.shards) shards.push_back(to_json(shard));
  Json json = {{"format", kFormat},
               {"sequence_length", manifest.sequence_length},
               {"tokenizer", std::move(tokenizer)},
               {"source", manifest.source},
               {"totals",
                {{"documents", manifest.totals.documents},
                 {"text_bytes", manifest.totals.text_bytes},
                 {"train_tokens", manifest.totals.train_tokens},
                 {"heldout_tokens", manifest.totals.heldout_tokens}}},
               {"shards", std::move(shards)}};
  if (manifest.heldout) json["heldout"] = to_json(*manifest.heldout);
  // A source may name files whose names are not UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<DataManifest> parse_manifest(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return fatal_error("the manifest is not valid JSON");
  const Fields fields(json, "");
  TRY(fields.only({"format", "sequence_length", "tokenizer", "source", "totals", "shards", "heldout"}));
  TRY_ASSIGN(const std::string format, fields.text("format"));
  if (format != kFormat) return bad_field("format", "is " + format + ", not " + std::string(kFormat));
  DataManifest manifest;
  TRY_ASSIGN(manifest.sequence_length, fields.number("sequence_length", 1, kMaxSequenceLength));
  TRY_ASSIGN(const Json* tokenizer, fields.find("tokenizer"));
  TRY(parse_tokenizer(*tokenizer, manifest));
  TRY_ASSIGN(manifest.source, fields.text("source"));
  TRY_ASSIGN(const Json* totals, fields.find("totals"));
  TRY(parse_totals(*totals, manifest.totals));
  TRY_ASSIGN(const Json* shards, fields.find("shards"));
  TRY(parse_shards(*shards, manifest));
  if (fields.has("heldout")) {
    TRY_ASSIGN(manifest.heldout, parse_shard(*fields.find("heldout").value(), "heldout"));
  }
  return manifest;
}

}  // namespace templar
