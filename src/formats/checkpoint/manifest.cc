#include "formats/checkpoint/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "ports/object_store.h"

namespace templar {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 4;
constexpr const char* kFormat = "templar-checkpoint-v2";

// Without the signature: what is signed, in its compact form.
Json to_json(const CheckpointManifest& manifest) {
  Json files = Json::array();
  for (const CheckpointFile& file : manifest.files) {
    Json pieces = Json::array();
    for (const Hash256& piece : file.pieces) pieces.push_back(piece.hex());
    files.push_back({{"name", file.name}, {"size", file.size_bytes}, {"blake2b", std::move(pieces)}});
  }
  return {{"format", kFormat},
          {"run_id", manifest.run_id.hex()},
          {"window", manifest.window},
          {"outer_step", manifest.outer_step},
          {"start_window", manifest.start_window},
          {"state_root", manifest.state_root.hex()},
          {"files", std::move(files)},
          {"public_key", manifest.signer.hex()}};
}

std::string signed_text(const CheckpointManifest& manifest) {
  return to_json(manifest).dump();
}

std::string file_text(const CheckpointManifest& manifest, const Signature& signature) {
  Json json = to_json(manifest);
  json["signature"] = to_hex(signature.bytes);
  return json.dump(2) + "\n";
}

std::unexpected<Error> field_error(const char* field, const std::string& what) {
  return skip_error(fmt::format("manifest: {}: {}", field, what));
}

Result<std::string> text_field(const Json& json, const char* field) {
  const auto found = json.find(field);
  if (found == json.end() || !found->is_string()) return field_error(field, "missing or no text");
  return found->get<std::string>();
}

Result<int64_t> count_field(const Json& json, const char* field) {
  const auto found = json.find(field);
  if (found == json.end() || !found->is_number_unsigned())
    return field_error(field, "missing or no integer >= 0");
  const auto value = found->get<uint64_t>();
  if (value > uint64_t{1} << 62) return field_error(field, fmt::format("{} is too large", value));
  return static_cast<int64_t>(value);
}

Result<Hash256> hash_field(const Json& json, const char* field) {
  TRY_ASSIGN(const std::string text, text_field(json, field));
  auto hash = parse_hash256(text);
  if (!hash) return field_error(field, hash.error().message);
  return *hash;
}

Result<std::vector<Hash256>> pieces_field(const Json& item, const CheckpointFile& file) {
  const auto found = item.find("blake2b");
  if (found == item.end() || !found->is_array())
    return field_error("blake2b", file.name + ": missing or no list");
  if (found->size() != piece_count(file.size_bytes)) {
    return field_error("blake2b", fmt::format("{}: {} hashes, its size makes {}", file.name, found->size(),
                                              piece_count(file.size_bytes)));
  }
  std::vector<Hash256> pieces;
  pieces.reserve(found->size());
  for (const Json& text : *found) {
    if (!text.is_string()) return field_error("blake2b", file.name + ": an item is no text");
    auto hash = parse_hash256(text.get_ref<const std::string&>());
    if (!hash) return field_error("blake2b", file.name + ": " + hash.error().message);
    pieces.push_back(*hash);
  }
  return pieces;
}

Result<std::vector<CheckpointFile>> files_field(const Json& json) {
  const auto found = json.find("files");
  if (found == json.end() || !found->is_array()) return field_error("files", "missing or no list");
  std::vector<CheckpointFile> files;
  for (const Json& item : *found) {
    if (!item.is_object()) return field_error("files", "an item is no object");
    CheckpointFile file;
    TRY_ASSIGN(file.name, text_field(item, "name"));
    if (const Status named = check_checkpoint_file_name(file.name); !named)
      return field_error("name", named.error().message);
    if (!files.empty() && file.name <= files.back().name)
      return field_error("name", file.name + ": not in ascending order");
    TRY_ASSIGN(const int64_t size, count_field(item, "size"));
    file.size_bytes = static_cast<uint64_t>(size);
    TRY_ASSIGN(file.pieces, pieces_field(item, file));
    files.push_back(std::move(file));
  }
  return files;
}

Result<Signature> signature_field(const Json& json) {
  TRY_ASSIGN(const std::string text, text_field(json, "signature"));
  const auto bytes = from_hex(text);
  Signature signature;
  if (!bytes || bytes->size() != signature.bytes.size())
    return field_error("signature", "not 128 hexadecimal digits");
  std::ranges::copy(*bytes, signature.bytes.begin());
  return signature;
}

}  // namespace

const CheckpointFile* CheckpointManifest::find(std::string_view name) const {
  const auto found = std::ranges::find(files, name, &CheckpointFile::name);
  return found == files.end() ? nullptr : &*found;
}

std::vector<ByteView> cut_into_pieces(ByteView content) {
  std::vector<ByteView> pieces;
  for (uint64_t begin = 0; begin < content.size(); begin += kPieceBytes)
    pieces.push_back(content.subspan(begin, std::min<uint64_t>(kPieceBytes, content.size() - begin)));
  return pieces;
}

