#include "adapters/corpus/prepare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>

#include "adapters/corpus/byte_source.h"
#include "adapters/corpus/data_publisher.h"
#include "adapters/corpus/held_out_split.h"
#include "adapters/corpus/input_files.h"
#include "adapters/corpus/sample_writer.h"
#include "adapters/corpus/text_reader.h"
#include "adapters/shards/data_folder.h"
#include "adapters/shards/data_manifest.h"
#include "adapters/tokenizers/sentencepiece_tokenizer.h"
#include "base/files/file.h"

namespace templar {
namespace {

using Stage = PrepareProgress::Stage;

constexpr uint64_t kMaxHeldOutSamples = uint64_t{1} << 20;
constexpr size_t kTrainingTextBytes = 4 << 20;  // what a tokenizer is trained on
constexpr size_t kEncodeBytes = 64 << 10;   // SentencePiece needs a hundred times its text's size in memory
constexpr uint64_t kSectionsOfCorpus = 64;  // a document is at most this part of a small corpus
constexpr size_t kSmallestSection = 4 << 10;
constexpr size_t kLargestSection = 1 << 20;
constexpr std::string_view kModelFile = "tokenizer.model";

Status check_options(const PrepareOptions& options) {
  if (options.inputs.empty()) return fatal_error("no input: name files, folders or - for standard input");
  if (options.sequence_length < 1 || options.sequence_length > kMaxSequenceLength) {
    return fatal_error(
        fmt::format("sequence length {} is not in 1 .. {}", options.sequence_length, kMaxSequenceLength));
  }
  if (options.shard_samples < 1) return fatal_error("a shard needs at least one sample");
  if (!(options.held_out_fraction > 0 && options.held_out_fraction <= 0.5)) {
    return fatal_error(
        fmt::format("held-out fraction {} is not above 0 and at most 0.5", options.held_out_fraction));
  }
  if (options.held_out_samples > kMaxHeldOutSamples) {
    return fatal_error(
        fmt::format("{} held-out samples are more than {}", options.held_out_samples, kMaxHeldOutSamples));
  }
  return {};
}

// "train:8192" gives 8192; other settings nothing.
Result<std::optional<uint64_t>> vocabulary_to_train(const std::string& tokenizer) {
  constexpr std::string_view kPrefix = "train:";
  if (!tokenizer.starts_with(kPrefix)) return std::nullopt;
  const std::string_view digits = std::string_view(tokenizer).substr(kPrefix.size());
  uint64_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (error != std::errc() || end != digits.data() + digits.size() || size < 260 || size > 1'000'000) {
    return fatal_error("tokenizer " + tokenizer + ": the vocabulary must be a number in 260 .. 1000000");
  }
  return size;
}

Result<std::unique_ptr<Tokenizer>> open_tokenizer(const std::string& tokenizer) {
  constexpr std::string_view kPrefix = "sentencepiece:";
  if (tokenizer == "bytes") return make_byte_tokenizer();
  if (tokenizer.starts_with(kPrefix)) return load_sentencepiece_tokenizer(tokenizer.substr(kPrefix.size()));
  return fatal_error("tokenizer " + tokenizer + " is unknown: bytes, sentencepiece:FILE or train:VOCAB");
}

std::string describe_source(const PrepareOptions& options) {
  std::string text = fmt::format("{}", fmt::join(options.inputs, ", "));
  if (!options.extensions.empty())
    text += fmt::format("; extensions {}", fmt::join(options.extensions, ", "));
  if (!options.jsonl_field.empty()) text += fmt::format("; JSON lines, field {}", options.jsonl_field);
  if (options.max_bytes != 0) text += fmt::format("; at most {} bytes of text", options.max_bytes);
  return text;
}

// A document may be a whole file, unless the corpus is so small that the split would have too few to choose
// from.
size_t section_bytes(const PrepareOptions& options, uint64_t corpus_bytes) {
  if (corpus_bytes == 0) corpus_bytes = options.max_bytes == 0 ? UINT64_MAX : options.max_bytes;
  return std::clamp<uint64_t>(corpus_bytes / kSectionsOfCorpus, kSmallestSection, kLargestSection);
}

class Preparation {
 public:
  Preparation(const PrepareOptions& options, const PrepareCallback& callback, std::filesystem::path staging)
      : options_(options),
        callback_(callback),
        staging_(std::move(staging)),
        train_({staging_, options.sequence_length, options.shard_samples, 0, train_file_name, ids_file_name}),
        heldout_({staging_, options.sequence_length, UINT64_MAX, options.held_out_samples,
                  [](uint64_t index) { return fmt::format("heldout_{:06}.npy", index); },
                  [](uint64_t index) { return fmt::format("heldout_ids_{:06}.npy", index); }}),
        split_(
            rule_of(options), [this](const auto& tokens) { return train_.append(tokens); },
            [this](const auto& tokens) { return heldout_.append(tokens); }) {}

