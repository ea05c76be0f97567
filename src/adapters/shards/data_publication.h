// How a data set takes its folder: it is made in kPreparingFolder, and moved once its manifest is there.
#pragma once

#include <filesystem>

#include "adapters/shards/data_manifest.h"
#include "base/result.h"

namespace templar {

// Puts the data set whose files lie in the folder's kPreparingFolder, with a manifest among them, in the
// place of the one that the folder has, and removes that one's files. The new manifest comes last; killed in
// between, resume_publication or another call brings it to its end. The caller holds the preparing folder's
// lock. Fails (fatal) with the path.
[[nodiscard]] Status complete_publication(const std::filesystem::path& folder);

// Brings a publication that was killed to its end, where the folder has no manifest and the new data set is
// there whole; else, or where somebody else is at it, or the folder can't be written, it does nothing.
void resume_publication(const std::filesystem::path& folder);

}  // namespace templar
