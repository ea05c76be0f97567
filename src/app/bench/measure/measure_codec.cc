#include "app/bench/measure/measure_codec.h"

#include <fmt/format.h>

#include <cmath>

#include "base/clock.h"
#include "core/codec/blended_input.h"
#include "core/codec/compressor.h"
#include "core/codec/dct.h"
#include "core/codec/decoded_tiles.h"
#include "core/coding/block_canon.h"
#include "core/protocol/contribution.h"
#include "core/run/run_spec_fields.h"

namespace templar {
namespace {

using Encoded = std::vector<EncodedParameter>;

BlockCoding coding_of(const CodecSpec& codec) {
  return {codec.quantiser, codec.quantiser_bins};
}

Bytes code(const Encoded& encoded, const CodecSpec& codec, ThreadTeam& team) {
  ByteWriter writer;
  for (const EncodedParameter& parameter : encoded)
    write_coded_block(parameter, coding_of(codec), writer, &team);
  return writer.take();
}

int64_t kept_of(const Encoded& encoded) {
  int64_t kept = 0;
  for (const EncodedParameter& parameter : encoded) kept += parameter.plan.kept_total();
  return kept;
}

double index_bits(const Encoded& encoded) {
  int64_t positions = 0;
  BitCounter bits;
  CellScratch scratch;
  for (const EncodedParameter& parameter : encoded) {
    const ChunkPlan& plan = parameter.plan;
    if (plan.kept == plan.chunk_elements()) continue;
    const auto positions_of = [&](int64_t chunk) {
      return std::span(parameter.positions)
          .subspan(static_cast<size_t>(chunk * plan.kept), static_cast<size_t>(plan.kept));
    };
    ModeChooser chooser(plan);
    for (int64_t chunk = 0; chunk < plan.chunk_count(); ++chunk) {
      if (is_sampled(plan, chunk)) chooser.add(positions_of(chunk));
    }
    const auto cells = CellCoder::of(plan, chooser.cheapest());
    cells->prepare(scratch);
    for (int64_t chunk = 0; chunk < plan.chunk_count(); ++chunk) {
      cells->fill_cells(positions_of(chunk), scratch);
      cells->count_cells(scratch);
      cells->put_counts(scratch, bits);
      cells->put_places(scratch, bits);
    }
    positions += plan.kept_total();
  }
  return positions == 0 ? 0 : static_cast<double>(bits.total()) / static_cast<double>(positions);
}

// With everything that a contribution has around its blocks.
double bits_per_value(const Encoded& encoded, const CodecSpec& codec, ThreadTeam& team) {
  constexpr double kAroundTheBlocks = 178 + 96;
  return 8.0 * (static_cast<double>(code(encoded, codec, team).size()) + kAroundTheBlocks) /
         static_cast<double>(kept_of(encoded));
}

Status measure_round(const BenchGradient& gradient, const CodecSpec& codec, ThreadTeam& team,
                     ParameterBuffers& work, CodecBenchTimes& best, Encoded& encoded) {
  work.copy_from(gradient.pseudo_gradient.spans());
  const Stopwatch compress_watch;
  TRY_ASSIGN(encoded, compress_with_error_feedback(gradient.error_feedback.spans(), work.spans(),
                                                   gradient.layout, codec, team));
  take_best(best.compress_seconds, compress_watch.seconds());
  const Stopwatch code_watch;
  const Bytes bytes = code(encoded, codec, team);
  take_best(best.code_seconds, code_watch.seconds());
  return {};
}

// Squared error and squared length of the kept values.
struct Squares {
  double error = 0;
  double length = 0;
};

Squares quantiser_error(const BlendedInput& input, const EncodedParameter& encoded, const CodecSpec& codec) {
  const ChunkPlan& plan = encoded.plan;
  const TileTransform transform(plan, codec);
  std::vector<float> tile(static_cast<size_t>(plan.chunk_elements()));
  std::vector<float> scratch(tile.size());
  std::vector<float> sent(static_cast<size_t>(plan.kept));
  Squares squares;
  for (int64_t chunk = 0; chunk < plan.chunk_count(); ++chunk) {
    if (!read_tile(input, tile_rows(plan, chunk), tile)) continue;  // compression has refused it
    transform.forward(tile, scratch);
    decode_values(encoded, static_cast<size_t>(chunk), sent);
    for (size_t i = 0; i < sent.size(); ++i) {
      const double exact = tile[encoded.positions[static_cast<size_t>(chunk) * sent.size() + i]];
      squares.error += (exact - sent[i]) * (exact - sent[i]);
      squares.length += exact * exact;
    }
  }
  return squares;
}

Result<QuantiserReport> judge_quantiser(const BenchGradient& gradient, const CodecSpec& codec,
                                        ThreadTeam& team) {
  ParameterBuffers work(gradient.layout);
  work.copy_from(gradient.pseudo_gradient.spans());
  TRY_ASSIGN(const Encoded encoded, compress_with_error_feedback(gradient.error_feedback.spans(),
                                                                 work.spans(), gradient.layout, codec, team));
  Squares squares;
  for (size_t p = 0; p < encoded.size(); ++p) {
    const BlendedInput input{gradient.error_feedback.spans()[p],
                             static_cast<float>(codec.error_feedback_decay),
                             gradient.pseudo_gradient.spans()[p], 1.0f};
    const Squares of_parameter = quantiser_error(input, encoded[p], codec);
    squares.error += of_parameter.error;
    squares.length += of_parameter.length;
  }
  QuantiserReport report;
  report.name = std::ranges::find(kQuantiserChoices, codec.quantiser, [](const auto& choice) {
                  return choice.value;
                })->name;
  if (coding_of(codec).value_bits() == 0) report.name += fmt::format(" {}", codec.quantiser_bins);
  report.use_dct = codec.use_dct;
  report.relative_error = std::sqrt(squares.error / squares.length);
  report.index_bits = index_bits(encoded);
  report.bits_per_value = bits_per_value(encoded, codec, team);
  return report;
}

}  // namespace

Result<CodecBenchReport> run_codec_bench(const BenchGradient& gradient, const CodecBenchOptions& options) {
  ThreadTeam team(options.threads);
  ParameterBuffers work(gradient.layout);
  CodecBenchReport report;
  report.parameters = parameter_count(gradient.layout);
  CodecSpec plain = options.codec;
  plain.use_dct = false;
  CodecSpec dct = options.codec;
  dct.use_dct = true;
  Encoded encoded;
  for (int round = 0; round < options.rounds; ++round) {
    if (options.on_round) options.on_round(round);
    take_best(report.memcpy, time_memcpy(gradient.pseudo_gradient.spans(), work.spans(), team));
    TRY(measure_round(gradient, dct, team, work, report.dct, encoded));
    TRY(measure_round(gradient, plain, team, work, report.plain, encoded));
  }
  report.kept = kept_of(encoded);
  report.index_bits = index_bits(encoded);
  report.bits_per_value = bits_per_value(encoded, plain, team);
  return report;
}

Result<std::vector<QuantiserReport>> compare_quantisers(const BenchGradient& gradient, const CodecSpec& codec,
                                                        ThreadTeam& team) {
  struct QuantiserChoice {
    Quantiser quantiser;
    int64_t bins;
  };
  constexpr QuantiserChoice kChoices[] = {{Quantiser::kMean4, 4},     {Quantiser::kMean4, 16},
                                          {Quantiser::kBlockLog, 2},  {Quantiser::kBlockLog, 4},
                                          {Quantiser::kBlockLog, 6},  {Quantiser::kBlockLog, 8},
                                          {Quantiser::kBlockLog, 12}, {Quantiser::kBlockLog, 16},
                                          {Quantiser::kNoneBf16, 2},  {Quantiser::kNone, 2}};
  std::vector<QuantiserReport> reports;
  for (const bool use_dct : {false, true}) {
    for (const QuantiserChoice& choice : kChoices) {
      CodecSpec chosen = codec;
      chosen.use_dct = use_dct;
      chosen.quantiser = choice.quantiser;
      chosen.quantiser_bins = choice.bins;
      TRY_ASSIGN(QuantiserReport report, judge_quantiser(gradient, chosen, team));
      reports.push_back(std::move(report));
    }
  }
  return reports;
}

}  // namespace templar