  [[nodiscard]] Result<PrepareReport> run() {
    TRY_ASSIGN(const std::optional<uint64_t> vocabulary, vocabulary_to_train(options_.tokenizer));
    if (!vocabulary) {
      TRY_ASSIGN(tokenizer_, open_tokenizer(options_.tokenizer));
    }
    TRY_ASSIGN(InputListing listing,
               list_input_files(options_.inputs, {input_extensions(), options_.out, options_.seed}));
    result_.left_out = std::move(listing.left_out);
    std::ranges::stable_partition(result_.left_out,
                                  [](const LeftOut& entry) { return entry.reason != "hidden"; });
    TRY(read_files(listing.files));
    if (!tokenizer_) TRY(train_tokenizer());
    TRY(split_.finish());
    return finish();
  }

 private:
  static HeldOutRule rule_of(const PrepareOptions& options) {
    if (options.held_out_samples != 0) return {0, options.held_out_samples * options.sequence_length};
    return {options.held_out_fraction, options.sequence_length};
  }

  [[nodiscard]] std::vector<std::string> input_extensions() const {
    if (!options_.extensions.empty() || options_.jsonl_field.empty()) return options_.extensions;
    return {"jsonl", "ndjson"};
  }

  [[nodiscard]] Status report(Stage stage) {
    progress_.stage = stage;
    progress_.tokens = (train_.samples() + heldout_.samples()) * options_.sequence_length;
    if (callback_ && !callback_(progress_)) return fatal_error("interrupted: nothing was kept");
    return {};
  }

  [[nodiscard]] Status read_files(const std::vector<InputFile>& files) {
    uint64_t total = 0;
    for (const InputFile& file : files) total += file.size_bytes;
    const bool is_known =
        std::ranges::none_of(files, [](const InputFile& file) { return file.is_standard_input(); });
    if (options_.max_bytes != 0) total = std::min(total, options_.max_bytes);
    progress_.bytes_total = is_known ? total : 0;
    reader_options_ = {section_bytes(options_, progress_.bytes_total), options_.jsonl_field,
                       options_.skip_bad_lines};
    for (const InputFile& file : files) {
      TRY_ASSIGN(const bool wants_more, read_file_text(file));
      ++result_.files;
      if (!wants_more) break;
    }
    return {};
  }

  [[nodiscard]] Result<bool> read_file_text(const InputFile& file) {
    TRY_ASSIGN(const std::unique_ptr<ByteSource> source,
               file.is_standard_input() ? open_standard_input() : open_byte_source(file.path));
    const uint64_t before = progress_.bytes_read;
    const std::string name = file.is_standard_input() ? "standard input" : file.path.string();
    TRY_ASSIGN(const bool wants_more,
               read_text(*source, name, reader_options_, counts_, [&](std::string_view section) {
                 progress_.bytes_read = before + source->raw_bytes();
                 return add_section(section);
               }));
    progress_.bytes_read = before + source->raw_bytes();
    TRY(report(Stage::kReading));
    return wants_more;
  }

  [[nodiscard]] Result<bool> add_section(std::string_view section) {
    const uint64_t left = options_.max_bytes == 0 ? UINT64_MAX : options_.max_bytes - totals_.text_bytes;
    section = section.substr(0, left);
    totals_.text_bytes += section.size();
    totals_.documents += 1;
    progress_.documents = totals_.documents;
    TRY(report(Stage::kReading));
    if (tokenizer_) {
      TRY(encode(section));
    } else {
      TRY(keep_for_training(section));
    }
    return options_.max_bytes == 0 || totals_.text_bytes < options_.max_bytes;
  }

  [[nodiscard]] Status keep_for_training(std::string_view section) {
    waiting_.emplace_back(section);
    waiting_bytes_ += section.size();
    return waiting_bytes_ < kTrainingTextBytes ? Status{} : train_tokenizer();
  }

  // On the text that has been read so far, but for the documents that will be held out; then encodes it.
  [[nodiscard]] Status train_tokenizer() {
    if (waiting_.empty()) return {};
    TRY(report(Stage::kTrainingTokenizer));
    std::vector<std::string> texts;
    for (const std::string& text : waiting_) {
      if (!split_.is_below_fraction(held_out_draw(options_.seed, text))) texts.push_back(text);
    }
    TRY_ASSIGN(const std::optional<uint64_t> vocabulary, vocabulary_to_train(options_.tokenizer));
    TRY_ASSIGN(const Bytes model, train_sentencepiece_model(texts, vocabulary.value_or(0)));
    TRY_ASSIGN(tokenizer_, make_sentencepiece_tokenizer(model, "the trained tokenizer"));
    for (const std::string& text : std::exchange(waiting_, {})) TRY(encode(text));
    return {};
  }

