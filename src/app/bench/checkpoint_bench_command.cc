// `templar bench checkpoint`.
#include <fmt/format.h>

#include <memory>

#include "app/bench/bench_verbs.h"
#include "app/bench/measure/bench_model.h"
#include "app/bench/measure/bench_progress.h"
#include "app/bench/measure/measure_checkpoint.h"
#include "app/bench/measure/work_folder.h"
#include "app/terminal/standard_output.h"
#include "base/json/json.h"
#include "formats/safetensors/model_shards.h"

namespace templar {
namespace {

struct CheckpointBenchArguments {
  int64_t millions = 268;
  std::filesystem::path folder = "/var/tmp";
  uint64_t shard_bytes = kDefaultShardBytes;
  int threads = bench_threads();
  int rounds = 3;
  bool json = false;
};

double megabytes(int64_t bytes) {
  return static_cast<double>(bytes) / 1e6;
}

void print_row(const char* what, double seconds, int64_t bytes, double base_seconds) {
  print("  {:<44} {:>9.1f} ms {:>8.2f} GB/s {:>7.2f}\n", what, seconds * 1e3,
        static_cast<double>(bytes) / seconds / 1e9, base_seconds / seconds);
}

void print_report(const CheckpointBenchReport& report, const CheckpointBenchArguments& arguments) {
  const int64_t bytes = report.model_bytes;
  print("model of {:.1f} MB, {} threads, best of {}, in {}\n\n", megabytes(bytes), arguments.threads,
        arguments.rounds, arguments.folder.string());
  print("  {:<44} {:>12} {:>13} {:>7}\n", "", "time", "speed", "ratio");
  print_row("memcpy, one call", report.memcpy.one_call, bytes, report.memcpy.one_call);
  print_row("copying the window's start (the pause)", report.pause_seconds, bytes, report.memcpy.one_call);
  print_row("disk alone: write, one file, synced", report.disk_write_seconds, bytes,
            report.disk_write_seconds);
  print_row("save", report.save_seconds, bytes, report.disk_write_seconds);
  print_row("disk alone: read", report.disk_read_seconds, bytes, report.disk_read_seconds);
  print_row("load", report.load_seconds, bytes, report.disk_read_seconds);
  print_row("copy to another folder", report.copy_seconds, bytes,
            report.disk_read_seconds + report.disk_write_seconds);
  print("\n  memory besides the model: {:.1f} MB while saving, {:.1f} MB while loading\n",
        megabytes(report.save_memory_bytes), megabytes(report.load_memory_bytes));
}

std::string report_json(const CheckpointBenchReport& report) {
  Json json;
  json["model_bytes"] = report.model_bytes;
  json["memcpy_seconds"] = report.memcpy.one_call;
  json["pause_over_memcpy"] = report.pause_seconds / report.memcpy.one_call;
  json["disk_write_seconds"] = report.disk_write_seconds;
  json["disk_read_seconds"] = report.disk_read_seconds;
  json["save_of_disk_speed"] = report.disk_write_seconds / report.save_seconds;
  json["load_of_disk_speed"] = report.disk_read_seconds / report.load_seconds;
  json["copy_of_disk_speed"] = (report.disk_read_seconds + report.disk_write_seconds) / report.copy_seconds;
  json["save_memory_bytes"] = report.save_memory_bytes;
  json["load_memory_bytes"] = report.load_memory_bytes;
  return to_text(json, {.indent = 2});
}

Status bench_checkpoint(const CheckpointBenchArguments& arguments) {
  TRY_ASSIGN(const auto folder, WorkFolder::create(arguments.folder));
  const CheckpointBenchOptions options{.model = bench_model(arguments.millions),
                                       .folder = folder->path,
                                       .shard_bytes = arguments.shard_bytes,
                                       .threads = arguments.threads,
                                       .rounds = arguments.rounds,
                                       .on_step = show_progress};
  TRY_ASSIGN(const CheckpointBenchReport report, run_checkpoint_bench(options));
  end_progress();
  if (arguments.json) {
    print("{}\n", report_json(report));
  } else {
    print_report(report, arguments);
  }
  return {};
}

}  // namespace

void add_checkpoint_bench_command(Verb bench) {
  auto arguments = std::make_shared<CheckpointBenchArguments>();
  Verb verb = bench.add_verb(
      "checkpoint",
      "Checkpoints: the pause in training, saving and loading beside the disk's own speed, memory");
  verb.add_options({{"--millions",
                     &arguments->millions,
                     "Parameters, in millions",
                     {.allowed = IntegerRange{1, 100'000}, .shows_default = true}},
                    {"--folder",
                     &arguments->folder,
                     "A folder on the disk to measure; twice the model must fit",
                     {.allowed = ExistingFolder{}, .shows_default = true}},
                    {"--shard-size",
                     &arguments->shard_bytes,
                     "Largest file of the checkpoint, e.g. 512MB",
                     {.allowed = AboveZero{}, .is_size = true}},
                    {"--threads",
                     &arguments->threads,
                     "Threads",
                     {.allowed = IntegerRange{1, 1024}, .shows_default = true}},
                    {"--rounds",
                     &arguments->rounds,
                     "Rounds, of which the best counts",
                     {.allowed = IntegerRange{1, 1000}, .shows_default = true}},
                    {"--json", &arguments->json, "Print the report as JSON"}});
  verb.runs([arguments] { return bench_checkpoint(*arguments); });
}

}  // namespace templar
