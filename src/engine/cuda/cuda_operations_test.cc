// The card's operations against the same on the processor, and its consensus to the last bit. Skipped without
// a card.
#include "engine/cuda/cuda_operations.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "engine/cuda_engine.h"
#include "engine/device/host_operations.h"
#include "support/engine_values.h"
#include "support/test_run.h"

namespace templar {
namespace {

class EngineContractOnACard : public ::testing::Test {
 protected:
  void SetUp() override {
    const Status usable = check_cuda_device(0);
    if (!usable) GTEST_SKIP() << usable.error().message;
  }
};

template <typename Scalar>
class Card {
 public:
  explicit Card(bool deterministic = true)
      : operations_(
            {.device = 0, .deterministic = deterministic, .attention_workspace_bytes = int64_t{1} << 28}) {}
  template <typename T>
  T* put(const std::vector<T>& values) {
    auto* on_card = static_cast<T*>(operations_.allocate(bytes(values)));
    operations_.upload(on_card, values.data(), bytes(values));
    return on_card;
  }
  template <typename T>
  std::vector<T> get(const T* on_card, size_t count) {
    std::vector<T> values(count);
    operations_.download(values.data(), on_card, bytes(values));
    return values;
  }
  CudaOperations<Scalar>& operator()() { return operations_; }

 private:
  template <typename T>
  static int64_t bytes(const std::vector<T>& values) {
    return static_cast<int64_t>(values.size() * sizeof(T));
  }
  CudaOperations<Scalar> operations_;
};

template <typename Scalar>
std::vector<Scalar> random_values(int64_t count, uint64_t seed, float size = 1) {
  Random random(seed);
  std::vector<Scalar> values(static_cast<size_t>(count));
  for (Scalar& value : values) assign(value, size * static_cast<float>(2 * random.uniform() - 1));
  return values;
}

template <typename A, typename B>
double distance(const std::vector<A>& a, const std::vector<B>& b) {
  double difference = 0;
  double size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(to_f32(a[i])) - static_cast<double>(to_f32(b[i])), 2);
    size += std::pow(static_cast<double>(to_f32(b[i])), 2);
  }
  return std::sqrt(difference / size);
}

struct Gradients {
  std::vector<DeviceBf16> out;
  std::vector<float> log_sums;
  std::vector<DeviceBf16> d_qkv;
};

Gradients attend(Card<DeviceBf16>& card, const DeviceAttentionShape& shape, bool by_cudnn) {
  const int64_t out_count = shape.tokens() * shape.heads * shape.head_dim;
  auto* qkv = card.put(random_values<DeviceBf16>(shape.tokens() * shape.qkv_row(), 1, 2));
  auto* d_out = card.put(random_values<DeviceBf16>(out_count, 2));
  auto* out = card.put(std::vector<DeviceBf16>(static_cast<size_t>(out_count), DeviceBf16{0x7fc0}));
  auto* log_sums = card.put(std::vector<float>(static_cast<size_t>(shape.tokens() * shape.heads)));
  auto* d_qkv =
      card.put(std::vector<DeviceBf16>(static_cast<size_t>(shape.tokens() * shape.qkv_row()), {0x7fc0}));
  card().use_cudnn(by_cudnn);
  const DeviceAttention<DeviceBf16> attention{shape, qkv, out, log_sums, d_out, d_qkv};
  card().attention_forward(attention);
  card().attention_backward(attention);
  return {card.get(out, static_cast<size_t>(out_count)),
          card.get(log_sums, static_cast<size_t>(shape.tokens() * shape.heads)),
          card.get(d_qkv, static_cast<size_t>(shape.tokens() * shape.qkv_row()))};
}

