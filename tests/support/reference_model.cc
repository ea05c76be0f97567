#include "support/reference_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "support/json_values.h"
#include "support/vectors.h"

namespace templar::testing {
namespace {

constexpr int kSteps = 5;

void read_tensors(const Json& header, const std::vector<char>& data, ReferenceModel& reference) {
  for (const auto& [name, entry] : *header.object()) {
    if (name == "__metadata__") continue;
    const auto begin = as<size_t>(entry.at("data_offsets").at(0));
    const auto end = as<size_t>(entry.at("data_offsets").at(1));
    if (name.starts_with("tokens.")) {
      const bool wide = entry.at("dtype") == "I64";
      std::vector<uint32_t>& tokens = reference.tokens[name];
      for (size_t at = begin; at < end; at += wide ? 8 : 4) {
        uint32_t token = 0;
        std::memcpy(&token, data.data() + at, sizeof(token));
        tokens.push_back(token);
      }
      reference.batch = as<int64_t>(entry.at("shape").at(0));
      reference.sequence = as<int64_t>(entry.at("shape").at(1));
    } else {
      std::vector<float>& values = reference.tensors[name];
      values.resize((end - begin) / sizeof(float));
      std::memcpy(values.data(), data.data() + begin, end - begin);
    }
  }
}

}  // namespace

double ReferenceModel::number(const char* name) const {
  return std::stod(as<std::string>(metadata.at(name)));
}

std::vector<double> ReferenceModel::numbers(const char* name) const {
  return as<std::vector<double>>(parsed_json(as<std::string>(metadata.at(name))));
}

ReferenceModel load_reference_model(const std::string& name) {
  const std::filesystem::path path = vector_path("model/" + name + ".safetensors");
  std::ifstream file(path, std::ios::binary);
  uint64_t header_size = 0;
  file.read(reinterpret_cast<char*>(&header_size), sizeof(header_size));
  std::string header_text(header_size, '\0');
  file.read(header_text.data(), static_cast<std::streamsize>(header_size));
  const std::vector<char> data{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const Json header = parsed_json(header_text);

  ReferenceModel reference;
  reference.metadata = header.at("__metadata__");
  read_tensors(header, data, reference);
  const auto integer = [&](const char* field) { return static_cast<int64_t>(reference.number(field)); };
  reference.model = {.vocab_size = integer("vocab_size"),
                     .hidden_size = integer("hidden_size"),
                     .num_hidden_layers = integer("num_hidden_layers"),
                     .num_attention_heads = integer("num_attention_heads"),
                     .num_key_value_heads = integer("num_key_value_heads"),
                     .intermediate_size = integer("intermediate_size"),
                     .rope_theta = reference.number("rope_theta"),
                     .rms_norm_eps = reference.number("rms_norm_eps"),
                     .tie_word_embeddings = reference.metadata.at("tie_word_embeddings") == "True"};
  reference.inner = {.sequence_length = reference.sequence,
                     .batch_size = reference.batch,
                     .steps = kSteps,
                     .learning_rate = reference.number("learning_rate"),
                     .beta1 = reference.number("beta1"),
                     .beta2 = reference.number("beta2"),
                     .epsilon = reference.number("adam_eps"),
                     .weight_decay = reference.number("weight_decay"),
                     .clip_grad_norm = reference.number("clip_grad_norm")};
  return reference;
}

double largest_deviation(std::span<const float> got, const std::vector<float>& want) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  double deviation = 0;
  double largest = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    if (!std::isfinite(got[i])) return std::numeric_limits<double>::infinity();
    deviation = std::max(deviation, std::abs(static_cast<double>(got[i]) - want[i]));
    largest = std::max(largest, std::abs(static_cast<double>(want[i])));
  }
  return deviation / largest;
}

}  // namespace templar::testing