std::vector<Hash256> hash_pieces(ByteView content) {
  std::vector<Hash256> hashes;
  for (const ByteView piece : cut_into_pieces(content)) hashes.push_back(blake2b_256(piece));
  return hashes;
}

bool is_model_file(std::string_view name) {
  return name.starts_with("model") && name.ends_with(".safetensors");
}

Status check_checkpoint_file_name(std::string_view name) {
  TRY(check_object_key(name));
  if (name.find('/') != std::string_view::npos || name == kManifestName || name.size() > 100) {
    return fatal_error(fmt::format("'{}' can't be the name of a checkpoint's file", name));
  }
  return {};
}

Status check_plausible(const CheckpointManifest& manifest, const ParameterLayout& layout) {
  constexpr size_t kOtherFiles = 64;
  constexpr uint64_t kMaxOtherBytes = uint64_t{256} << 20;
  if (manifest.files.size() > layout.size() + kOtherFiles) {
    return skip_error(fmt::format("manifest: {} files, a checkpoint of {} parameters has at most {}",
                                  manifest.files.size(), layout.size(), layout.size() + kOtherFiles));
  }
  const uint64_t headers = manifest.files.size() * kMaxHeaderBytesOfFile;
  const uint64_t model_limit = static_cast<uint64_t>(parameter_count(layout)) * sizeof(float) + headers;
  uint64_t model_bytes = 0;
  for (const CheckpointFile& file : manifest.files) {
    if (is_model_file(file.name)) {
      model_bytes += file.size_bytes;
    } else if (file.size_bytes > kMaxOtherBytes) {
      return skip_error(fmt::format("manifest: {}: {} bytes, at most {} are read", file.name, file.size_bytes,
                                    kMaxOtherBytes));
    }
  }
  if (model_bytes <= model_limit) return {};
  return skip_error(fmt::format("manifest: {} bytes of model, the parameters take {}", model_bytes,
                                parameter_count(layout) * static_cast<int64_t>(sizeof(float))));
}

std::string seal_manifest(CheckpointManifest manifest, const KeyPair& key) {
  std::ranges::sort(manifest.files, {}, &CheckpointFile::name);
  manifest.signer = key.public_key();
  const std::string text = signed_text(manifest);
  return file_text(manifest, key.sign(as_bytes(text)));
}

Result<CheckpointManifest> open_manifest(std::string_view text) {
  if (text.size() > kMaxManifestBytes)
    return skip_error(fmt::format("manifest: {} bytes are too many", text.size()));
  // What is nested deeper than a list of hashes is none of ours, and costs many times its own size once it is
  // parsed.
  bool too_deep = false;
  const auto watch_depth = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  const Json json = Json::parse(text, watch_depth, false);
  if (too_deep) return skip_error("manifest: nested too deeply");
  if (!json.is_object()) return skip_error("manifest: not a JSON object");
  TRY_ASSIGN(const std::string format, text_field(json, "format"));
  if (format != kFormat) return field_error("format", fmt::format("this program reads {}", kFormat));
  CheckpointManifest manifest;
  TRY_ASSIGN(manifest.run_id, hash_field(json, "run_id"));
  TRY_ASSIGN(manifest.window, count_field(json, "window"));
  TRY_ASSIGN(manifest.outer_step, count_field(json, "outer_step"));
  TRY_ASSIGN(manifest.start_window, count_field(json, "start_window"));
  if (manifest.start_window > manifest.window)
    return field_error("start_window",
                       fmt::format("{} is after window {}", manifest.start_window, manifest.window));
  if (manifest.outer_step > manifest.window - manifest.start_window) {
    return field_error("outer_step", fmt::format("{} steps in {} windows", manifest.outer_step,
                                                 manifest.window - manifest.start_window));
  }
  TRY_ASSIGN(manifest.state_root, hash_field(json, "state_root"));
  TRY_ASSIGN(manifest.files, files_field(json));
  for (const std::string_view required : {kConfigName, kRunSpecName}) {
    if (manifest.find(required) == nullptr)
      return field_error("files", std::string(required) + " is missing");
  }
  if (std::ranges::none_of(manifest.files, is_model_file, &CheckpointFile::name))
    return field_error("files", "no model*.safetensors among them");
  TRY_ASSIGN(const std::string key, text_field(json, "public_key"));
  const auto signer = parse_public_key(key);
  if (!signer) return field_error("public_key", signer.error().message);
  manifest.signer = *signer;
  TRY_ASSIGN(const Signature signature, signature_field(json));
  if (file_text(manifest, signature) != text) return skip_error("manifest: not in its canonical form");
  const std::string message = signed_text(manifest);
  if (!verify(manifest.signer, as_bytes(message), signature)) {
    return field_error("signature", "not that of " + manifest.signer.hex().substr(0, 8));
  }
  return manifest;
}

}  // namespace templar