TEST_F(EngineContractOnACard, CudnnsAttentionIsThePlainOne) {
  for (const bool deterministic : {true, false}) {
    for (const DeviceAttentionShape& shape :
         {DeviceAttentionShape{2, 256, 4, 4, 64}, DeviceAttentionShape{2, 192, 4, 2, 128},
          DeviceAttentionShape{1, 320, 6, 2, 64}, DeviceAttentionShape{1, 200, 2, 2, 128}}) {
      SCOPED_TRACE(::testing::Message()
                   << shape.batch << " x " << shape.sequence << ", " << shape.heads << " heads on "
                   << shape.kv_heads << " of " << shape.head_dim << ", deterministic " << deterministic);
      Card<DeviceBf16> card(deterministic);
      const Gradients want = attend(card, shape, false);
      const Gradients got = attend(card, shape, true);
      EXPECT_LT(distance(got.out, want.out), 1e-2);
      EXPECT_LT(distance(got.log_sums, want.log_sums), 1e-3);
      EXPECT_LT(distance(got.d_qkv, want.d_qkv), 2e-2);
      if (deterministic) {
        const Gradients again = attend(card, shape, true);
        EXPECT_TRUE(std::ranges::equal(again.d_qkv, got.d_qkv, {}, &DeviceBf16::bits, &DeviceBf16::bits));
      }
    }
  }
}

TEST_F(EngineContractOnACard, PlainAttentionIsTheProcessors) {
  const DeviceAttentionShape shape{2, 37, 4, 2, 10};
  Card<float> card;
  HostOperations<float> host;
  const auto qkv = random_values<float>(shape.tokens() * shape.qkv_row(), 1);
  const auto d_out = random_values<float>(shape.tokens() * shape.heads * shape.head_dim, 2);
  std::vector<float> out(d_out.size());
  std::vector<float> log_sums(static_cast<size_t>(shape.tokens() * shape.heads));
  std::vector<float> d_qkv(qkv.size());
  const DeviceAttention<float> on_host{shape,           qkv.data(),   out.data(),
                                       log_sums.data(), d_out.data(), d_qkv.data()};
  host.attention_forward(on_host);
  host.attention_backward(on_host);
  auto* card_out = card.put(std::vector<float>(out.size()));
  auto* card_d_qkv = card.put(std::vector<float>(qkv.size()));
  const DeviceAttention<float> on_card{shape,           card.put(qkv),
                                       card_out,        card.put(std::vector<float>(log_sums.size())),
                                       card.put(d_out), card_d_qkv};
  card().attention_forward(on_card);
  card().attention_backward(on_card);
  EXPECT_LT(distance(card.get(card_out, out.size()), out), 1e-5);
  EXPECT_LT(distance(card.get(card_d_qkv, qkv.size()), d_qkv), 1e-5);
}

// Each kernel once in packs of 8 and once value by value.
template <typename Scalar>
void expect_kernels_as_on_the_processor(int64_t width, double tolerance) {
  SCOPED_TRACE(::testing::Message() << "width " << width);
  constexpr int64_t kRows = 1203;
  const auto rows = static_cast<size_t>(kRows);
  Card<Scalar> card;
  HostOperations<Scalar> host;
  const auto x = random_values<Scalar>(kRows * width, 1);
  const auto d_normed = random_values<Scalar>(kRows * width, 2);
  const auto weight = random_values<float>(width, 3);
  const auto d_x = random_values<Scalar>(kRows * width, 4);

  std::vector<Scalar> normed(x.size());
  std::vector<float> inverse(rows);
  std::vector<Scalar> host_d_x = d_x;
  std::vector<float> partials(static_cast<size_t>(norm_block_count(kRows) * width));
  std::vector<float> d_weight(static_cast<size_t>(width));
  host.norm_forward({x.data(), weight.data(), normed.data(), inverse.data(), width, 1e-5F}, kRows);
  host.norm_backward({x.data(), inverse.data(), weight.data(), d_normed.data(), host_d_x.data(),
                      partials.data(), width, kRows, 0, true},
                     d_weight.data(), false);
  const auto* card_x = card.put(x);
  const auto* card_weight = card.put(weight);
  auto* card_normed = card.put(std::vector<Scalar>(x.size()));
  auto* card_inverse = card.put(std::vector<float>(rows));
  auto* card_d_x = card.put(d_x);
  auto* card_d_weight = card.put(std::vector<float>(weight.size()));
  card().norm_forward({card_x, card_weight, card_normed, card_inverse, width, 1e-5F}, kRows);
  card().norm_backward({card_x, card_inverse, card_weight, card.put(d_normed), card_d_x, card.put(partials),
                        width, kRows, 0, true},
                       card_d_weight, false);
  EXPECT_LT(distance(card.get(card_normed, x.size()), normed), tolerance);
  EXPECT_LT(distance(card.get(card_d_x, x.size()), host_d_x), tolerance);
  EXPECT_LT(distance(card.get(card_d_weight, weight.size()), d_weight), 1e-4);

  const auto gate_up = random_values<Scalar>(kRows * 2 * width, 5);
  std::vector<Scalar> activated(x.size());
  std::vector<Scalar> d_gate_up(gate_up.size());
  host.swiglu_forward({gate_up.data(), activated.data(), nullptr, nullptr, width}, kRows);
  host.swiglu_backward({gate_up.data(), nullptr, x.data(), d_gate_up.data(), width}, kRows);
  auto* card_gate_up = card.put(gate_up);
  auto* card_activated = card.put(std::vector<Scalar>(x.size()));
  card().swiglu_forward({card_gate_up, card_activated, nullptr, nullptr, width}, kRows);
  card().swiglu_backward({card_gate_up, nullptr, card_x, card_gate_up, width}, kRows);
  EXPECT_LT(distance(card.get(card_activated, x.size()), activated), tolerance);
  EXPECT_LT(distance(card.get(card_gate_up, gate_up.size()), d_gate_up), tolerance);
}

