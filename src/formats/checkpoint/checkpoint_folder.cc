#include "formats/checkpoint/checkpoint_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "base/files/file.h"
#include "base/files/file_writer.h"
#include "formats/checkpoint/checkpoint_diff.h"
#include "formats/checkpoint/checkpoint_download.h"
#include "formats/checkpoint/checkpoint_loader.h"

namespace templar {
namespace {

// Keeps the problems of this checkpoint for the report and lets through those of the world.
Result<std::optional<std::string>> problem_of(const Status& status) {
  if (status) return std::nullopt;
  if (status.error().kind != ErrorKind::kSkip) return std::unexpected(status.error());
  return status.error().message;
}

Status verify_model(const CheckpointFiles& files, const CheckpointManifest& manifest, ThreadTeam& team) {
  TRY_ASSIGN(const RunSpec spec, read_run_spec(files, manifest));
  // What the run spec claims must not be allocated before the file that is there bears it out.
  const ParameterLayout layout = parameter_layout(spec.model);
  const uint64_t wanted = parameter_count(layout) * sizeof(float);
  uint64_t model_bytes = 0;
  for (const CheckpointFile& file : manifest.files)
    model_bytes += is_model_file(file.name) ? file.size_bytes : 0;
  if (model_bytes < wanted) {
    return skip_error(
        fmt::format("model: {} bytes in all, the run spec's parameters take {}", model_bytes, wanted));
  }
  ParameterBuffers parameters(layout);
  return load_model(files, manifest, layout, parameters.spans(), team);
}

}  // namespace

Status write_checkpoint(const std::filesystem::path& folder, const CheckpointContents& contents,
                        const KeyPair& key, ThreadTeam& team) {
  TRY(begin_checkpoint_folder(folder));
  const auto put = [&](std::string_view name, uint64_t, const ContentWriter& write) -> Status {
    TRY_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(folder / name));
    TRY(write([&](ByteView piece) { return writer.append(piece); }));
    return writer.commit();
  };
  TRY_ASSIGN(CheckpointManifest manifest, put_contents(contents, team.threads(), put));
  return write_file_atomically(folder / kManifestName, seal_manifest(std::move(manifest), key));
}

Result<CheckpointInfo> load_checkpoint_folder(const std::filesystem::path& folder,
                                              const ExpectedCheckpoint& expected, ParameterSpans parameters,
                                              ThreadTeam& team) {
  return load_checkpoint_files(checkpoint_in_folder(folder), std::nullopt, expected, parameters, team);
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
    TRY_ASSIGN(auto problem, problem_of(check_file(files, file, team)));
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
