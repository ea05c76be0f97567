// `templar bench codec`.
#include <fmt/format.h>

#include <memory>

#include "app/bench/bench_verbs.h"
#include "app/bench/gradient_arguments.h"
#include "app/bench/measure/bench_progress.h"
#include "app/bench/measure/measure_codec.h"
#include "app/terminal/standard_output.h"
#include "base/json/json.h"

namespace templar {
namespace {

constexpr double kBitsOfF32 = 32;

void print_report(const CodecBenchReport& report, const GradientArguments& arguments) {
  print_gradient_head(report.parameters, report.memcpy, arguments.threads, arguments.rounds);
  print_gradient_row("compress", report.plain.compress_seconds, report.memcpy, report.parameters);
  print_gradient_row("  and code", report.plain.seconds(), report.memcpy, report.parameters);
  print_gradient_row("compress DCT coefficients", report.dct.compress_seconds, report.memcpy,
                     report.parameters);
  print_gradient_row("  and code", report.dct.seconds(), report.memcpy, report.parameters);
  const double density = static_cast<double>(report.kept) / static_cast<double>(report.parameters);
  print("\n  {:.3f} bits a position, {:.3f} bits a value with all headers: 1/{:.1f} of f32\n",
        report.index_bits, report.bits_per_value, kBitsOfF32 / (report.bits_per_value * density));
}

std::string report_json(const CodecBenchReport& report, const GradientArguments& arguments) {
  Json json;
  json["parameters"] = report.parameters;
  json["threads"] = arguments.threads;
  json["memcpy_seconds"] = report.memcpy.one_call;
  json["team_memcpy_seconds"] = report.memcpy.team;
  json["compress_over_memcpy"] = report.plain.seconds() / report.memcpy.one_call;
  json["compress_dct_over_memcpy"] = report.dct.seconds() / report.memcpy.one_call;
  json["compress_over_team_memcpy"] = report.plain.seconds() / report.memcpy.team;
  json["compress_dct_over_team_memcpy"] = report.dct.seconds() / report.memcpy.team;
  json["code_over_memcpy"] = report.plain.code_seconds / report.memcpy.one_call;
  json["index_bits"] = report.index_bits;
  json["bits_per_value"] = report.bits_per_value;
  return to_text(json, {.indent = 2});
}

void print_quantisers(const std::string& file, const std::vector<QuantiserReport>& reports) {
  print("\n{}\n  {:<14} {:<6} {:>14} {:>14} {:>12}\n", file, "quantiser", "", "relative error",
        "bits a position", "bits a value");
  for (const QuantiserReport& report : reports) {
    print("  {:<14} {:<6} {:>14.4f} {:>15.3f} {:>12.3f}\n", report.name, report.use_dct ? "DCT" : "",
          report.relative_error, report.index_bits, report.bits_per_value);
  }
}

JsonList quantisers_json(const std::vector<QuantiserReport>& reports) {
  JsonList list;
  for (const QuantiserReport& report : reports) {
    list.push_back(JsonObject{{"quantiser", report.name},
                              {"use_dct", report.use_dct},
                              {"relative_error", report.relative_error},
                              {"index_bits", report.index_bits},
                              {"bits_per_value", report.bits_per_value}});
  }
  return list;
}

// On files: what the quantisers make of each.
Status bench_quantisers(const GradientArguments& arguments, const CodecSpec& codec) {
  ThreadTeam team(arguments.threads);
  Json json;
  for (const std::string& file : arguments.files) {
    TRY_ASSIGN(const BenchGradient gradient, load_gradient(file));
    TRY_ASSIGN(const auto reports, compare_quantisers(gradient, codec, team));
    if (arguments.json) json[file] = quantisers_json(reports);
    if (!arguments.json) print_quantisers(file, reports);
  }
  if (arguments.json) print("{}\n", to_text(json, {.indent = 2}));
  return {};
}

Status bench_codec(const GradientArguments& arguments) {
  TRY_ASSIGN(const RunSpec spec, spec_of(arguments));
  if (arguments.files.size() > 1) return bench_quantisers(arguments, spec.codec);
  CodecBenchOptions options{
      .codec = spec.codec, .threads = arguments.threads, .rounds = arguments.rounds, .on_round = {}};
  options.on_round = [&](int round) {
    show_progress(fmt::format("round {} of {}", round + 1, arguments.rounds));
  };
  if (arguments.files.empty()) show_progress("making a pseudo-gradient");
  BenchGradient gradient = synthetic_gradient({{"none", {1}}}, 0);
  if (arguments.files.empty()) {
    gradient = synthetic_gradient(bench_layout(arguments.millions), 1);
  } else {
    TRY_ASSIGN(gradient, load_gradient(arguments.files.front()));
  }
  TRY_ASSIGN(const CodecBenchReport report, run_codec_bench(gradient, options));
  end_progress();
  if (arguments.json) {
    print("{}\n", report_json(report, arguments));
  } else {
    print_report(report, arguments);
    if (!arguments.files.empty()) return bench_quantisers(arguments, spec.codec);
  }
  return {};
}

}  // namespace

void add_codec_bench_command(Verb bench) {
  auto arguments = std::make_shared<GradientArguments>();
  Verb verb = bench.add_verb("codec",
                             "Compression: time beside a memcpy of the same bytes, bits a position and a "
                             "value; of files also what each quantiser makes of them");
  verb.add_options(gradient_options(*arguments));
  verb.add_options({{"--gradient", &arguments->files,
                     "Measure on these safetensors files instead: written by --dump-pseudo-gradients, or a "
                     "model's; with several, quantisers are compared and nothing is timed"}});
  verb.runs([arguments] { return bench_codec(*arguments); });
}

}  // namespace templar