TEST_F(EngineContractOnACard, KernelsComputeWhatTheyDoOnTheProcessor) {
  for (const int64_t width : {24, 100, 1001}) expect_kernels_as_on_the_processor<float>(width, 1e-5);
  for (const int64_t width : {24, 100, 1001, 1024})
    expect_kernels_as_on_the_processor<DeviceBf16>(width, 4e-3);
}

TEST_F(EngineContractOnACard, CrossEntropyIsTheProcessors) {
  constexpr int64_t kRows = 70;
  for (const int64_t vocab : {50, 4096, 5000}) {
    const int64_t row = (vocab + 7) / 8 * 8;
    Card<DeviceBf16> card;
    HostOperations<DeviceBf16> host;
    const auto logits = random_values<float>(kRows * row, 1, 9);
    std::vector<uint32_t> targets(static_cast<size_t>(kRows));
    for (size_t i = 0; i < targets.size(); ++i)
      targets[i] = static_cast<uint32_t>(i * 37 % static_cast<size_t>(vocab));
    targets[3] = kNoDeviceTarget;
    std::vector<double> losses(targets.size());
    std::vector<DeviceBf16> d_logits(logits.size());
    host.cross_entropy(
        {logits.data(), targets.data(), losses.data(), d_logits.data(), nullptr, vocab, row, 0.5F}, kRows);
    auto* card_losses = card.put(std::vector<double>(losses.size()));
    auto* card_d_logits = card.put(std::vector<DeviceBf16>(logits.size()));
    card().cross_entropy(
        {card.put(logits), card.put(targets), card_losses, card_d_logits, nullptr, vocab, row, 0.5F}, kRows);
    const auto got = card.get(card_losses, losses.size());
    for (size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(got[i], losses[i], 1e-5) << i;
    EXPECT_LT(distance(card.get(card_d_logits, logits.size()), d_logits), 4e-3);
  }
}

TEST_F(EngineContractOnACard, HashesTheStateToTheProcessorsBits) {
  RunSpec spec = testing::small_run_spec();
  spec.model.vocab_size = 50000;
  spec.model.hidden_size = 72;
  spec.model.num_attention_heads = spec.model.num_key_value_heads = 4;
  const testing::TestRun run(spec);
  auto made = make_cuda_engine(spec.model, spec.inner, {});
  ASSERT_TRUE(made.has_value()) << made.error().message;
  testing::set_parameters(**made, run.values());
  ThreadTeam team(1);
  EXPECT_EQ((*made)->state_tree().value(), compute_state_tree(run.layout, run.values(), team));
}

}  // namespace
}  // namespace templar
