// The engine against the reference's numbers: logits, loss, every gradient, and weights after five AdamW
// steps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>

#include "engine/engine.h"
#include "support/json_values.h"
#include "support/vectors.h"

namespace templar {
namespace {

constexpr int kSteps = 5;
constexpr double kLossTolerance = 1e-5;
constexpr double kTensorTolerance = 1e-4;  // of the tensor's largest value

struct ReferenceModel {
  std::map<std::string, std::vector<float>> tensors;
  std::map<std::string, std::vector<uint32_t>> tokens;
  int64_t batch = 0;
  int64_t sequence = 0;
  Json metadata;
  ModelSpec model;
  InnerSpec inner;

  [[nodiscard]] double number(const char* name) const {
    return std::stod(testing::as<std::string>(metadata.at(name)));
  }
  [[nodiscard]] TokenBatch token_batch(int step) const {
    return {tokens.at("tokens." + std::to_string(step)), batch, sequence};
  }
};

// A list of numbers that the file holds as a text of JSON.
std::vector<double> numbers_of(const ReferenceModel& reference, std::string_view name) {
  return testing::as<std::vector<double>>(
      testing::parsed_json(testing::as<std::string>(reference.metadata.at(name))));
}

void read_tensors(const Json& header, const std::vector<char>& data, ReferenceModel& reference) {
  for (const auto& [name, entry] : *header.object()) {
    if (name == "__metadata__") continue;
    const auto begin = testing::as<size_t>(entry.at("data_offsets").at(0));
    const auto end = testing::as<size_t>(entry.at("data_offsets").at(1));
    if (name.starts_with("tokens.")) {
      const bool wide = entry.at("dtype") == "I64";
      std::vector<uint32_t>& tokens = reference.tokens[name];
      for (size_t at = begin; at < end; at += wide ? 8 : 4) {
        uint32_t token = 0;
        std::memcpy(&token, data.data() + at, sizeof(token));
        tokens.push_back(token);
      }
      reference.batch = testing::as<int64_t>(entry.at("shape").at(0));
      reference.sequence = testing::as<int64_t>(entry.at("shape").at(1));
    } else {
      std::vector<float>& values = reference.tensors[name];
      values.resize((end - begin) / sizeof(float));
      std::memcpy(values.data(), data.data() + begin, end - begin);
    }
  }
}

ReferenceModel load_reference(const std::string& name) {
  const std::filesystem::path path = testing::vector_path("model/" + name + ".safetensors");
  std::ifstream file(path, std::ios::binary);
  uint64_t header_size = 0;
  file.read(reinterpret_cast<char*>(&header_size), sizeof(header_size));
  std::string header_text(header_size, '\0');
  file.read(header_text.data(), static_cast<std::streamsize>(header_size));
  const std::vector<char> data{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const Json header = testing::parsed_json(header_text);

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

// Of `got` from `want`, relative to the largest of `want`.
double largest_deviation(std::span<const float> got, const std::vector<float>& want) {
  EXPECT_EQ(got.size(), want.size());
  double deviation = 0;
  double largest = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    if (!std::isfinite(got[i])) return std::numeric_limits<double>::infinity();
    deviation = std::max(deviation, std::abs(static_cast<double>(got[i]) - want[i]));
    largest = std::max(largest, std::abs(static_cast<double>(want[i])));
  }
  return deviation / largest;
}

class ModelVectors : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Engine> make_engine(const EngineOptions& options) {
    auto engine = make_cpu_engine(reference_.model, reference_.inner, options);
    EXPECT_TRUE(engine.has_value()) << engine.error().message;
    for (size_t i = 0; i < (*engine)->layout().size(); ++i) {
      const std::vector<float>& initial = reference_.tensors.at("param." + (*engine)->layout()[i].name);
      std::ranges::copy(initial, (*engine)->parameters()[i].begin());
    }
    (*engine)->parameters_changed();
    return std::move(*engine);
  }

  ReferenceModel reference_ = load_reference(GetParam());
};

TEST_P(ModelVectors, GiveTheReferencesLogits) {
  const auto engine = make_engine({.threads = 2});
  const auto logits = engine->logits(reference_.token_batch(0));
  ASSERT_TRUE(logits.has_value());
  EXPECT_LT(largest_deviation(*logits, reference_.tensors.at("logits")), kTensorTolerance);
}

TEST_P(ModelVectors, GiveTheReferencesLossAndGradients) {
  for (const int64_t micro_batch : {1, 8}) {
    const auto engine = make_engine({.threads = 2, .micro_batch = micro_batch});
    const auto loss = engine->compute_gradients(reference_.token_batch(0));
    ASSERT_TRUE(loss.has_value());
    EXPECT_NEAR(*loss, numbers_of(reference_, "losses").at(0), kLossTolerance);
    for (size_t i = 0; i < engine->layout().size(); ++i) {
      const std::string& name = engine->layout()[i].name;
      EXPECT_LT(largest_deviation(engine->gradients()[i], reference_.tensors.at("grad." + name)),
                kTensorTolerance)
          << name << " with micro-batches of " << micro_batch;
    }
  }
}

TEST_P(ModelVectors, GiveTheReferencesWeightsAfterFiveSteps) {
  const auto engine = make_engine({.threads = 1});
  const auto losses = numbers_of(reference_, "losses");
  const auto norms = numbers_of(reference_, "grad_norms_before_clip");
  for (int step = 0; step < kSteps; ++step) {
    const auto report = engine->train_step(reference_.token_batch(step), reference_.inner.learning_rate);
    ASSERT_TRUE(report.has_value());
    EXPECT_NEAR(report->loss, losses.at(static_cast<size_t>(step)), kLossTolerance) << "step " << step;
    const double norm = norms.at(static_cast<size_t>(step));
    EXPECT_NEAR(report->gradient_norm, norm, norm * kTensorTolerance) << "step " << step;
  }
  for (size_t i = 0; i < engine->layout().size(); ++i) {
    const std::string& name = engine->layout()[i].name;
    EXPECT_LT(largest_deviation(engine->parameters()[i], reference_.tensors.at("after." + name)),
              kTensorTolerance)
        << name;
  }
}

TEST_P(ModelVectors, AreFollowedInBf16ToItsPrecision) {
  const auto engine = make_engine({.threads = 2, .precision = Precision::kBf16});
  const auto losses = numbers_of(reference_, "losses");
  for (int step = 0; step < kSteps; ++step) {
    const auto report = engine->train_step(reference_.token_batch(step), reference_.inner.learning_rate);
    ASSERT_TRUE(report.has_value());
    EXPECT_NEAR(report->loss, losses.at(static_cast<size_t>(step)), 0.02) << "step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ModelVectors, ::testing::Values("llama_gqa_untied", "llama_mha_tied"));

}  // namespace
}  // namespace templar
