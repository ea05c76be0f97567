#include "app/bench/measure/measure_train.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/threads/thread_team.h"
#include "engine/cpu/cpu_backend.h"
#include "engine/cpu_engine.h"
#include "engine/cuda_engine.h"

namespace templar {
namespace {

constexpr double kLearningRate = 1e-3;
constexpr double kPeakSeconds = 0.3;  // of measuring the peak

// Each value is mix64 of its place, so that another language makes the same ones without drawing them in
// order.
double uniform_at(uint64_t stream, uint64_t index) {
  return static_cast<double>(mix64((stream << 40U) + index) >> 11U) * 0x1p-53;
}

// Matrices uniform with a standard deviation of 0.02, norms 1.
Status fill_parameters(Engine& engine, int threads) {
  constexpr double kHalfRange = 0.02 * 1.7320508075688772;
  constexpr size_t kGrain = 4096;
  ThreadTeam team(threads);
  return engine.edit_parameters([&](ParameterSpans parameters) -> Status {
    for (size_t i = 0; i < parameters.size(); ++i) {
      const bool norm = engine.layout()[i].shape.size() == 1;
      const std::span<float> values = parameters[i];
      team.for_ranges(values.size(), kGrain, [&](size_t begin, size_t end) {
        for (size_t at = begin; at < end; ++at) {
          values[at] = norm ? 1.0F : static_cast<float>((2 * uniform_at(i + 1, at) - 1) * kHalfRange);
        }
      });
    }
    return {};
  });
}

// A skewed distribution, so that there is something to learn: the square of a uniform number over the
// vocabulary.
std::vector<uint32_t> tokens_of_step(const TrainBenchOptions& options, int64_t step) {
  std::vector<uint32_t> tokens(static_cast<size_t>(options.batch * options.sequence));
  for (size_t i = 0; i < tokens.size(); ++i) {
    const double u = uniform_at(1000 + static_cast<uint64_t>(step), i);
    tokens[i] = static_cast<uint32_t>(u * u * static_cast<double>(options.model.vocab_size));
  }
  return tokens;
}

InnerSpec bench_inner(const TrainBenchOptions& options) {
  return {.sequence_length = options.sequence,
          .batch_size = options.batch,
          .steps = options.steps,
          .learning_rate = kLearningRate,
          .beta1 = 0.9,
          .beta2 = 0.95,
          .epsilon = 1e-8,
          .weight_decay = 0.1,
          .clip_grad_norm = 1.0};
}

template <typename Scalar>
double measure_peak(int threads, SumOrder order) {
  constexpr int64_t kEdge = 1024;
  ThreadTeam team(threads);
  MatrixProducts products(team, order);
  const int64_t rows = kEdge * threads;
  AlignedBuffer<Scalar> a(static_cast<size_t>(rows * kEdge));
  AlignedBuffer<Scalar> b(static_cast<size_t>(kEdge * kEdge));
  AlignedBuffer<float> c(static_cast<size_t>(rows * kEdge));
  double best = std::numeric_limits<double>::infinity();
  for (const Stopwatch whole; whole.seconds() < kPeakSeconds;) {
    const Stopwatch stopwatch;
    products.multiply(ProductKind::kAB, {rows, kEdge, kEdge}, a.data(), b.data(), c.data());
    best = std::min(best, stopwatch.seconds());
  }
  return 2.0 * static_cast<double>(rows * kEdge * kEdge) / best;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// Seconds of each measured step; adds the losses of all steps to the report. With an engine beside it, that
// one makes each step too.
template <typename BeforeMeasuring>
Result<std::vector<double>> train(Engine& engine, Engine* beside, const TrainBenchOptions& options,
                                  TrainBenchReport& report, const BeforeMeasuring& before_measuring) {
  std::vector<double> step_seconds;
  std::vector<double> ratios;
  for (int64_t step = 0; step < options.warmup_steps + options.steps; ++step) {
    if (step == options.warmup_steps) before_measuring();
    const std::vector<uint32_t> tokens = tokens_of_step(options, step);
    const Stopwatch stopwatch;
    TRY_ASSIGN(const TrainStepReport trained,
               engine.train_step({tokens, options.batch, options.sequence}, kLearningRate));
    if (step >= options.warmup_steps) step_seconds.push_back(stopwatch.seconds());
    report.losses.push_back(trained.loss);
    if (beside == nullptr) continue;
    const Stopwatch stopwatch_beside;
    TRY(beside->train_step({tokens, options.batch, options.sequence}, kLearningRate));
    if (step >= options.warmup_steps) ratios.push_back(step_seconds.back() / stopwatch_beside.seconds());
  }
  if (beside != nullptr) report.time_beside = median(std::move(ratios));
  return step_seconds;
}

void set_speed(TrainBenchReport& report, const TrainBenchOptions& options,
               const std::vector<double>& step_seconds) {
  report.seconds_a_step = median(step_seconds);
  report.tokens_per_second = static_cast<double>(options.batch * options.sequence) / report.seconds_a_step;
  report.flops_a_token = train_flops_a_token(options.model, options.sequence);
  report.flops_per_second = report.flops_a_token * report.tokens_per_second;
}

template <typename Scalar>
Result<TrainBenchReport> measure(const TrainBenchOptions& options, std::unique_ptr<Engine> made,
                                 Engine* beside) {
  auto* backend = dynamic_cast<CpuBackend<Scalar>*>(&made->backend());
  CHECK(backend != nullptr);
  TRY(fill_parameters(*made, options.threads));
  TrainBenchReport report;
  TRY_ASSIGN(const std::vector<double> step_seconds,
             train(*made, beside, options, report, [&] { backend->profile() = {}; }));
  report.parameters = parameter_count(made->layout());
  report.precision = std::is_same_v<Scalar, Bf16> || options.precision != Precision::kBf16 ? options.precision
                                                                                           : Precision::kF32;
  set_speed(report, options, step_seconds);
  double unclaimed = 0;
  for (const double seconds : step_seconds) unclaimed += seconds / static_cast<double>(options.steps);
  for (size_t part = 0; part < kStepParts; ++part) {
    const double seconds = backend->profile().seconds[part] / static_cast<double>(options.steps);
    report.phases.push_back({std::string(name_of(static_cast<StepPart>(part))), seconds});
    unclaimed -= seconds;
  }
  report.phases.push_back({"other", unclaimed});
  made.reset();
  report.peak_flops_per_second = measure_peak<Scalar>(options.threads, sum_order(options.precision));
  return report;
}

// The split is that of some more steps, so that marking time does not slow down those that count.
Result<TrainBenchReport> measure_on_card(const TrainBenchOptions& options) {
  constexpr int64_t kSplitSteps = 3;
  CudaEngineOptions of_engine;
  of_engine.precision = options.precision;
  of_engine.micro_batch = options.micro_batch;
  of_engine.recompute_layers = options.recompute_layers;
  of_engine.device = *options.card;
  of_engine.deterministic = options.deterministic;
  TRY_ASSIGN(const CudaPeaks peaks, measure_cuda_peaks(*options.card));
  TRY_ASSIGN(const std::unique_ptr<Engine> engine,
             make_cuda_engine(options.model, bench_inner(options), of_engine));
  TRY(fill_parameters(*engine, options.threads));
  TrainBenchReport report;
  TRY_ASSIGN(const std::vector<double> step_seconds, train(*engine, nullptr, options, report, [] {}));
  report.parameters = parameter_count(engine->layout());
  report.precision = options.precision;
  report.card = peaks.card;
  report.peak_flops_per_second = peaks.product_flops_per_second;
  report.copy_bytes_per_second = peaks.copy_bytes_per_second;
  set_speed(report, options, step_seconds);
  TrainBenchOptions some_more = options;
  some_more.warmup_steps = 1;
  some_more.steps = kSplitSteps;
  TrainBenchReport thrown_away;
  CudaMeter meter(*engine);
  TRY_ASSIGN(const std::vector<double> split_seconds,
             train(*engine, nullptr, some_more, thrown_away, [&] { meter.begin(); }));
  double unclaimed = 0;
  for (const double seconds : split_seconds) unclaimed += seconds / static_cast<double>(kSplitSteps);
  for (const CudaMeter::Part& part : meter.end()) {
    report.phases.push_back({part.name, part.seconds / static_cast<double>(kSplitSteps)});
    unclaimed -= report.phases.back().seconds_a_step;
  }
  report.phases.push_back({"other", unclaimed});
  const Stopwatch stopwatch;
  TRY(engine->state_tree());
  report.state_root_seconds = stopwatch.seconds();
  return report;
}

}  // namespace

// Forward, backward by inputs and by weights: six operations a weight and token. Attention: queries by keys
// and probabilities by values, over half of the square, twice as much again backward.
double train_flops_a_token(const ModelSpec& model, int64_t sequence) {
  const int64_t head = model.vocab_size * model.hidden_size;
  const int64_t layer = 2 * model.hidden_size * (model.query_width() + model.key_value_width()) +
                        3 * model.hidden_size * model.intermediate_size;
  const double products = 6.0 * static_cast<double>(head + model.num_hidden_layers * layer);
  const double attention =
      6.0 * static_cast<double>(model.num_hidden_layers * model.query_width() * sequence);
  return products + attention;
}

ModelSpec default_bench_model() {
  return {.vocab_size = 8192,
          .hidden_size = 256,
          .num_hidden_layers = 6,
          .num_attention_heads = 8,
          .num_key_value_heads = 8,
          .intermediate_size = 704,
          .rope_theta = 10000,
          .rms_norm_eps = 1e-5,
          .tie_word_embeddings = false,
          .initializer_range = 0.02};
}

Result<TrainBenchReport> run_train_bench(const TrainBenchOptions& options) {
  if (options.steps < 1) return fatal_error("the training benchmark needs at least one step");
  if (options.card && options.beside) return fatal_error("beside a card's training none can be measured");
  if (options.card) return measure_on_card(options);
  const auto make = [&](Precision precision) {
    return make_cpu_engine(options.model, bench_inner(options),
                           {.threads = options.threads,
                            .precision = precision,
                            .micro_batch = options.micro_batch,
                            .recompute_layers = options.recompute_layers});
  };
  TRY_ASSIGN(std::unique_ptr<Engine> engine, make(options.precision));
  std::unique_ptr<Engine> beside;
  if (options.beside) {
    TRY_ASSIGN(beside, make(*options.beside));
    TRY(fill_parameters(*beside, options.threads));
  }
  if (dynamic_cast<CpuBackend<Bf16>*>(&engine->backend()) != nullptr)
    return measure<Bf16>(options, std::move(engine), beside.get());
  return measure<float>(options, std::move(engine), beside.get());
}

}  // namespace templar
