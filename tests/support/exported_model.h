// A small model as the source of an export. In a header alone, so that only tests of rooms that may use
// formats/ need to link it.
#pragma once

#include <utility>
#include <vector>

#include "formats/export/model_source.h"
#include "support/test_run.h"

namespace templar::testing {

// small_run_spec() with room for a token a byte and a few more: 260.
inline RunSpec export_run_spec() {
  RunSpec spec = small_run_spec();
  spec.model.vocab_size = 260;
  return spec;
}

// Reads from the run's model, which must outlive it; with the byte tokenizer.
inline ModelSource source_of(const TestRun& run) {
  ModelSource source;
  source.name = run.spec.name;
  source.model = run.spec.model;
  source.sequence_length = run.spec.inner.sequence_length;
  source.tokenizer = make_byte_tokenizer()->files();
  source.read = [&run](size_t parameter) -> Result<std::span<const float>> {
    return run.values()[parameter];
  };
  return source;
}

}  // namespace templar::testing
