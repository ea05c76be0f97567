#include "formats/hugging_face/hugging_face_import.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/bfloat16.h"
#include "base/files/file.h"
#include "base/json/json.h"
#include "formats/checkpoint/manifest.h"
#include "formats/safetensors/model_shards.h"
#include "formats/safetensors/safetensors.h"
#include "formats/sentencepiece/tokenizer_files.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxJsonBytes = size_t{64} << 20;
constexpr size_t kMaxTokenizerFileBytes = size_t{256} << 20;
constexpr int64_t kMaxSize = int64_t{1} << 26;
constexpr int64_t kMaxLayers = 4096;
constexpr std::string_view kHeadName = "lm_head.weight";
// What transformers take where the file says nothing.
constexpr double kDefaultRopeTheta = 10000;
constexpr double kDefaultNormEpsilon = 1e-6;
constexpr double kDefaultInitializerRange = 0.02;
constexpr int64_t kDefaultPositions = 2048;

// The file's fields: absent and null are the same to transformers, and fields that no one knows are
// overlooked.
class Config {
 public:
  explicit Config(const Json& json) : json_(json) {}

  [[nodiscard]] static std::unexpected<Error> refuse(std::string_view name, std::string_view what) {
    return fatal_error(fmt::format("{}: {}", name, what));
  }
  [[nodiscard]] const Json* find(std::string_view name) const {
    const Json* value = json_.find(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  [[nodiscard]] Result<int64_t> size(std::string_view name, std::optional<int64_t> otherwise = {}) const {
    const Json* value = find(name);
    if (value == nullptr && otherwise) return *otherwise;
    if (value == nullptr) return refuse(name, "missing");
    const auto number = value->integer();
    if (!number || *number < 1 || *number > kMaxSize)
      return refuse(name, fmt::format("{} is no size", to_text(*value)));
    return *number;
  }
  [[nodiscard]] Result<double> positive(std::string_view name, double otherwise) const {
    const Json* value = find(name);
    if (value == nullptr) return otherwise;
    const auto number = value->number();
    if (!number || !(*number > 0)) return refuse(name, fmt::format("{} is not above 0", to_text(*value)));
    return *number;
  }
  [[nodiscard]] Result<bool> flag(std::string_view name) const {
    const Json* value = find(name);
    if (value == nullptr) return false;
    const auto flag = value->flag();
    if (!flag) return refuse(name, "must be true or false");
    return *flag;
  }
  // Refuses anything but the absence of the field and the value given.
  [[nodiscard]] Status only(std::string_view name, const Json& allowed) const {
    const Json* value = find(name);
    if (value == nullptr || *value == allowed) return {};
    return refuse(name, fmt::format("{}, which is not computed here", to_text(*value)));
  }

 private:
  const Json& json_;
};

Status check_architecture(const Config& config) {
  const Json* architectures = config.find("architectures");
  if (architectures != nullptr && *architectures != Json(JsonList{"LlamaForCausalLM"}))
    return Config::refuse("architectures",
                          to_text(*architectures) + " is not computed here, only LlamaForCausalLM");
  if (config.find("model_type") == nullptr && architectures == nullptr)
    return Config::refuse("model_type", "missing");
  TRY(config.only("model_type", "llama"));
  TRY(config.only("hidden_act", "silu"));
  for (const std::string_view name : {"attention_bias", "mlp_bias", "use_sliding_window"})
    TRY(config.only(name, false));
  for (const std::string_view name : {"sliding_window", "layer_types", "quantization_config"}) {
    if (name == "sliding_window" && config.find("use_sliding_window") != nullptr) continue;
    if (config.find(name) != nullptr) return Config::refuse(name, "is set, which is not computed here");
  }
  return config.only("partial_rotary_factor", 1.0);
}

// {"rope_type": "default"} says nothing; older files call it type.
Status check_rope(std::string_view name, const Json& json) {
  if (json.object() == nullptr) return Config::refuse(name, "must be an object");
  const Config rope(json);
  for (const std::string_view type : {"rope_type", "type"}) {
    const Status allowed = rope.only(type, "default");
    if (!allowed) return annotate(allowed.error(), std::string(name));
  }
  for (const std::string_view field : {"factor", "partial_rotary_factor"}) {
    const Json* value = rope.find(field);
    if (value != nullptr && value->number() != 1.0)
      return Config::refuse(name, fmt::format("{} {}, which is not computed here", field, to_text(*value)));
  }
  return {};
}

Result<double> rope_theta_of(const Config& config) {
  if (const Json* scaling = config.find("rope_scaling")) TRY(check_rope("rope_scaling", *scaling));
  const Json* parameters = config.find("rope_parameters");
  if (parameters == nullptr) return config.positive("rope_theta", kDefaultRopeTheta);
  TRY(check_rope("rope_parameters", *parameters));
  TRY_ASSIGN(const double otherwise, config.positive("rope_theta", kDefaultRopeTheta));
  const auto theta = Config(*parameters).positive("rope_theta", otherwise);
  if (!theta) return annotate(theta.error(), "rope_parameters");
  return *theta;
}

float from_f16_bits(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000U) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fU;
  const uint32_t fraction = bits & 0x3ffU;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide_exponent = exponent == 0x1f ? 0xffU : exponent + 112;
  return std::bit_cast<float>(sign | (wide_exponent << 23) | (fraction << 13));
}

void widen(std::string_view dtype, ByteView bytes, std::span<float> out) {
  if (dtype == "F32") {
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return;
  }
  for (size_t i = 0; i < out.size(); ++i) {
    uint16_t bits = 0;
    std::memcpy(&bits, bytes.data() + i * sizeof(bits), sizeof(bits));
    out[i] = dtype == "BF16" ? to_float(Bf16{bits}) : from_f16_bits(bits);
  }
}

// Tensors by name, wherever they lie, and where the parameters of a layout are among them.
class Tensors {
 public:
  [[nodiscard]] Status open(const fs::path& file) {
    auto mapped = MappedSafetensors::open(file);
    if (!mapped) return fatal_error(mapped.error().message);
    for (const SafetensorsEntry& entry : mapped->header().tensors) {
      if (!places_.emplace(entry.name, Place{files_.size(), entry}).second)
        return fatal_error(file.string() + ": " + entry.name + " is in another file too");
    }
    files_.push_back(std::move(*mapped));
    return {};
  }

