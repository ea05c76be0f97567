// What a local run begins with in place of an initialised model: --bootstrap.
#pragma once

#include <filesystem>

#include "core/run/run_spec.h"
#include "ports/object_store.h"
#include "ports/tokenizer.h"

namespace templar {

// Whether it is a checkpoint's folder or a directory of Hugging Face. Fails (fatal), saying what it is not,
// and where its model can't be computed here or is not the run's: with the --set options that would make it
// so.
[[nodiscard]] Status check_bootstrap(const std::filesystem::path& source, const ModelSpec& model);

// Fails (fatal) where the source has a tokenizer that gives a text of many kinds other tokens than the data's
// does: the model would begin with what it has learnt of other words.
[[nodiscard]] Status check_bootstrap_tokenizer(const std::filesystem::path& source, const Tokenizer& of_data);

// Names the source in the spec as it will lie in the run's own store: by its state root, for which a
// directory is read as a whole. Fails as check_bootstrap does.
[[nodiscard]] Status name_bootstrap(const std::filesystem::path& source, RunSpec& spec);

// Puts the source that the spec names into the store of the validator that begins the run, unless it is
// there: a checkpoint as it is, a directory as the checkpoint of window 0. Fails as the two do.
[[nodiscard]] Status copy_bootstrap(const std::filesystem::path& source, const RunSpec& spec,
                                    ObjectStore& store);

// Whether the spec's beginning lies in the run's own store, so that its source is needed no more.
[[nodiscard]] bool is_in_own_store(const BootstrapSpec& bootstrap);

}  // namespace templar
