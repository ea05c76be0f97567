#include "node/checkpoint/checkpoint_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "base/file.h"
#include "base/file_writer.h"
#include "node/checkpoint/checkpoint_contents.h"

namespace templar {
namespace {

constexpr uint64_t kMaxRunSpecBytes = uint64_t{1} << 20;

// From here until its manifest is written, the folder is no checkpoint.
Status begin_folder(const std::filesystem::path& folder) {
  TRY(make_folder(folder));
  std::error_code error;
  std::filesystem::remove(folder / kManifestName, error);
  if (error) return fatal_error((folder / kManifestName).string() + ": " + error.message());
  return sync_path(folder);
}

// Size and hash of what goes through to a file.
class HashingWriter {
 public:
  HashingWriter(AtomicFileWriter writer, std::string_view name) : writer_(std::move(writer)) {
    file_.name = name;
  }

  [[nodiscard]] Status append(ByteView piece) {
    hash_.update(piece);
    file_.size_bytes += piece.size();
    return writer_.append(piece);
  }
  [[nodiscard]] Result<CheckpointFile> commit() {
    TRY(writer_.commit());
    file_.hash = hash_.finish256();
    return file_;
  }

 private:
  AtomicFileWriter writer_;
  Blake2b hash_;
  CheckpointFile file_;
};

Result<HashingWriter> begin_file(const std::filesystem::path& folder, std::string_view name) {
  TRY(check_checkpoint_file_name(name));
  TRY_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(folder / name));
  return HashingWriter(std::move(writer), name);
}

CheckpointInfo info_of(const CheckpointManifest& manifest) {
  return {manifest.window, manifest.outer_step, manifest.state_root};
}

// Keeps the problems of this checkpoint for the report and lets through those of the world.
Result<std::optional<std::string>> problem_of(const Status& status) {
  if (status) return std::nullopt;
  if (status.error().kind != ErrorKind::kSkip) return std::unexpected(status.error());
  return status.error().message;
}

Status verify_model(const CheckpointFiles& files, const CheckpointManifest& manifest, ThreadTeam& team) {
  Bytes text;
  const CheckpointFile& spec_file = *manifest.find(kRunSpecName);
  if (spec_file.size_bytes > kMaxRunSpecBytes)
    return skip_error(fmt::format("{}: {} bytes", kRunSpecName, spec_file.size_bytes));
  TRY(read_checked(files, spec_file, [&](ByteView piece) {
    text.insert(text.end(), piece.begin(), piece.end());
    return Status();
  }));
  const auto spec = parse_run_spec(as_text(text));
  if (!spec) return skip_error(fmt::format("{}: {}", kRunSpecName, spec.error().message));
  if (run_id(*spec) != manifest.run_id) {
    return skip_error(fmt::format("{}: makes run {}, the manifest says {}", kRunSpecName,
                                  run_id(*spec).brief(), manifest.run_id.brief()));
  }
  // What the run spec claims must not be allocated before the file that is there bears it out.
  const ParameterLayout layout = parameter_layout(spec->model);
  const CheckpointFile& model = *manifest.find(kModelName);
  const auto wanted = static_cast<uint64_t>(parameter_count(layout)) * sizeof(float);
  if (model.size_bytes < wanted) {
    return skip_error(
        fmt::format("{}: {} bytes, the run spec's parameters take {}", kModelName, model.size_bytes, wanted));
  }
  ParameterBuffers parameters(layout);
  TRY(read_model(files, model, layout, parameters.spans()));
  return check_state_root(files, manifest, layout, parameters.spans(), team);
}

Result<CheckpointInfo> copy_files(const CheckpointFiles& files, const CheckpointManifest& manifest,
                                  const std::filesystem::path& folder) {
  // Read before the folder is touched: it goes out as it is if it is still the same.
  TRY_ASSIGN(const uint64_t size, files.size_of(kManifestName));
  TRY_ASSIGN(const Bytes content,
             files.read(kManifestName, {0, std::min<uint64_t>(size, kMaxManifestBytes)}));
  TRY_ASSIGN(const CheckpointManifest again, open_manifest(as_text(content)));
  if (again != manifest) return retry_error(files.where + ": replaced while it was copied");
  TRY(begin_folder(folder));
  for (const CheckpointFile& file : manifest.files) {
    TRY_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(folder / file.name));
    TRY(read_checked(files, file, [&](ByteView piece) { return writer.append(piece); }));
    TRY(writer.commit());
  }
  TRY(write_file_atomically(folder / kManifestName, content));
  return info_of(manifest);
}

}  // namespace

