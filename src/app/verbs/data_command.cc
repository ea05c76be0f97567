#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <ranges>
#include <string>

#include "adapters/corpus/prepare.h"
#include "adapters/shards/data_folder.h"
#include "app/bench/measure/work_folder.h"
#include "app/run/run_files.h"
#include "app/terminal/prepare_progress.h"
#include "app/terminal/printable.h"
#include "app/terminal/progress_line.h"
#include "app/terminal/standard_output.h"
#include "app/terminal/stop_signal.h"
#include "app/terminal/tell.h"
#include "app/verbs/verbs.h"
#include "app/world/open_data.h"
#include "base/clock.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDataHelp =
    "The data set: a folder, or where `templar data push` put it, s3://BUCKET/PREFIX?endpoint=https://HOST "
    "or "
    "https://HOST/PATH";

void print_manifest(const DataManifest& manifest) {
  print("source      {}\n", manifest.source);
  print("text        {} in {} document{}\n", human_bytes(manifest.totals.text_bytes),
        manifest.totals.documents, manifest.totals.documents == 1 ? "" : "s");
  print("tokenizer   {}, {} tokens\n", manifest.tokenizer, manifest.vocab_size);
  print("samples of  {} tokens\n", manifest.sequence_length);
  uint64_t samples = 0;
  for (const ShardEntry& shard : manifest.shards) samples += shard.samples;
  print("training    {} samples, {:.2f} M tokens, {} shard{}\n", samples,
        static_cast<double>(manifest.totals.train_tokens) / 1e6, manifest.shards.size(),
        manifest.shards.size() == 1 ? "" : "s");
  if (manifest.heldout) {
    print("held out    {} samples, {:.2f} M tokens\n", manifest.heldout->samples,
          static_cast<double>(manifest.totals.heldout_tokens) / 1e6);
  }
}

void print_left_out(const std::vector<LeftOut>& left_out) {
  constexpr size_t kMostShown = 12;
  for (const LeftOut& entry : left_out | std::views::take(kMostShown)) {
    print("left out    {}: {}\n", printable(entry.path.string()), entry.reason);
  }
  if (left_out.size() > kMostShown) print("left out    {} more\n", left_out.size() - kMostShown);
}

Status run_prepare(const PrepareOptions& options) {
  catch_stop_signals();
  TRY(refuse_own_file(options.out));
  const Stopwatch watch;
  const Result<PrepareReport> report = prepare_with_progress(options);
  if (!report) return std::unexpected(report.error());
  print_manifest(report->manifest);
  print("manifest    {}\n", report->manifest_hash.hex());
  print_left_out(report->left_out);
  if (const auto warning = tokenizer_warning(*report)) tell(fmt::format("warning: {}\n", *warning));
  if (const uint64_t held_out = report->manifest.heldout->samples; held_out < options.held_out_samples) {
    tell(fmt::format("warning: {} held-out samples instead of {}: they take at most a quarter of the text\n",
                     held_out, options.held_out_samples));
  }
  if (report->bad_lines_skipped > 0) print("skipped     {} unusable lines\n", report->bad_lines_skipped);
  if (report->tokens_dropped > 0) print("left over   {} tokens\n", report->tokens_dropped);
  print("written     {} in {:.1f} s\n", options.out.string(), watch.seconds());
  return {};
}

// A data set to be looked at, in a folder or at an address. What comes from an address lies in a folder of
// the system's for temporary files, until this goes away.
struct LookedAt {
  std::unique_ptr<WorkFolder> cache;  // of an address
  std::shared_ptr<const ShardSource> shards;
  std::optional<DataManifest> manifest;        // nullopt: a folder without one
  std::shared_ptr<const Tokenizer> tokenizer;  // nullptr: there is none, or it can't be used
};

Result<DataManifest> manifest_at(const std::string& address) {
  static const SystemClock clock;
  TRY_ASSIGN(const DataPlace place, open_data_place(address, {.is_cancelled = stop_requested}, clock));
  TRY_ASSIGN(const Bytes text, place.store->get(place.objects.bucket, place.objects.key_of(kManifestFile),
                                                kMaxDataManifestBytes));
  return parse_manifest(as_text(text));
}

Result<LookedAt> look_at_address(const std::string& address) {
  catch_stop_signals();
  LookedAt found;
  TRY_ASSIGN(found.cache, WorkFolder::create());
  // One byte: what is not in use any more goes.
  TRY_ASSIGN(OpenedData opened,
             open_any_data({.data = address, .cache_folder = found.cache->path, .cache_bytes = 1}));
  found.shards = std::move(opened.shards);
  found.tokenizer = std::move(opened.tokenizer);
  TRY_ASSIGN(found.manifest, manifest_at(address));
  return found;
}

Result<LookedAt> look_at_folder(const std::string& folder, uint64_t sequence_length) {
  LookedAt found;
  TRY_ASSIGN(found.shards, open_data_folder(folder, {.sequence_length = sequence_length}));
  if (!found.shards->manifest_hash()) return found;
  TRY_ASSIGN(found.manifest, read_manifest(folder));
  auto tokenizer = open_data_tokenizer(folder);
  if (tokenizer) {
    found.tokenizer = *std::move(tokenizer);
  } else {
    tell(fmt::format("warning: {}\n", presentable(tokenizer.error().message)));
  }
  return found;
}

std::string sample_text(const LookedAt& data, std::span<const uint32_t> sample) {
  if (data.tokenizer) return printable(data.tokenizer->decode(sample));
  std::string ids;
  for (const uint32_t id : sample) ids += fmt::format("{} ", id);
  return ids;
}

