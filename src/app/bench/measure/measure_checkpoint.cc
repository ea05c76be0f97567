#include "app/bench/measure/measure_checkpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "app/bench/measure/bench_model.h"
#include "app/bench/measure/memory_watch.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/files/descriptor.h"
#include "base/files/file.h"
#include "base/files/file_writer.h"
#include "core/consensus/state_root.h"
#include "formats/checkpoint/checkpoint_download.h"
#include "formats/checkpoint/checkpoint_folder.h"
#include "node/validator/start_copy.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

// What is read next comes from the disk.
Status drop_from_memory(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return file_error(path, errno);
  if (::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED) != 0) return file_error(path, errno);
  return {};
}

Status drop_folder_from_memory(const fs::path& folder) {
  TRY_ASSIGN(const std::vector<fs::path> entries, entries_of(folder));
  for (const fs::path& entry : entries) TRY(drop_from_memory(entry));
  return {};
}

Result<double> time_disk_write(const fs::path& path, ConstParameterSpans parameters) {
  const Stopwatch watch;
  TRY_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(path));
  for (const std::span<const float> values : parameters) {
    for (ByteView rest = as_bytes(values); !rest.empty();) {
      const ByteView piece = rest.first(std::min<size_t>(rest.size(), kPieceBytes));
      TRY(writer.append(piece));
      rest = rest.subspan(piece.size());
    }
  }
  TRY(writer.commit());
  return watch.seconds();
}

Result<double> time_disk_read(const fs::path& path) {
  TRY(drop_from_memory(path));
  const Stopwatch watch;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return file_error(path, errno);
  Bytes piece(kPieceBytes);
  for (uint64_t offset = 0;; offset += piece.size()) {
    const ReadOutcome outcome = read_at(file.get(), offset, piece);
    if (outcome.error != 0) return file_error(path, errno);
    if (outcome.size < piece.size()) return watch.seconds();
  }
}

class CheckpointBench {
 public:
  CheckpointBench(const CheckpointBenchOptions& options, const RunSpec& spec)
      : options_(options),
        spec_(spec),
        layout_(parameter_layout(spec.model)),
        gradient_(synthetic_gradient(layout_, 1)),
        team_(options.threads) {
    info_ = {1, 1, compute_state_root(layout_, parameters(), team_)};
    report_.model_bytes = parameter_count(layout_) * static_cast<int64_t>(sizeof(float));
  }

  [[nodiscard]] Result<CheckpointBenchReport> run() {
    // One set of parameters is the model from here on; what the second was needed for is over.
    for (int round = 0; round < options_.rounds; ++round) {
      say(fmt::format("round {} of {}: copying in memory", round + 1, options_.rounds));
      take_best(report_.memcpy, time_memcpy(parameters(), gradient_.error_feedback.spans(), team_));
      measure_pause();
    }
    gradient_.error_feedback = ParameterBuffers({});
    ::malloc_trim(0);
    for (int round = 0; round < options_.rounds; ++round) TRY(measure_disk(round));
    return report_;
  }

 private:
  void say(const std::string& what) const {
    if (options_.on_step) options_.on_step(what);
  }
  [[nodiscard]] ConstParameterSpans parameters() const {
    return std::as_const(gradient_).pseudo_gradient.spans();
  }

  void measure_pause() {
    if (copy_ == nullptr) {
      copy_ = std::make_unique<StartCopy>(layout_);
      (void)copy_->take({}, parameters(), team_);  // its memory is there from the node's first checkpoint on
    }
    const Stopwatch watch;
    const auto held = copy_->take(blake2b_256(as_bytes(std::to_string(++copies_))), parameters(), team_);
    take_best(report_.pause_seconds, watch.seconds());
  }

  [[nodiscard]] Status measure_disk(int round) {
    copy_.reset();
    const auto step = [&](const char* what) {
      say(fmt::format("round {} of {}: {}", round + 1, options_.rounds, what));
    };
    const fs::path raw = options_.folder / "raw";
    step("writing to the disk");
    TRY_ASSIGN(const double write_seconds, time_disk_write(raw, parameters()));
    take_best(report_.disk_write_seconds, write_seconds);
    step("reading from the disk");
    TRY_ASSIGN(const double read_seconds, time_disk_read(raw));
    take_best(report_.disk_read_seconds, read_seconds);
    std::error_code ignored;  // the folder goes away as a whole
    fs::remove(raw, ignored);
    step("saving");
    TRY(measure_save());
    step("loading");
    TRY(measure_load());
    step("copying a checkpoint");
    return measure_copy();
  }

  [[nodiscard]] Status measure_save() {
    const int64_t before = own_memory_bytes();
    MemoryWatch memory;
    const Stopwatch watch;
    TRY(write_checkpoint(options_.folder / "checkpoint",
                         {.spec = spec_,
                          .info = info_,
                          .parameters = parameters(),
                          .tokenizer = {},
                          .shard_bytes = options_.shard_bytes},
                         key_, team_));
    take_best(report_.save_seconds, watch.seconds());
    report_.save_memory_bytes = std::max(report_.save_memory_bytes, memory.stop() - before);
    return {};
  }

  [[nodiscard]] Status measure_load() {
    TRY(drop_folder_from_memory(options_.folder / "checkpoint"));
    const int64_t before = own_memory_bytes();
    MemoryWatch memory;
    const Stopwatch watch;
    const auto info =
        load_checkpoint_folder(options_.folder / "checkpoint", {layout_, run_id(spec_), key_.public_key()},
                               gradient_.pseudo_gradient.spans(), team_);
    if (!info) return std::unexpected(info.error());
    take_best(report_.load_seconds, watch.seconds());
    report_.load_memory_bytes = std::max(report_.load_memory_bytes, memory.stop() - before);
    return {};
  }

  [[nodiscard]] Status measure_copy() {
    TRY(drop_folder_from_memory(options_.folder / "checkpoint"));
    const Stopwatch watch;
    const CheckpointFiles files = checkpoint_in_folder(options_.folder / "checkpoint");
    TRY_ASSIGN(const CheckpointManifest manifest, read_manifest(files));
    TRY(download_checkpoint(files, manifest, options_.folder / "copy"));
    take_best(report_.copy_seconds, watch.seconds());
    std::error_code ignored;  // what is left, the next round writes over
    fs::remove_all(options_.folder / "copy", ignored);
    return {};
  }

  const CheckpointBenchOptions& options_;
  const RunSpec& spec_;
  const ParameterLayout layout_;
  BenchGradient gradient_;
  ThreadTeam team_;
  const KeyPair key_ = KeyPair::from_seed({});
  std::unique_ptr<StartCopy> copy_;
  int copies_ = 0;
  CheckpointInfo info_;
  CheckpointBenchReport report_;
};

}  // namespace

Result<CheckpointBenchReport> run_checkpoint_bench(const CheckpointBenchOptions& options) {
  TRY_ASSIGN(RunSpec spec, preset_run_spec("150M"));
  spec.model = options.model;
  return CheckpointBench(options, spec).run();
}

}  // namespace templar