Status write_checkpoint(const std::filesystem::path& folder, const RunSpec& spec, const CheckpointInfo& info,
                        ConstParameterSpans parameters, std::span<const TokenizerFile> tokenizer,
                        const KeyPair& key) {
  TRY(begin_folder(folder));
  CheckpointManifest manifest = manifest_of(spec, info);
  {
    TRY_ASSIGN(HashingWriter writer, begin_file(folder, kModelName));
    TRY(write_model(spec, parameters, [&](ByteView piece) { return writer.append(piece); }));
    TRY_ASSIGN(CheckpointFile file, writer.commit());
    manifest.files.push_back(std::move(file));
  }
  for (const TokenizerFile& small : small_files(spec, tokenizer)) {
    TRY_ASSIGN(HashingWriter writer, begin_file(folder, small.name));
    TRY(writer.append(small.content));
    TRY_ASSIGN(CheckpointFile file, writer.commit());
    manifest.files.push_back(std::move(file));
  }
  return write_file_atomically(folder / kManifestName, seal_manifest(std::move(manifest), key));
}

Result<CheckpointInfo> load_checkpoint_folder(const std::filesystem::path& folder,
                                              const ExpectedCheckpoint& expected, ParameterSpans parameters,
                                              ThreadTeam& team) {
  return load_checkpoint_files(checkpoint_in_folder(folder), std::nullopt, expected, parameters, team);
}

Result<CheckpointInfo> export_checkpoint(const ObjectReader& store, std::string_view bucket, int64_t window,
                                         const ExpectedCheckpoint& expected,
                                         const std::filesystem::path& folder) {
  const CheckpointFiles files = checkpoint_in_store(store, bucket, window);
  TRY_ASSIGN(const CheckpointManifest manifest, read_expected_manifest(files, window, expected));
  return copy_files(files, manifest, folder);
}

Result<CheckpointInfo> copy_checkpoint(const CheckpointFiles& files, const std::filesystem::path& folder) {
  TRY_ASSIGN(const CheckpointManifest manifest, read_manifest(files));
  return copy_files(files, manifest, folder);
}

bool CheckpointReport::ok() const {
  return manifest && !manifest_problem && !model_problem &&
         std::ranges::none_of(files, [](const CheckedFile& file) { return file.problem.has_value(); });
}

Result<CheckpointReport> verify_checkpoint(const CheckpointFiles& files,
                                           const std::optional<PublicKey>& leader, ThreadTeam& team) {
  CheckpointReport report;
  auto manifest = read_manifest(files);
  if (!manifest) {
    TRY_ASSIGN(report.manifest_problem, problem_of(std::unexpected(manifest.error())));
    return report;
  }
  if (leader && manifest->signer != *leader) {
    report.manifest_problem = fmt::format("signed by {}, not by {}", manifest->signer.hex(), leader->hex());
  }
  for (const CheckpointFile& file : manifest->files) {
    TRY_ASSIGN(auto problem, problem_of(read_checked(files, file, [](ByteView) { return Status(); })));
    report.files.push_back({file.name, file.size_bytes, std::move(problem)});
  }
  report.manifest = std::move(*manifest);
  const bool files_ok =
      std::ranges::none_of(report.files, [](const auto& file) { return file.problem.has_value(); });
  if (files_ok) {
    TRY_ASSIGN(report.model_problem, problem_of(verify_model(files, *report.manifest, team)));
  } else {
    report.model_problem = "not looked at, for the files are not whole";
  }
  return report;
}

}  // namespace templar
