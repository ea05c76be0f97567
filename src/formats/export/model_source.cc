#include "formats/export/model_source.h"

#include <algorithm>
#include <memory>

#include "base/check.h"

namespace templar {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;

// Collects what is appended and passes it on in pieces.
class PieceWriter {
 public:
  PieceWriter(NumberType type, const ByteSink& sink) : type_(type), sink_(sink) {}

  [[nodiscard]] Status append(std::span<const float> values) {
    while (!values.empty()) {
      const auto part = values.first(std::min(values.size(), kPieceBytes / sizeof(float)));
      TRY(append_as(type_, part, piece_));
      if (piece_.size() >= kPieceBytes) TRY(flush());
      values = values.subspan(part.size());
    }
    return {};
  }
  [[nodiscard]] Status flush() {
    TRY(sink_(piece_));
    piece_.clear();
    return {};
  }

 private:
  NumberType type_;
  const ByteSink& sink_;
  Bytes piece_;
};

}  // namespace

ByteSink with_progress(ByteSink sink, ExportProgress progress, uint64_t bytes_total) {
  if (!progress) return sink;
  const auto done = std::make_shared<uint64_t>(0);
  return
      [sink = std::move(sink), progress = std::move(progress), bytes_total, done](ByteView piece) -> Status {
        TRY(sink(piece));
        *done += piece.size();
        if (!progress(*done, bytes_total)) return fatal_error("interrupted; nothing was left behind");
        return {};
      };
}

Status write_parameter(const ModelSource& source, const ParameterInfo& info, size_t parameter,
                       NumberType type, const RowOrder& rows, const ByteSink& sink) {
  TRY_ASSIGN(const std::span<const float> values, source.read(parameter));
  CHECK(std::ssize(values) == info.count());
  const auto write = [&]() -> Status {
    PieceWriter writer(type, sink);
    if (!rows) {
      TRY(writer.append(values));
      return writer.flush();
    }
    const size_t columns = info.shape.back();
    for (int64_t row = 0; row < info.shape.front(); ++row) {
      TRY(writer.append(values.subspan(rows(row) * columns, columns)));
    }
    return writer.flush();
  };
  if (Status written = write(); !written) return annotate(std::move(written).error(), info.name);
  return {};
}

}  // namespace templar
