#include "formats/safetensors/safetensors_export.h"

#include "base/files/file_writer.h"

namespace templar {
namespace {

std::string_view dtype_of(NumberType type) {
  switch (type) {
    case NumberType::kF32:
      return "F32";
    case NumberType::kBf16:
      return "BF16";
    case NumberType::kF16:
      return "F16";
  }
  return "";
}

}  // namespace

SafetensorsType safetensors_type(NumberType type) {
  return {dtype_of(type), bytes_of(type)};
}

uint64_t parameter_bytes(const ParameterLayout& layout, NumberType type) {
  return parameter_count(layout) * bytes_of(type);
}

Status write_safetensors_file(const ModelSource& source, NumberType type, const ModelShard& shard,
                              const ByteSink& sink) {
  const ParameterLayout own = shard.of(parameter_layout(source.model));
  TRY(sink(safetensors_header_of(own, safetensors_type(type))));
  for (size_t i = 0; i < own.size(); ++i)
    TRY(write_parameter(source, own[i], shard.first + i, type, {}, sink));
  return {};
}

Status export_safetensors(const ModelSource& source, NumberType type, const std::filesystem::path& file,
                          const ExportProgress& progress) {
  const ParameterLayout layout = parameter_layout(source.model);
  TRY_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(file));
  const ByteSink sink = with_progress([&](ByteView piece) { return writer.append(piece); }, progress,
                                      parameter_bytes(layout, type));
  TRY(write_safetensors_file(source, type, {.name = {}, .first = 0, .count = layout.size()}, sink));
  return writer.commit();
}

}  // namespace templar
