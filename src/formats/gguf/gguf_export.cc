#include "formats/gguf/gguf_export.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/check.h"
#include "base/files/file_writer.h"
#include "formats/gguf/gguf_tokenizer.h"

namespace templar {
namespace {

constexpr std::string_view kLayerPrefix = "model.layers.";
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kModelNames = {
    {{"model.embed_tokens.weight", "token_embd.weight"},
     {"model.norm.weight", "output_norm.weight"},
     {"lm_head.weight", "output.weight"}}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kLayerNames = {
    {{"self_attn.q_proj.weight", "attn_q.weight"},
     {"self_attn.k_proj.weight", "attn_k.weight"},
     {"self_attn.v_proj.weight", "attn_v.weight"},
     {"self_attn.o_proj.weight", "attn_output.weight"},
     {"mlp.gate_proj.weight", "ffn_gate.weight"},
     {"mlp.up_proj.weight", "ffn_up.weight"},
     {"mlp.down_proj.weight", "ffn_down.weight"},
     {"input_layernorm.weight", "attn_norm.weight"},
     {"post_attention_layernorm.weight", "ffn_norm.weight"}}};

std::string_view translate(std::span<const std::pair<std::string_view, std::string_view>> names,
                           std::string_view name) {
  for (const auto& [from, to] : names) {
    if (from == name) return to;
  }
  CHECK(false);
  return {};
}

// llama.cpp's numbers for what most of a file's tensors are.
uint32_t file_type(NumberType type) {
  switch (type) {
    case NumberType::kF32:
      return 0;
    case NumberType::kF16:
      return 1;
    case NumberType::kBf16:
      return 32;
  }
  return 0;
}

Result<GgufMetadata> metadata_of(const ModelSource& source, NumberType type) {
  const ModelSpec& model = source.model;
  GgufMetadata metadata;
  metadata.put_text("general.architecture", "llama");
  metadata.put_text("general.type", "model");
  metadata.put_text("general.name", source.name);
  metadata.put_u32("general.alignment", static_cast<uint32_t>(kGgufAlignment));
  metadata.put_u32("general.file_type", file_type(type));
  const auto put = [&](std::string_view key, int64_t value) {
    metadata.put_u32(fmt::format("llama.{}", key), static_cast<uint32_t>(value));
  };
  put("vocab_size", model.vocab_size);
  put("context_length", source.sequence_length);
  put("embedding_length", model.hidden_size);
  put("block_count", model.num_hidden_layers);
  put("feed_forward_length", model.intermediate_size);
  put("attention.head_count", model.num_attention_heads);
  put("attention.head_count_kv", model.num_key_value_heads);
  put("attention.key_length", model.head_width());
  put("attention.value_length", model.head_width());
  put("rope.dimension_count", model.head_width());
  metadata.put_f32("llama.rope.freq_base", static_cast<float>(model.rope_theta));
  metadata.put_f32("llama.attention.layer_norm_rms_epsilon", static_cast<float>(model.rms_norm_eps));
  TRY(put_tokenizer(source.tokenizer, model.vocab_size, metadata));
  return metadata;
}

}  // namespace

std::string gguf_name(std::string_view parameter) {
  if (!parameter.starts_with(kLayerPrefix)) return std::string(translate(kModelNames, parameter));
  parameter.remove_prefix(kLayerPrefix.size());
  const size_t dot = parameter.find('.');
  CHECK(dot != std::string_view::npos);
  return fmt::format("blk.{}.{}", parameter.substr(0, dot),
                     translate(kLayerNames, parameter.substr(dot + 1)));
}

RowOrder gguf_row_order(const ModelSpec& model, std::string_view parameter) {
  if (!parameter.ends_with("q_proj.weight") && !parameter.ends_with("k_proj.weight")) return {};
  const int64_t head_dim = model.head_width();
  return [head_dim](int64_t row) {
    const int64_t head = row / head_dim;
    const int64_t within = row % head_dim;
    return head * head_dim + (within % 2) * (head_dim / 2) + within / 2;
  };
}

Status export_gguf(const ModelSource& source, NumberType type, const std::filesystem::path& file,
                   const ExportProgress& progress) {
  const ParameterLayout layout = parameter_layout(source.model);
  TRY_ASSIGN(const GgufMetadata metadata, metadata_of(source, type));
  std::vector<GgufTensor> tensors;
  uint64_t total = 0;
  for (const ParameterInfo& parameter : layout) {
    const NumberType stored = parameter.shape.size() == 1 ? NumberType::kF32 : type;
    tensors.push_back({gguf_name(parameter.name), parameter.shape, stored});
    total += tensors.back().size_bytes();
  }
  TRY_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(file));
  const ByteSink sink = with_progress([&](ByteView piece) { return writer.append(piece); }, progress, total);
  TRY(sink(gguf_header(metadata, tensors)));
  for (size_t i = 0; i < layout.size(); ++i) {
    TRY(write_parameter(source, layout[i], i, tensors[i].type, gguf_row_order(source.model, layout[i].name),
                        sink));
    TRY(sink(Bytes(gguf_padding(tensors[i].size_bytes()), 0)));
  }
  return writer.commit();
}

}  // namespace templar