  [[nodiscard]] Status choose(const ParameterLayout& layout) {
    std::set<std::string_view> wanted;
    for (const ParameterInfo& info : layout) {
      wanted.insert(info.name);
      const auto found = places_.find(info.name);
      if (found == places_.end()) return fatal_error(info.name + " is missing");
      const SafetensorsEntry& entry = found->second.entry;
      if (entry.shape != info.shape)
        return fatal_error(fmt::format("{} is [{}], by config.json it is [{}]", info.name,
                                       fmt::join(entry.shape, ", "), fmt::join(info.shape, ", ")));
      if (entry.dtype != "F32" && entry.dtype != "BF16" && entry.dtype != "F16")
        return fatal_error(fmt::format("{} is of type {}, not F32, BF16 or F16", info.name, entry.dtype));
      chosen_.push_back(found->second);
    }
    for (const auto& [name, place] : places_) {
      // A tied head is the embedding once more; older files keep the rotation's frequencies.
      const bool is_known =
          wanted.contains(name) || name == kHeadName || name.ends_with(".rotary_emb.inv_freq");
      if (!is_known) return fatal_error(name + " is not computed here");
    }
    return {};
  }

  [[nodiscard]] Result<std::span<const float>> read(size_t parameter) {
    const Place& place = chosen_[parameter];
    int64_t count = 1;
    for (const int64_t dimension : place.entry.shape) count *= dimension;
    values_.resize(count);
    widen(place.entry.dtype, files_[place.file].bytes(place.entry), values_);
    return std::span<const float>(values_);
  }

 private:
  struct Place {
    size_t file = 0;
    SafetensorsEntry entry;
  };

  std::vector<MappedSafetensors> files_;
  std::map<std::string, Place, std::less<>> places_;
  std::vector<Place> chosen_;  // in the layout's order
  std::vector<float> values_;  // of the parameter that was read last
};

bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

// The files that the index names, or the one that there is.
Result<std::set<std::string>> model_files(const fs::path& folder) {
  const fs::path index = folder / kModelIndexName;
  if (!is_there(index)) {
    if (is_there(folder / kModelName)) return std::set<std::string>{std::string(kModelName)};
    const bool has_pickles =
        is_there(folder / "pytorch_model.bin") || is_there(folder / "pytorch_model.bin.index.json");
    return fatal_error(fmt::format("{}: neither {} nor {}{}", folder.string(), kModelName, kModelIndexName,
                                   has_pickles ? "; pytorch_model.bin is not read: save the model anew with "
                                                 "save_pretrained(..., safe_serialization=True)"
                                               : ""));
  }
  TRY_ASSIGN(const Bytes bytes, read_file(index, kMaxJsonBytes));
  const auto json = parse_json(as_text(bytes));
  if (!json) return annotate(json.error(), index.string());
  const Json* map = json->find("weight_map");
  if (map == nullptr || map->object() == nullptr)
    return fatal_error(index.string() + ": weight_map: missing");
  std::set<std::string> files;
  for (const auto& [name, file] : *map->object()) {
    if (file.text() == nullptr || !is_plain_name(*file.text()))
      return fatal_error(
          fmt::format("{}: weight_map: {} lies in no file of this folder", index.string(), name));
    files.insert(*file.text());
  }
  return files;
}

}  // namespace

