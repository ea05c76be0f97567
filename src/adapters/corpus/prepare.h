// Text in, token shards out: the whole of `templar data prepare`, as a function that `templar localnet` calls
// too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "adapters/corpus/input_files.h"
#include "adapters/shards/data_manifest.h"
#include "base/result.h"

namespace templar {

struct PrepareOptions {
  std::vector<std::string> inputs;  // files, folders, "-" for standard input; .gz and .zst are decompressed
  std::filesystem::path out;
  std::string tokenizer = "bytes";  // bytes | sentencepiece:FILE | huggingface:PATH | train:VOCAB
  uint64_t sequence_length = 0;     // no default: the run decides
  // Samples of a shard; the last of several holds between half and one and a half times as many.
  uint64_t shard_samples = 65536;
  // Share of the documents, or of the sections of large files, chosen by their hash, that no shard contains.
  double held_out_fraction = 0.05;
  // Instead of the share, this many samples, but not more than a quarter of a small text; 0: the share
  // decides.
  uint64_t held_out_samples = 0;
  uint64_t max_bytes = 0;  // stop after this much text, between characters; 0: all of it
  // Of a folder's files, without dot, in any case. Empty: all, or with a jsonl_field jsonl, ndjson and json.
  std::vector<std::string> extensions;
  // Every input is JSON lines and the text is in this field: a line is a document. Empty: plain text, a file
  // is a document.
  std::string jsonl_field;
  bool skip_bad_lines = false;  // count JSON lines that can't be used instead of failing
  uint64_t seed = 0;            // order of the files, choice of the held-out documents
};

struct PrepareProgress {
  enum class Stage { kReading, kTrainingTokenizer, kHashing };
  Stage stage = Stage::kReading;
  uint64_t bytes_read = 0;   // of the files as they are on disk, compressed or not
  uint64_t bytes_total = 0;  // about what will be read; 0 where a pipe is among the inputs
  uint64_t documents = 0;
  uint64_t tokens = 0;
};
// Called often (at least once a megabyte); false stops the preparation.
using PrepareCallback = std::function<bool(const PrepareProgress&)>;

// A place where the tokenizer gives back another text than it was given, and some characters around it.
struct TextChange {
  std::string before;
  std::string after;
};

struct PrepareReport {
  DataManifest manifest;
  Hash256 manifest_hash;
  uint64_t files = 0;
  std::vector<LeftOut> left_out;  // files and folders; what is hidden comes last
  uint64_t bad_lines_skipped = 0;
  uint64_t changed_documents = 0;    // that the tokenizer doesn't give back as they were
  std::optional<TextChange> change;  // the first one
  uint64_t tokens_dropped = 0;       // at the ends, too few for a sample
};

// Streams the inputs into options.out, which is made. The same text and options give the same shards, whether
// it comes as a file, compressed, through a pipe or through standard input. Ids are those of whole documents,
// with a separator behind each, and one where a document breaks off because its next section is on the other
// side. Memory: the first 64 MiB of plain text, the held-out tokens and a document of JSON lines, whatever
// the corpus' size, and the list of file names. What is there before (a finished data set) stays until the
// new one is complete, and is then replaced; other files in the folder are left alone. Fails (fatal) with a
// message for people, and leaves no data set that looks complete: missing input, no text found, text too
// small for one training and one held-out sample, invalid JSON line, damaged compressed file, unwritable
// folder, full disk, stopped by the callback.
[[nodiscard]] Result<PrepareReport> prepare_data(const PrepareOptions& options,
                                                 const PrepareCallback& progress = {});

}  // namespace templar
