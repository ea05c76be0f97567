#include "formats/export/checkpoint_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "formats/checkpoint/checkpoint_diff.h"
#include "formats/checkpoint/checkpoint_loader.h"

namespace templar {
namespace {

constexpr uint64_t kMaxTokenizerBytes = uint64_t{256} << 20;

std::unexpected<Error> source_error(const CheckpointFiles& files, const std::string& what) {
  return skip_error(files.where + ": " + what);
}

Status check_files(const CheckpointFiles& files, const CheckpointManifest& manifest,
                   const ExportProgress& progress) {
  uint64_t total = 0;
  for (const CheckpointFile& file : manifest.files) total += file.size_bytes;
  const ByteSink sink = with_progress([](ByteView) { return Status(); }, progress, total);
  for (const CheckpointFile& file : manifest.files) TRY(read_checked(files, file, sink));
  return {};
}

Result<Bytes> read_small(const CheckpointFiles& files, const CheckpointFile& file, uint64_t max_bytes) {
  if (file.size_bytes > max_bytes) {
    return source_error(
        files, fmt::format("{}: {} bytes, at most {} are read", file.name, file.size_bytes, max_bytes));
  }
  Bytes content(file.size_bytes);
  TRY(files.read(file.name, 0, content));
  return content;
}

Result<std::vector<TokenizerFile>> read_tokenizer(const CheckpointFiles& files,
                                                  const CheckpointManifest& manifest) {
  std::vector<TokenizerFile> tokenizer;
  for (const CheckpointFile& file : manifest.files) {
    if (!file.name.starts_with("tokenizer")) continue;
    TRY_ASSIGN(Bytes content, read_small(files, file, kMaxTokenizerBytes));
    tokenizer.push_back({file.name, std::move(content)});
  }
  return tokenizer;
}

// Reads one parameter after the other into the same memory.
class ParameterReader {
 public:
  ParameterReader(CheckpointFiles files, ParameterLayout layout, const std::vector<TensorPlace>& places)
      : files_(std::move(files)), layout_(std::move(layout)) {
    for (const TensorPlace& place : places) places_.emplace_back(place.file->name, place.offset);
  }

  [[nodiscard]] Result<std::span<const float>> read(size_t parameter) {
    values_.resize(layout_[parameter].count());
    const auto& [name, offset] = places_[parameter];
    TRY(files_.read(name, offset,
                    {reinterpret_cast<uint8_t*>(values_.data()), values_.size() * sizeof(float)}));
    return std::span<const float>(values_);
  }

 private:
  CheckpointFiles files_;
  ParameterLayout layout_;
  std::vector<std::pair<std::string, uint64_t>> places_;  // file and offset in it
  std::vector<float> values_;
};

}  // namespace

Result<CheckpointSource> open_checkpoint(CheckpointFiles files, const ExportProgress& progress) {
  CheckpointSource source;
  TRY_ASSIGN(source.manifest, read_manifest(files));
  TRY(check_files(files, source.manifest, progress));
  TRY_ASSIGN(source.spec, read_run_spec(files, source.manifest));
  source.model.name = source.spec.name;
  source.model.model = source.spec.model;
  source.model.sequence_length = source.spec.inner.sequence_length;
  TRY_ASSIGN(source.model.tokenizer, read_tokenizer(files, source.manifest));
  const ParameterLayout layout = parameter_layout(source.spec.model);
  TRY_ASSIGN(const std::vector<TensorPlace> places, locate_tensors(files, source.manifest, layout));
  const auto reader = std::make_shared<ParameterReader>(std::move(files), layout, places);
  source.model.read = [reader](size_t parameter) { return reader->read(parameter); };
  return source;
}

}  // namespace templar