  [[nodiscard]] Status encode(std::string_view section) {
    const uint64_t draw = held_out_draw(options_.seed, section);
    std::vector<uint32_t> tokens;
    while (!section.empty()) {
      const std::string_view piece = section.substr(0, encode_cut(section));
      const std::vector<uint32_t> ids = tokenizer_->encode(piece);
      tokens.insert(tokens.end(), ids.begin(), ids.end());
      section.remove_prefix(piece.size());
    }
    tokens.push_back(tokenizer_->separator_id());
    return split_.add(draw, std::move(tokens));
  }

  static size_t encode_cut(std::string_view text) {
    if (text.size() <= kEncodeBytes) return text.size();
    const size_t line_end = text.substr(0, kEncodeBytes).rfind('\n');
    return line_end == std::string_view::npos ? kEncodeBytes : line_end + 1;
  }

  [[nodiscard]] Result<PrepareReport> finish() {
    if (totals_.text_bytes == 0) {
      std::string why = fmt::format("no text found in {} ({} files, {} of them binary",
                                    fmt::join(options_.inputs, ", "), result_.files, counts_.binary_files);
      if (!result_.left_out.empty()) {
        why += fmt::format("; {} left out, such as {}: {}", result_.left_out.size(),
                           result_.left_out.front().path.string(), result_.left_out.front().reason);
      }
      return fatal_error(why + ")");
    }
    if (train_.samples() == 0 || heldout_.samples() == 0) {
      return fatal_error(
          fmt::format("too little text in {}: its {} bytes give {} training and {} held-out samples of {} "
                      "tokens; at least one of each is needed",
                      fmt::join(options_.inputs, ", "), totals_.text_bytes, train_.samples(),
                      heldout_.samples(), options_.sequence_length));
    }
    DataManifest& manifest = result_.manifest;
    TRY(report(Stage::kHashing));
    TRY_ASSIGN(manifest.shards, train_.finish());
    TRY_ASSIGN(const std::vector<ShardEntry> heldout, heldout_.finish());
    manifest.heldout = heldout.front();
    manifest.sequence_length = options_.sequence_length;
    manifest.source = describe_source(options_);
    manifest.totals = totals_;
    manifest.totals.train_tokens = train_.samples() * options_.sequence_length;
    manifest.totals.heldout_tokens = heldout_.samples() * options_.sequence_length;
    TRY(write_tokenizer(manifest));
    result_.binary_files_skipped = counts_.binary_files;
    result_.bad_lines_skipped = counts_.bad_lines;
    result_.tokens_dropped = train_.dropped_tokens() + heldout_.dropped_tokens();
    TRY(report(Stage::kHashing));
    return std::move(result_);
  }

  [[nodiscard]] Status write_tokenizer(DataManifest& manifest) const {
    manifest.tokenizer = tokenizer_->name();
    manifest.vocab_size = tokenizer_->vocab_size();
    for (const TokenizerFile& file : tokenizer_->files()) {
      if (file.name != kModelFile) continue;
      TRY(write_file_atomically(staging_ / file.name, file.content));
      manifest.tokenizer_file = file.name;
      manifest.tokenizer_hash = blake2b_256(file.content);
    }
    return {};
  }

  const PrepareOptions& options_;
  const PrepareCallback& callback_;
  std::filesystem::path staging_;
  SampleWriter train_;
  SampleWriter heldout_;
  HeldOutSplit split_;
  std::unique_ptr<Tokenizer> tokenizer_;
  TextReaderOptions reader_options_;
  TextReaderCounts counts_;
  PrepareProgress progress_;
  DataTotals totals_;
  PrepareReport result_;
  std::vector<std::string> waiting_;  // read before there was a tokenizer
  size_t waiting_bytes_ = 0;
};

}  // namespace

Result<PrepareReport> prepare_data(const PrepareOptions& options, const PrepareCallback& progress) {
  TRY(check_options(options));
  TRY_ASSIGN(DataPublisher publisher, DataPublisher::start(options.out));
  Preparation preparation(options, progress, publisher.staging());
  TRY_ASSIGN(PrepareReport report, preparation.run());
  TRY_ASSIGN(report.manifest_hash, publisher.publish(report.manifest));
  return report;
}

}  // namespace templar
