#include "adapters/corpus/prepare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "adapters/corpus/byte_source.h"
#include "adapters/corpus/data_publisher.h"
#include "adapters/corpus/held_out_split.h"
#include "adapters/corpus/input_files.h"
#include "adapters/corpus/sample_writer.h"
#include "adapters/corpus/sections.h"
#include "adapters/corpus/text_encoding.h"
#include "adapters/corpus/text_reader.h"
#include "adapters/shards/data_folder.h"
#include "adapters/shards/data_manifest.h"
#include "adapters/tokenizers/hugging_face_tokenizer.h"
#include "adapters/tokenizers/sentencepiece_tokenizer.h"
#include "base/files/file.h"
#include "base/utf8.h"

namespace templar {
namespace {

using Stage = PrepareProgress::Stage;

constexpr uint64_t kMaxHeldOutSamples = uint64_t{1} << 20;
constexpr size_t kTrainingTextBytes = 4 << 20;  // what a tokenizer is trained on
// What a data folder keeps of a tokenizer's files.
constexpr std::array<std::string_view, 2> kModelFiles = {"tokenizer.model", "tokenizer.json"};

Status check_options(const PrepareOptions& options) {
  if (options.inputs.empty()) return fatal_error("no input: name files, folders or - for standard input");
  if (options.sequence_length < 1 || options.sequence_length > kMaxSequenceLength) {
    return fatal_error(
        fmt::format("sequence length {} is not in 1 .. {}", options.sequence_length, kMaxSequenceLength));
  }
  for (const std::string& input : options.inputs) {
    std::error_code error;
    if (std::filesystem::equivalent(input, options.out, error) && !error)
      return fatal_error(options.out.string() + ": is an input too; choose another folder for the result");
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
  const size_t colon = std::min(tokenizer.find(':'), tokenizer.size());
  const std::string kind = tokenizer.substr(0, colon);
  const std::string path = tokenizer.substr(std::min(colon + 1, tokenizer.size()));
  if (tokenizer == "bytes") return make_byte_tokenizer();
  if (kind == "sentencepiece" && !path.empty()) return load_sentencepiece_tokenizer(path);
  if (kind == "huggingface" && !path.empty()) return load_hugging_face_tokenizer(path);
  return fatal_error("tokenizer " + tokenizer +
                     " is unknown: bytes, sentencepiece:FILE, huggingface:PATH or train:VOCAB");
}

std::string describe_source(const PrepareOptions& options) {
  std::string text = fmt::format("{}", fmt::join(options.inputs, ", "));
  if (!options.extensions.empty())
    text += fmt::format("; extensions {}", fmt::join(options.extensions, ", "));
  if (!options.jsonl_field.empty()) text += fmt::format("; JSON lines, field {}", options.jsonl_field);
  if (options.max_bytes != 0) text += fmt::format("; at most {} bytes of text", options.max_bytes);
  return text;
}

bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
std::string_view without_spaces(std::string_view text, bool at_start, bool at_end) {
  while (at_start && !text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (at_end && !text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// The first place where a text came back from the tokenizer as another one, with some characters around it.
// nullopt if it came back whole. At the section's ends within its document an id may reach over the border,
// and a space that the tokenizer adds to a beginning goes with one that was there: spaces don't count there.
std::optional<TextChange> change_of(const Section& section, std::string_view decoded) {
  constexpr size_t kShownBytes = 24;
  const bool is_first = section.before.empty();
  const bool is_last = section.place.ends_document;
  const std::string_view text = without_spaces(section.text, !is_first, !is_last);
  decoded = without_spaces(decoded, !is_first, !is_last);
  if (text == decoded) return std::nullopt;
  const auto differs = static_cast<size_t>(std::ranges::mismatch(text, decoded).in1 - text.begin());
  size_t start = differs - std::min(differs, kShownBytes / 3);
  while (start > 0 && start < text.size() && continues_character(text[start])) --start;
  return TextChange{.before = std::string(beginning_of(text.substr(start), kShownBytes)),
                    .after = std::string(beginning_of(decoded.substr(start), kShownBytes))};
}

class Preparation {
 public:
  Preparation(const PrepareOptions& options, const PrepareCallback& callback, std::filesystem::path staging)
      : options_(options),
        callback_(callback),
        staging_(std::move(staging)),
        reader_options_{options.jsonl_field, options.skip_bad_lines},
        cutter_([this](Section section) { return take_section(std::move(section)); }),
        train_({.folder = staging_,
                .sequence_length = options.sequence_length,
                .shard_samples = options.shard_samples,
                .file_name = train_file_name,
                .ids_file_name = ids_file_name}),
        heldout_({.folder = staging_,
                  .sequence_length = options.sequence_length,
                  .shard_samples = UINT64_MAX,
                  .max_samples = options.held_out_samples,
                  .file_name = [](uint64_t index) { return fmt::format("heldout_{:06}.npy", index); },
                  .ids_file_name = [](uint64_t index) { return fmt::format("heldout_ids_{:06}.npy", index); },
                  .bytes_file_name = "heldout_bytes_000000.npy"}),
        split_(
            rule_of(options), [this](const TokenRun& run) { return train_documents_->add(run); },
            [this](const TokenRun& run) { return heldout_documents_->add(run); }) {}

  [[nodiscard]] Result<PrepareReport> run() {
    TRY_ASSIGN(const std::optional<uint64_t> vocabulary, vocabulary_to_train(options_.tokenizer));
    if (!vocabulary) {
      TRY_ASSIGN(auto tokenizer, open_tokenizer(options_.tokenizer));
      set_tokenizer(std::move(tokenizer));
    }
    TRY_ASSIGN(InputListing listing,
               list_input_files(options_.inputs, {input_extensions(), options_.out, options_.seed}));
    result_.left_out = std::move(listing.left_out);
    TRY(read_files(listing.files));
    std::ranges::stable_partition(result_.left_out,
                                  [](const LeftOut& entry) { return entry.reason != "hidden"; });
    TRY(cutter_.finish());
    if (totals_.text_bytes == 0) return no_text();
    if (!tokenizer_) TRY(train_tokenizer());
    TRY(split_.finish());
    TRY(train_documents_->finish());
    TRY(heldout_documents_->finish());
    return finish();
  }

 private:
  static HeldOutRule rule_of(const PrepareOptions& options) {
    HeldOutRule rule{.fraction = 0,
                     .wanted_tokens = options.held_out_samples * options.sequence_length,
                     .least_tokens = options.sequence_length};
    if (options.held_out_samples == 0) {
      rule.fraction = options.held_out_fraction;
      rule.wanted_tokens = options.sequence_length;
    }
    return rule;
  }

  [[nodiscard]] std::vector<std::string> input_extensions() const {
    if (!options_.extensions.empty() || options_.jsonl_field.empty()) return options_.extensions;
    return {"jsonl", "ndjson", "json"};
  }

  void set_tokenizer(std::unique_ptr<Tokenizer> tokenizer) {
    tokenizer_ = std::move(tokenizer);
    const auto writing_to = [](SampleWriter& writer) {
      return [&writer](const TokenRun& run) { return writer.append(run.tokens, run.source_bytes); };
    };
    train_documents_.emplace(tokenizer_->separator_id(), writing_to(train_));
    heldout_documents_.emplace(tokenizer_->separator_id(), writing_to(heldout_));
  }

  // Of what was read, so much has been worked up.
  [[nodiscard]] Status report(Stage stage) {
    progress_.stage = stage;
    progress_.documents = totals_.documents;
    progress_.tokens = (train_.samples() + heldout_.samples()) * options_.sequence_length;
    const double share = totals_.text_bytes == 0
                             ? 1
                             : static_cast<double>(encoded_bytes_) / static_cast<double>(totals_.text_bytes);
    progress_.bytes_read = static_cast<uint64_t>(static_cast<double>(raw_bytes_) * share);
    if (callback_ && !callback_(progress_)) return fatal_error("interrupted: nothing was kept");
    return {};
  }

  [[nodiscard]] Status read_files(const std::vector<InputFile>& files) {
    uint64_t total = 0;
    for (const InputFile& file : files) total += file.size_bytes;
    const bool is_known = std::ranges::none_of(files, [](const InputFile& file) { return file.is_stream; });
    if (options_.max_bytes != 0) total = std::min(total, options_.max_bytes);
    progress_.bytes_total = is_known ? total : 0;
    for (const InputFile& file : files) {
      const Result<bool> wants_more = read_file_text(file);
      if (!wants_more && wants_more.error().kind == ErrorKind::kSkip) {
        result_.left_out.push_back({file.path, wants_more.error().message});
        continue;
      }
      if (!wants_more) return std::unexpected(wants_more.error());
      ++result_.files;
      if (!*wants_more) break;
    }
    return {};
  }

  // Fails (skip), with the reason, where the file is of a kind that is not read.
  [[nodiscard]] Result<bool> read_file_text(const InputFile& file) {
    TRY_ASSIGN(std::unique_ptr<ByteSource> bytes,
               file.is_standard_input() ? open_standard_input() : open_byte_source(file.path));
    TRY_ASSIGN(const std::unique_ptr<ByteSource> source, as_utf8(std::move(bytes)));
    const uint64_t before = raw_bytes_;
    const std::string name = file.is_standard_input() ? "standard input" : file.path.string();
    TRY_ASSIGN(const bool wants_more, read_text(*source, name, reader_options_, result_.bad_lines_skipped,
                                                [&](std::string_view text, bool ends_document) {
                                                  raw_bytes_ = before + source->raw_bytes();
                                                  return add_text(text, ends_document);
                                                }));
    raw_bytes_ = before + source->raw_bytes();
    TRY(report(Stage::kReading));
    return wants_more;
  }

  [[nodiscard]] Result<bool> add_text(std::string_view text, bool ends_document) {
    bool has_enough = false;
    if (options_.max_bytes != 0) {
      const uint64_t left = options_.max_bytes - totals_.text_bytes;
      has_enough = text.size() >= left;
      if (has_enough) text = beginning_of(text, left);
    }
    totals_.text_bytes += text.size();
    ends_document = ends_document || has_enough;
    totals_.documents += ends_document ? 1 : 0;
    TRY(report(Stage::kReading));
    bool wants_more = true;
    if (options_.jsonl_field.empty()) {
      TRY_ASSIGN(wants_more, cutter_.add(text, ends_document));
    } else if (!text.empty()) {
      // A line's text is a document, whatever its length.
      const SectionPlace place{.document = totals_.documents, .ends_document = true};
      TRY_ASSIGN(wants_more, take_section({.text = std::string(text), .place = place}));
    }
    return wants_more && !has_enough;
  }

  [[nodiscard]] Result<bool> take_section(Section section) {
    if (tokenizer_) {
      TRY(encode(section));
    } else {
      TRY(keep_for_training(std::move(section)));
    }
    return true;
  }

  [[nodiscard]] Status keep_for_training(Section section) {
    waiting_bytes_ += section.text.size();
    waiting_.push_back(std::move(section));
    return waiting_bytes_ < kTrainingTextBytes ? Status{} : train_tokenizer();
  }

  // On the text that has been read so far, but for the sections that will be held out; then encodes it.
  [[nodiscard]] Status train_tokenizer() {
    TRY(report(Stage::kTrainingTokenizer));
    std::vector<std::string> texts;
    for (const Section& section : waiting_) {
      if (!split_.is_below_fraction(held_out_draw(options_.seed, section.text)))
        texts.push_back(section.text);
    }
    TRY_ASSIGN(const std::optional<uint64_t> vocabulary, vocabulary_to_train(options_.tokenizer));
    TRY_ASSIGN(const Bytes model, train_sentencepiece_model(texts, vocabulary.value_or(0)));
    TRY_ASSIGN(auto tokenizer, make_sentencepiece_tokenizer(model, "the trained tokenizer"));
    set_tokenizer(std::move(tokenizer));
    const std::vector<Section> sections = std::exchange(waiting_, {});
    for (const Section& section : sections) TRY(encode(section));
    return {};
  }

  [[nodiscard]] Status encode(const Section& section) {
    EncodedText encoded = tokenizer_->encode_part(section.before, section.text, section.after);
    if (auto change = change_of(section, tokenizer_->decode(encoded.ids))) {
      // Sections of one document come one after the other.
      if (changed_document_ != section.place.document) ++result_.changed_documents;
      changed_document_ = section.place.document;
      if (!result_.change) result_.change = std::move(change);
    }
    encoded_bytes_ += section.text.size();
    TRY(report(Stage::kReading));
    return split_.add(held_out_draw(options_.seed, section.text),
                      {std::move(encoded.ids), std::move(encoded.source_bytes), section.place});
  }

  [[nodiscard]] std::unexpected<Error> no_text() const {
    std::string why =
        fmt::format("no text found in {} ({} files read", fmt::join(options_.inputs, ", "), result_.files);
    if (!result_.left_out.empty()) {
      why += fmt::format("; {} left out, such as {}: {}", result_.left_out.size(),
                         result_.left_out.front().path.string(), result_.left_out.front().reason);
    }
    if (result_.bad_lines_skipped > 0) why += fmt::format("; {} unusable lines", result_.bad_lines_skipped);
    return fatal_error(why + ")");
  }

  // Both sides need a sample, and the held-out one takes at most a quarter.
  [[nodiscard]] std::unexpected<Error> too_little_text() const {
    constexpr uint64_t kSamples = 5;
    const uint64_t tokens = (train_.samples() + heldout_.samples()) * options_.sequence_length +
                            train_.dropped_tokens() + heldout_.dropped_tokens();
    const double bytes_per_token =
        static_cast<double>(totals_.text_bytes) / static_cast<double>(std::max<uint64_t>(tokens, 1));
    const auto needed =
        static_cast<uint64_t>(bytes_per_token * static_cast<double>(kSamples * options_.sequence_length)) +
        4 * SectionCutter::kSmallestSection;
    std::string why = fmt::format(
        "too little text in {}: its {} bytes give {} training and {} held-out samples of {} tokens, "
        "and one of each is needed",
        fmt::join(options_.inputs, ", "), totals_.text_bytes, train_.samples(), heldout_.samples(),
        options_.sequence_length);
    if (needed > totals_.text_bytes)
      why += fmt::format("; give at least {} bytes of such text, or choose a shorter sequence", needed);
    if (!options_.jsonl_field.empty()) {
      why += fmt::format(", in several documents (there {} {}): one is held out whole or not at all",
                         totals_.documents == 1 ? "is" : "are", totals_.documents);
    }
    return fatal_error(why);
  }

  [[nodiscard]] Result<PrepareReport> finish() {
    if (train_.samples() == 0 || heldout_.samples() == 0) return too_little_text();
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
    result_.tokens_dropped = train_.dropped_tokens() + heldout_.dropped_tokens();
    TRY(report(Stage::kHashing));
    return std::move(result_);
  }

  [[nodiscard]] Status write_tokenizer(DataManifest& manifest) const {
    manifest.tokenizer = tokenizer_->name();
    manifest.vocab_size = tokenizer_->vocab_size();
    for (const TokenizerFile& file : tokenizer_->files()) {
      if (tokenizer_->name() == "bytes" || std::ranges::find(kModelFiles, file.name) == kModelFiles.end())
        continue;
      TRY(write_file_atomically(staging_ / file.name, file.content));
      manifest.tokenizer_file = file.name;
      manifest.tokenizer_hash = blake2b_256(file.content);
    }
    if (tokenizer_->name() == "huggingface") manifest.separator = tokenizer_->separator_id();
    return {};
  }

  const PrepareOptions& options_;
  const PrepareCallback& callback_;
  std::filesystem::path staging_;
  TextReaderOptions reader_options_;
  SectionCutter cutter_;
  SampleWriter train_;
  SampleWriter heldout_;
  HeldOutSplit split_;
  // From the moment on at which there is a tokenizer.
  std::unique_ptr<Tokenizer> tokenizer_;
  std::optional<DocumentJoiner> train_documents_;
  std::optional<DocumentJoiner> heldout_documents_;
  uint64_t raw_bytes_ = 0;                    // of the files
  uint64_t encoded_bytes_ = 0;                // of the text
  std::optional<uint64_t> changed_document_;  // the last one that the tokenizer changed
  PrepareProgress progress_;
  DataTotals totals_;
  PrepareReport result_;
  std::vector<Section> waiting_;  // read before there was a tokenizer
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
