// A model as exporters see it: its shape, its parameters one after the other, its tokenizer's files; and how
// a parameter goes out in pieces, so that no more than one is ever in memory.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/run/parameter_layout.h"
#include "formats/export/number_type.h"
#include "ports/tokenizer.h"

namespace templar {

struct ModelSource {
  std::string name;  // the run's
  ModelSpec model;
  int64_t sequence_length = 0;  // tokens that it was trained on at a time
  std::vector<TokenizerFile> tokenizer;
  // The values of one parameter of parameter_layout(model), row-major; the view lasts until the next call.
  std::function<Result<std::span<const float>>(size_t parameter)> read;
};

// Where bytes go; its error ends the export.
using ByteSink = std::function<Status(ByteView)>;

// How far an export is; returns whether to go on.
using ExportProgress = std::function<bool(uint64_t bytes_done, uint64_t bytes_total)>;

// A sink that also tells the progress of all bytes that go through it and its copies. Fails (fatal) where the
// progress says not to go on. An empty progress is never asked.
[[nodiscard]] ByteSink with_progress(ByteSink sink, ExportProgress progress, uint64_t bytes_total);

// Which row of a parameter goes out as row r.
using RowOrder = std::function<int64_t(int64_t row)>;

// Reads a parameter and hands it on as that type in pieces of about a MiB. rows: the order in which a matrix'
// rows go out; empty: as they are. Fails as source.read, append_as (naming the parameter) and the sink do.
[[nodiscard]] Status write_parameter(const ModelSource& source, const ParameterInfo& info, size_t parameter,
                                     NumberType type, const RowOrder& rows, const ByteSink& sink);

}  // namespace templar
