// What lies among texts and must never be trained on: secrets, which a model would give away, and what this
// program made itself.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace templar {

// Why a folder's files are no text, for people ("a run's folder"); nullopt where they may be. Known are the
// folders of runs, checkpoints and prepared data sets.
[[nodiscard]] std::optional<std::string> why_never_text_folder(const std::filesystem::path& folder);

// Why a file is no text: secret keys and credentials, by its name (".env", "id_ed25519", "server.pem") or by
// the content of a small file, decompressed; and databases. nullopt where it may be text, or can't be read.
// Only of regular files: a pipe's beginning would be lost to its reader.
[[nodiscard]] std::optional<std::string> why_never_text(const std::filesystem::path& file);

}  // namespace templar
