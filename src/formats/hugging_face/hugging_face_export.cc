#include "formats/hugging_face/hugging_face_export.h"

#include <algorithm>

#include "base/files/file.h"
#include "base/files/file_writer.h"
#include "base/json/json.h"
#include "formats/checkpoint/manifest.h"
#include "formats/export/atomic_folder.h"
#include "formats/hugging_face/hugging_face_config.h"
#include "formats/safetensors/safetensors_export.h"
#include "formats/sentencepiece/sentencepiece_model.h"
#include "formats/sentencepiece/tokenizer_files.h"

namespace templar {
namespace {

std::string_view torch_name(NumberType type) {
  switch (type) {
    case NumberType::kF32:
      return "float32";
    case NumberType::kBf16:
      return "bfloat16";
    case NumberType::kF16:
      return "float16";
  }
  return "";
}

std::string config_of(const ModelSource& source, NumberType type) {
  Json config = hugging_face_config(source.model, source.sequence_length);
  config["torch_dtype"] = torch_name(type);
  if (const auto separator = separator_of_tokenizer(source.tokenizer)) config["eos_token_id"] = *separator;
  return to_text(config, {.indent = 2}) + "\n";
}

// The tokenizer's files as they are, but that Hugging Face's LlamaTokenizer, which puts a space before every
// text unless it is told not to, is told what the SentencePiece model itself says.
std::vector<TokenizerFile> tokenizer_files_of(const ModelSource& source) {
  std::vector<TokenizerFile> files = source.tokenizer;
  const TokenizerFile* sentencepiece = find_file(files, kSentencePieceName);
  if (sentencepiece == nullptr) return files;
  const auto model = parse_sentencepiece_model(sentencepiece->content);
  const auto config = std::ranges::find(files, kTokenizerConfigName, &TokenizerFile::name);
  if (!model || config == files.end()) return files;
  auto json = parse_json(as_text(config->content));
  if (!json || json->object() == nullptr) return files;
  (*json)["add_prefix_space"] = model->add_dummy_prefix;
  const std::string text = to_text(*json, {.indent = 2}) + "\n";
  config->content.assign(text.begin(), text.end());
  return files;
}

}  // namespace

Status export_hugging_face(const ModelSource& source, NumberType type, const std::filesystem::path& folder,
                           uint64_t max_shard_bytes, const ExportProgress& progress) {
  const ParameterLayout layout = parameter_layout(source.model);
  TRY_ASSIGN(AtomicFolder out, AtomicFolder::create(folder));
  const std::vector<ModelShard> shards = plan_shards(layout, max_shard_bytes, safetensors_type(type));
  AtomicFileWriter* writer = nullptr;
  const ByteSink sink = with_progress([&](ByteView piece) { return writer->append(piece); }, progress,
                                      parameter_bytes(layout, type));
  for (const ModelShard& shard : shards) {
    TRY_ASSIGN(AtomicFileWriter file, AtomicFileWriter::create(out.path() / shard.name));
    writer = &file;
    TRY(write_safetensors_file(source, type, shard, sink));
    TRY(file.commit());
  }
  if (shards.size() > 1)
    TRY(write_file_atomically(out.path() / kModelIndexName,
                              model_index(layout, shards, safetensors_type(type))));
  TRY(write_file_atomically(out.path() / kConfigName, config_of(source, type)));
  for (const TokenizerFile& file : tokenizer_files_of(source)) {
    TRY(write_file_atomically(out.path() / file.name, ByteView(file.content)));
  }
  return out.commit();
}

}  // namespace templar