Result<HuggingFaceShape> parse_hugging_face_config(std::string_view text) {
  TRY_ASSIGN(const Json json, parse_json(text));
  if (json.object() == nullptr) return fatal_error("must be a JSON object");
  const Config config(json);
  TRY(check_architecture(config));
  HuggingFaceShape shape;
  ModelSpec& model = shape.model;
  TRY_ASSIGN(model.vocab_size, config.size("vocab_size"));
  TRY_ASSIGN(model.hidden_size, config.size("hidden_size"));
  TRY_ASSIGN(model.num_hidden_layers, config.size("num_hidden_layers"));
  TRY_ASSIGN(model.num_attention_heads, config.size("num_attention_heads"));
  TRY_ASSIGN(model.num_key_value_heads, config.size("num_key_value_heads", model.num_attention_heads));
  TRY_ASSIGN(model.intermediate_size, config.size("intermediate_size"));
  TRY_ASSIGN(model.rope_theta, rope_theta_of(config));
  TRY_ASSIGN(model.rms_norm_eps, config.positive("rms_norm_eps", kDefaultNormEpsilon));
  TRY_ASSIGN(model.tie_word_embeddings, config.flag("tie_word_embeddings"));
  TRY_ASSIGN(model.initializer_range, config.positive("initializer_range", kDefaultInitializerRange));
  TRY_ASSIGN(shape.sequence_length, config.size("max_position_embeddings", kDefaultPositions));
  if (model.num_hidden_layers > kMaxLayers)
    return Config::refuse("num_hidden_layers",
                          fmt::format("{} are more than {}", model.num_hidden_layers, kMaxLayers));
  TRY_ASSIGN(model.head_dim, config.size("head_dim", 0));
  if (model.head_dim * model.num_attention_heads == model.hidden_size) model.head_dim = 0;  // as by default
  if (model.head_width() % 2 != 0)
    return Config::refuse("head_dim",
                          fmt::format("{} is odd, and rotary embeddings need halves", model.head_width()));
  if (model.head_dim == 0 && model.hidden_size % model.num_attention_heads != 0)
    return Config::refuse("num_attention_heads", fmt::format("{} do not divide hidden_size {}",
                                                             model.num_attention_heads, model.hidden_size));
  if (model.num_attention_heads % model.num_key_value_heads != 0)
    return Config::refuse("num_key_value_heads",
                          fmt::format("{} do not divide num_attention_heads {}", model.num_key_value_heads,
                                      model.num_attention_heads));
  return shape;
}

bool is_hugging_face_folder(const fs::path& folder) {
  return is_there(folder / kConfigName) && !is_there(folder / kManifestName);
}

Result<ModelSource> open_hugging_face(const fs::path& folder) {
  const fs::path config_file = folder / kConfigName;
  TRY_ASSIGN(const Bytes config, read_file(config_file, kMaxJsonBytes));
  const auto shape = parse_hugging_face_config(as_text(config));
  if (!shape) return annotate(shape.error(), config_file.string());
  TRY_ASSIGN(const std::set<std::string> files, model_files(folder));
  const auto tensors = std::make_shared<Tensors>();
  for (const std::string& file : files) TRY(tensors->open(folder / file));
  const Status chosen = tensors->choose(parameter_layout(shape->model));
  if (!chosen) return annotate(chosen.error(), folder.string());
  ModelSource source{.name = folder.filename().string(),
                     .model = shape->model,
                     .sequence_length = shape->sequence_length,
                     .tokenizer = {},
                     .read = [tensors](size_t parameter) { return tensors->read(parameter); }};
  for (const std::string_view name : {kSentencePieceName, kTokenizerJsonName, kTokenizerConfigName}) {
    if (!is_there(folder / name)) continue;
    TRY_ASSIGN(Bytes content, read_file(folder / name, kMaxTokenizerFileBytes));
    source.tokenizer.push_back({std::string(name), std::move(content)});
  }
  return source;
}

}  // namespace templar
