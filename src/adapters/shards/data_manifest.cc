#include "adapters/shards/data_manifest.h"

#include <algorithm>

#include "base/json/json_fields.h"

namespace templar {
namespace {

constexpr std::string_view kFormat = "templar-data-v1";
constexpr uint64_t kMaxSamples = uint64_t{1} << 40;
constexpr uint64_t kMaxVocabulary = uint64_t{1} << 32;

// The name of a file in the folder itself: a manifest can't point elsewhere.
Result<std::string> read_file_name(JsonFields& fields, std::string_view name) {
  TRY_ASSIGN(std::string file, fields.text(name));
  const bool plain = !file.empty() && file.size() <= 255 && file != "." && file != ".." &&
                     file.find('/') == std::string::npos && file.find('\0') == std::string::npos;
  if (!plain) return fields.error(name, "is not a plain file name");
  return file;
}

Json to_json(const ShardEntry& shard) {
  Json json = JsonObject{{"file", shard.file},
                         {"ids_file", shard.ids_file},
                         {"samples", shard.samples},
                         {"blake2b", shard.file_hash.hex()},
                         {"ids_blake2b", shard.ids_hash.hex()}};
  if (!shard.bytes_file.empty()) {
    json["bytes_file"] = shard.bytes_file;
    json["bytes_blake2b"] = shard.bytes_hash.hex();
  }
  return json;
}

Result<ShardEntry> read_shard(JsonFields fields) {
  ShardEntry shard;
  TRY_ASSIGN(shard.file, read_file_name(fields, "file"));
  TRY_ASSIGN(shard.ids_file, read_file_name(fields, "ids_file"));
  TRY_ASSIGN(shard.samples, fields.count("samples", 1, kMaxSamples));
  TRY_ASSIGN(shard.file_hash, fields.hash("blake2b"));
  TRY_ASSIGN(shard.ids_hash, fields.hash("ids_blake2b"));
  if (fields.has("bytes_file")) {
    TRY_ASSIGN(shard.bytes_file, read_file_name(fields, "bytes_file"));
    TRY_ASSIGN(shard.bytes_hash, fields.hash("bytes_blake2b"));
  }
  TRY(fields.finish());
  return shard;
}

Status read_tokenizer(JsonFields& fields, DataManifest& manifest) {
  TRY_ASSIGN(manifest.tokenizer, fields.text("tokenizer.name"));
  TRY_ASSIGN(manifest.vocab_size, fields.count("tokenizer.vocab_size", 1, kMaxVocabulary));
  if (manifest.tokenizer == "bytes") {
    if (fields.has("tokenizer.file") || fields.has("tokenizer.blake2b"))
      return fields.error("tokenizer.file", "does not belong to bytes");
  } else if (manifest.tokenizer == "sentencepiece" || manifest.tokenizer == "huggingface") {
    TRY_ASSIGN(manifest.tokenizer_file, read_file_name(fields, "tokenizer.file"));
    TRY_ASSIGN(manifest.tokenizer_hash, fields.hash("tokenizer.blake2b"));
  } else {
    return fields.error("tokenizer.name",
                        "is " + manifest.tokenizer + ", not bytes, sentencepiece or huggingface");
  }
  if (manifest.tokenizer == "huggingface") {
    const uint64_t highest = std::min<uint64_t>(manifest.vocab_size - 1, UINT32_MAX);
    TRY_ASSIGN(const uint64_t separator, fields.count("tokenizer.separator", 0, highest));
    manifest.separator = static_cast<uint32_t>(separator);
  }
  return {};
}

Status read_totals(JsonFields& fields, DataTotals& totals) {
  TRY_ASSIGN(totals.documents, fields.count("totals.documents"));
  TRY_ASSIGN(totals.text_bytes, fields.count("totals.text_bytes"));
  TRY_ASSIGN(totals.train_tokens, fields.count("totals.train_tokens"));
  TRY_ASSIGN(totals.heldout_tokens, fields.count("totals.heldout_tokens"));
  return {};
}

Status read_shards(JsonFields& fields, DataManifest& manifest) {
  TRY_ASSIGN(std::vector<JsonFields> entries, fields.objects("shards"));
  if (entries.empty()) return fields.error("shards", "must be a list of at least one shard");
  for (JsonFields& entry : entries) {
    TRY_ASSIGN(ShardEntry shard, read_shard(std::move(entry)));
    manifest.shards.push_back(std::move(shard));
  }
  return {};
}

}  // namespace

std::string write_manifest(const DataManifest& manifest) {
  Json tokenizer = JsonObject{{"name", manifest.tokenizer}, {"vocab_size", manifest.vocab_size}};
  if (!manifest.tokenizer_file.empty()) {
    tokenizer["file"] = manifest.tokenizer_file;
    tokenizer["blake2b"] = manifest.tokenizer_hash.value_or(Hash256{}).hex();
  }
  if (manifest.separator) tokenizer["separator"] = *manifest.separator;
  JsonList shards;
  for (const ShardEntry& shard : manifest.shards) shards.push_back(to_json(shard));
  Json json = JsonObject{{"format", kFormat},
                         {"sequence_length", manifest.sequence_length},
                         {"tokenizer", std::move(tokenizer)},
                         {"source", manifest.source},
                         {"totals", JsonObject{{"documents", manifest.totals.documents},
                                               {"text_bytes", manifest.totals.text_bytes},
                                               {"train_tokens", manifest.totals.train_tokens},
                                               {"heldout_tokens", manifest.totals.heldout_tokens}}},
                         {"shards", std::move(shards)}};
  if (manifest.heldout) json["heldout"] = to_json(*manifest.heldout);
  return to_text(json, {.indent = 2}) + "\n";
}

Result<DataManifest> parse_manifest(std::string_view text) {
  TRY_ASSIGN(const Json json, parse_json(text));
  TRY_ASSIGN(JsonFields fields, JsonFields::of(json, ""));
  TRY_ASSIGN(const std::string format, fields.text("format"));
  if (format != kFormat) return fields.error("format", "is " + format + ", not " + std::string(kFormat));
  DataManifest manifest;
  TRY_ASSIGN(manifest.sequence_length, fields.count("sequence_length", 1, kMaxSequenceLength));
  TRY(read_tokenizer(fields, manifest));
  TRY_ASSIGN(manifest.source, fields.text("source"));
  TRY(read_totals(fields, manifest.totals));
  TRY(read_shards(fields, manifest));
  if (fields.has("heldout")) {
    TRY_ASSIGN(JsonFields heldout, fields.object("heldout"));
    TRY_ASSIGN(manifest.heldout, read_shard(std::move(heldout)));
  }
  TRY(fields.finish());
  return manifest;
}

}  // namespace templar
