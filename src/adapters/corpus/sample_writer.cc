#include "adapters/corpus/sample_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <system_error>
#include <utility>

#include "adapters/shards/file_hash.h"
#include "adapters/shards/npy.h"
#include "base/check.h"
#include "base/hash.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

template <typename T>
Status append_file(NpyWriter& to, const Result<NpyArray<T>>& from) {
  if (!from) return std::unexpected(from.error());
  return to.append(from->values);
}

Status replace_file(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) return fatal_error(to.string() + ": " + error.message());
  return {};
}

// first := first and second, end to end; second is removed.
template <typename Open>
Status join_files(const fs::path& first, const fs::path& second, NpyType type, const Open& open) {
  const fs::path joined = first.string() + ".joined";
  TRY_ASSIGN(NpyWriter writer, NpyWriter::create(joined, type));
  TRY(append_file(writer, open(first)));
  TRY(append_file(writer, open(second)));
  TRY(writer.finish());
  TRY(replace_file(joined, first));
  std::error_code error;
  fs::remove(second, error);
  if (error) return fatal_error(second.string() + ": " + error.message());
  return {};
}

}  // namespace

uint64_t SampleWriter::sample_id(std::span<const uint32_t> sample) const {
  std::array<uint8_t, 16> digest{};
  // The first name stands for the whole series of shards.
  Blake2b(digest.size())
      .update(as_bytes(sample))
      .update_value(samples_)
      .update(as_bytes(options_.file_name(0)))
      .finish(digest);
  uint64_t id;
  std::memcpy(&id, digest.data(), sizeof(id));
  return id;
}

Status SampleWriter::open_shard() {
  const uint64_t index = shard_sizes_.size();
  if (!options_.bytes_file_name.empty()) {
    CHECK(index == 0);
    TRY_ASSIGN(source_bytes_, NpyWriter::create(options_.folder / options_.bytes_file_name, NpyType::kU64));
  }
  TRY_ASSIGN(tokens_, NpyWriter::create(options_.folder / options_.file_name(index), NpyType::kU32));
  TRY_ASSIGN(ids_, NpyWriter::create(options_.folder / options_.ids_file_name(index), NpyType::kU64));
  return {};
}

Status SampleWriter::close_shard() {
  if (!tokens_) return {};
  shard_sizes_.push_back(ids_->count());
  TRY(tokens_->finish());
  TRY(ids_->finish());
  if (source_bytes_) TRY(source_bytes_->finish());
  source_bytes_.reset();
  tokens_.reset();
  ids_.reset();
  return {};
}

Status SampleWriter::write_sample() {
  if (!tokens_) TRY(open_shard());
  const uint64_t id = sample_id(partial_);
  TRY(tokens_->append(partial_));
  TRY(ids_->append(std::span(&id, 1)));
  if (source_bytes_) TRY(source_bytes_->append(std::span<const uint64_t>(&partial_bytes_, 1)));
  partial_.clear();
  partial_bytes_ = 0;
  ++samples_;
  return ids_->count() == options_.shard_samples ? close_shard() : Status{};
}

Status SampleWriter::append(std::span<const uint32_t> tokens, std::span<const uint32_t> source_bytes) {
  const uint64_t length = options_.sequence_length;
  CHECK(length >= 1 && options_.shard_samples >= 1 && source_bytes.size() == tokens.size());
  while (!tokens.empty()) {
    if (options_.max_samples != 0 && samples_ == options_.max_samples) {
      dropped_tokens_ += tokens.size();
      return {};
    }
    const size_t taken = std::min<size_t>(length - partial_.size(), tokens.size());
    const auto counted = source_bytes.first(taken).subspan(partial_.empty() ? 1 : 0);
    partial_bytes_ = std::accumulate(counted.begin(), counted.end(), partial_bytes_);
    partial_.insert(partial_.end(), tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(taken));
    tokens = tokens.subspan(taken);
    source_bytes = source_bytes.subspan(taken);
    if (partial_.size() == length) TRY(write_sample());
  }
  return {};
}

Status SampleWriter::join_last_shard() {
  const uint64_t last = shard_sizes_.size() - 1;
  const auto path = [this](const auto& name, uint64_t index) { return options_.folder / name(index); };
  TRY(join_files(path(options_.file_name, last - 1), path(options_.file_name, last), NpyType::kU32,
                 open_npy_u32));
  TRY(join_files(path(options_.ids_file_name, last - 1), path(options_.ids_file_name, last), NpyType::kU64,
                 open_npy_u64));
  shard_sizes_[last - 1] += shard_sizes_[last];
  shard_sizes_.pop_back();
  return {};
}

Result<std::vector<ShardEntry>> SampleWriter::finish(const std::function<void()>& hashing) {
  TRY(close_shard());
  if (shard_sizes_.size() >= 2 && shard_sizes_.back() * 2 < options_.shard_samples) TRY(join_last_shard());
  std::vector<ShardEntry> entries;
  for (uint64_t index = 0; index < shard_sizes_.size(); ++index) {
    if (hashing) hashing();
    ShardEntry entry{.file = options_.file_name(index),
                     .ids_file = options_.ids_file_name(index),
                     .samples = shard_sizes_[index],
                     .bytes_file = options_.bytes_file_name};
    TRY_ASSIGN(entry.file_hash, hash_file(options_.folder / entry.file));
    TRY_ASSIGN(entry.ids_hash, hash_file(options_.folder / entry.ids_file));
    if (!entry.bytes_file.empty()) {
      TRY_ASSIGN(entry.bytes_hash, hash_file(options_.folder / entry.bytes_file));
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace templar