struct ShowOptions {
  std::string folder;
  uint64_t sequence_length = 0;
  uint64_t shard = 0;
  uint64_t sample = 0;
};

Status run_show(const ShowOptions& options) {
  TRY_ASSIGN(const LookedAt data, is_data_address(options.folder)
                                      ? look_at_address(options.folder)
                                      : look_at_folder(options.folder, options.sequence_length));
  const auto& source = data.shards;
  if (options.shard >= source->shard_count()) {
    return fatal_error(fmt::format("shard {} of {} does not exist", options.shard, source->shard_count()));
  }
  TRY_ASSIGN(const Shard shard, source->open_shard(options.shard));
  if (options.sample >= shard.sample_count()) {
    return fatal_error(fmt::format("sample {} of {} does not exist", options.sample, shard.sample_count()));
  }
  if (data.manifest) {
    print_manifest(*data.manifest);
    print("manifest    {}\n", source->manifest_hash()->hex());
  } else {
    print("no manifest; {} shards, samples of {} tokens\n", source->shard_count(), source->sequence_length());
  }
  print("\nshard {}, sample {}, id {:016x}:\n{}\n", options.shard, options.sample,
        shard.sample_id(options.sample), sample_text(data, shard.sample(options.sample)));
  return {};
}

// Each file is fetched and held against the manifest, and goes again.
Status verify_address(const std::string& address) {
  TRY_ASSIGN(const LookedAt data, look_at_address(address));
  const uint64_t count = data.shards->shard_count();
  ProgressLine line;
  for (uint64_t shard = 0; shard < count; ++shard) {
    line.show([&] { return fmt::format("checked {} of {} shards", shard, count); });
    TRY(data.shards->open_shard(shard));
    if (stop_requested()) return fatal_error("interrupted while the data set was checked");
  }
  if (data.manifest->heldout) TRY(data.shards->open_heldout());
  return {};
}

Status run_verify(const std::string& folder) {
  const Stopwatch watch;
  if (is_data_address(folder)) {
    TRY(verify_address(folder));
    print("{}: every file is as the manifest says\n", folder);
    return {};
  }
  TRY(verify_data_folder(folder, [&](const std::string& file) {
    if (watch.seconds() > 2) tell(fmt::format("checking {}\n", file));
  }));
  print("{}: every file is as the manifest says\n", folder);
  return {};
}

void add_prepare(Verb& data) {
  auto options = std::make_shared<PrepareOptions>();
  Verb verb = data.add_verb("prepare", "Turn text into token shards with a held-out part");
  verb.add_options(
      {{"inputs",
        &options->inputs,
        "Files, folders (taken recursively, hidden names left out), or - for standard input; gzip and zstd "
        "are decompressed, UTF-16 and UTF-32 with a byte order mark converted",
        {.required = true}},
       {"--out",
        &options->out,
        "Folder for the data set; a finished one that is there is replaced",
        {.required = true}},
       {"--sequence-length",
        &options->sequence_length,
        "Tokens of a sample, as the run's inner.sequence_length",
        {.required = true}},
       {"--tokenizer",
        &options->tokenizer,
        "bytes, sentencepiece:FILE, huggingface:PATH (a tokenizer.json or its folder), or train:VOCAB",
        {.shows_default = true}},
       {"--shard-samples", &options->shard_samples, "Samples of a shard", {.shows_default = true}},
       {"--held-out-fraction",
        &options->held_out_fraction,
        "Share of the documents (of large plain files: of their sections) that is held out",
        {.shows_default = true}},
       {"--held-out-samples", &options->held_out_samples,
        "Hold out this many samples instead of a share, but no more than a quarter of a small text"},
       {"--max-bytes", &options->max_bytes, "Take only so much text, e.g. 16MB", {.is_size = true}},
       {"--extensions",
        &options->extensions,
        "Take only these files of a folder, as in h,hpp,c,cc",
        {.is_comma_separated = true, .takes_next_only = true}},
       {"--jsonl-field", &options->jsonl_field, "The inputs are JSON lines with the text in this field"},
       {"--skip-bad-lines", &options->skip_bad_lines, "Count unusable JSON lines instead of failing"},
       {"--seed",
        &options->seed,
        "Order of the files and choice of the held-out documents",
        {.shows_default = true}}});
  verb.runs([options] { return run_prepare(*options); });
}

void add_show(Verb& data) {
  auto options = std::make_shared<ShowOptions>();
  Verb verb = data.add_verb("show", "Summarise a data set and print one of its samples");
  verb.add_options(
      {{"folder", &options->folder, kDataHelp, {.required = true}},
       {"--sequence-length", &options->sequence_length, "Tokens of a sample, where there is no manifest"},
       {"--shard", &options->shard, "Which shard", {.shows_default = true}},
       {"--sample", &options->sample, "Which of its samples", {.shows_default = true}}});
  verb.runs([options] { return run_show(*options); });
}

void add_verify(Verb& data) {
  auto folder = std::make_shared<std::string>();
  Verb verb = data.add_verb("verify", "Compare every file of a data set with its manifest");
  verb.add_options({{"folder", folder.get(), kDataHelp, {.required = true}}});
  verb.runs([folder] { return run_verify(*folder); });
}

}  // namespace

void add_data_command(Verb program) {
  Verb data = program.add_verb("data", "Prepare, show, verify and upload training data");
  add_prepare(data);
  add_show(data);
  add_verify(data);
  add_data_push_command(data);
}

}  // namespace templar
