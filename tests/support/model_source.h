// A small model as the source of an export. In a header alone, so that only tests of rooms that may use node/
// need to link it.
#pragma once

#include <utility>
#include <vector>

#include "formats/export/model_source.h"
#include "support/small_model.h"

namespace templar::testing {

// small_run_spec() with room for a token a byte and a few more: 260.
inline RunSpec export_run_spec() {
  RunSpec spec = small_run_spec();
  spec.model.vocab_size = 260;
  return spec;
}

// Reads from the model, which must outlive it; with the byte tokenizer.
inline ModelSource source_of(const SmallModel& model) {
  ModelSource source;
  source.name = model.spec.name;
  source.model = model.spec.model;
  source.sequence_length = model.spec.inner.sequence_length;
  source.tokenizer = make_byte_tokenizer()->files();
  source.read = [&model](size_t parameter) -> Result<std::span<const float>> {
    return std::as_const(model.parameters).spans()[parameter];
  };
  return source;
}

}  // namespace templar::testing
