#include "app/bench/measure/measure_aggregate.h"

#include <fmt/format.h>
#include <malloc.h>

#include "app/bench/measure/memory_watch.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/files/scratch_file.h"
#include "core/codec/compressor.h"
#include "core/consensus/outer_step.h"

namespace templar {
namespace {

void say(const AggregateBenchOptions& options, const std::string& what) {
  if (options.on_step) options.on_step(what);
}

// A miner's blocks for each of the first pseudo-gradients.
Result<std::vector<std::vector<EncodedParameter>>> make_blocks(const GradientSource& source, int count,
                                                               const CodecSpec& codec, ThreadTeam& team) {
  std::vector<std::vector<EncodedParameter>> blocks;
  for (int i = 0; i < count; ++i) {
    TRY_ASSIGN(BenchGradient gradient, source(i));
    TRY_ASSIGN(auto encoded,
               compress_with_error_feedback(std::as_const(gradient.error_feedback).spans(),
                                            gradient.pseudo_gradient.spans(), gradient.layout, codec, team));
    blocks.push_back(std::move(encoded));
  }
  return blocks;
}

// Sealed, moved to a file and parsed, as a node gathers it.
Result<Contribution> make_contribution(std::span<const EncodedParameter> blocks, uint32_t uid,
                                       const ParameterLayout& layout, const CodecSpec& codec,
                                       ThreadTeam& team, double& parse_seconds) {
  ContributionHeader header;
  header.uid = uid;
  const Bytes sealed = seal_contribution(header, blocks, layout, codec, KeyPair::from_seed({}), &team);
  TRY_ASSIGN(SharedBytes in_file, move_to_scratch_file(sealed));
  const Stopwatch watch;
  auto parsed = parse_contribution(std::move(in_file), layout, codec);
  take_best(parse_seconds, watch.seconds());
  return parsed;
}

// One under each uid below count.
Result<std::vector<Contribution>> make_contributions(std::span<const std::vector<EncodedParameter>> blocks,
                                                     int count, const ParameterLayout& layout,
                                                     const CodecSpec& codec, ThreadTeam& team,
                                                     double& parse_seconds) {
  std::vector<Contribution> contributions;
  contributions.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    TRY_ASSIGN(Contribution contribution,
               make_contribution(blocks[static_cast<size_t>(i) % blocks.size()], static_cast<uint32_t>(i),
                                 layout, codec, team, parse_seconds));
    contributions.push_back(std::move(contribution));
  }
  return contributions;
}

std::vector<const Contribution*> list_of(const std::vector<Contribution>& contributions) {
  std::vector<const Contribution*> list;
  for (const Contribution& contribution : contributions) list.push_back(&contribution);
  return list;
}

int64_t kept_by_all(const ParameterLayout& layout, const CodecSpec& codec, int contributions) {
  return kept_total(plan_chunks(layout, codec)) * contributions;
}

Result<GrowthPoint> measure_growth(const AggregateBenchOptions& options, int count, ThreadTeam& team) {
  const ParameterLayout& layout = options.growth_layout;
  RunSpec spec = options.spec;
  spec.codec.use_dct = false;
  ParameterBuffers theta(layout);
  theta.fill_zero();
  double parse_seconds = 0;
  constexpr int kDifferent = 8;
  const auto drawn = [&](int number) -> Result<BenchGradient> {
    return synthetic_gradient(layout, static_cast<uint64_t>(number) + 1);
  };
  TRY_ASSIGN(const auto blocks, make_blocks(drawn, kDifferent, spec.codec, team));
  malloc_trim(0);  // what an earlier point has freed would hide what this one takes
  const int64_t before = own_memory_bytes();
  TRY_ASSIGN(const auto contributions,
             make_contributions(blocks, count, layout, spec.codec, team, parse_seconds));
  GrowthPoint point{.contributions = count, .kept = kept_by_all(layout, spec.codec, count)};
  MemoryWatch watch;
  for (int round = 0; round < 2; ++round) {
    const Stopwatch stopwatch;
    apply_outer_step(theta.spans(), layout, spec, list_of(contributions), spec.outer.learning_rate, team);
    take_best(point.seconds, stopwatch.seconds());
  }
  point.peak_memory_bytes = watch.stop() - before;
  return point;
}

Status measure_steps(const AggregateBenchOptions& options, bool use_dct, ThreadTeam& team,
                     AggregateBenchReport& report) {
  RunSpec spec = options.spec;
  spec.codec.use_dct = use_dct;
  say(options,
      fmt::format("making {} contributions{}", options.contributions, use_dct ? " of DCT coefficients" : ""));
  TRY_ASSIGN(const auto blocks,
             make_blocks(options.gradient, std::min(options.contributions, options.different_gradients),
                         spec.codec, team));
  TRY_ASSIGN(const auto contributions, make_contributions(blocks, options.contributions, options.layout,
                                                          spec.codec, team, report.parse_seconds));
  ParameterBuffers theta(options.layout);
  ParameterBuffers copy(options.layout);
  double& best = use_dct ? report.dct_seconds : report.plain_seconds;
  for (int round = 0; round < options.rounds; ++round) {
    say(options, fmt::format("outer step, round {} of {}", round + 1, options.rounds));
    take_best(report.memcpy, time_memcpy(std::as_const(theta).spans(), copy.spans(), team));
    const Stopwatch watch;
    apply_outer_step(theta.spans(), options.layout, spec, list_of(contributions), spec.outer.learning_rate,
                     team);
    take_best(best, watch.seconds());
  }
  return {};
}

}  // namespace

Result<AggregateBenchReport> run_aggregate_bench(const AggregateBenchOptions& options) {
  ThreadTeam team(options.threads);
  AggregateBenchReport report;
  report.parameters = parameter_count(options.layout);
  report.kept = kept_by_all(options.layout, options.spec.codec, options.contributions);
  if (!options.growth_layout.empty()) {
    report.growth_parameters = parameter_count(options.growth_layout);
    // Once for what is made on first use and then kept: tables of codes, the allocator's arenas.
    TRY(measure_growth(options, options.growth_counts.front(), team));
    for (const int count : options.growth_counts) {
      say(options, fmt::format("{} contributions", count));
      TRY_ASSIGN(const GrowthPoint point, measure_growth(options, count, team));
      report.growth.push_back(point);
    }
  }
  for (const bool use_dct : {false, true}) TRY(measure_steps(options, use_dct, team, report));
  return report;
}

}  // namespace templar
