// A model as safetensors, in any number type. How it is cut into files: formats/safetensors/model_shards.h.
#pragma once

#include <filesystem>

#include "formats/export/model_source.h"
#include "formats/safetensors/model_shards.h"

namespace templar {

[[nodiscard]] SafetensorsType safetensors_type(NumberType type);

// Hands the whole file with that shard's parameters to the sink. Fails as write_parameter does.
[[nodiscard]] Status write_safetensors_file(const ModelSource& source, NumberType type,
                                            const ModelShard& shard, const ByteSink& sink);

// The whole model as one file of that name, which appears whole or not at all. Fails (fatal) where it can't
// be written, and as write_safetensors_file.
[[nodiscard]] Status export_safetensors(const ModelSource& source, NumberType type,
                                        const std::filesystem::path& file, const ExportProgress& progress);

// Bytes of all parameters in that type.
[[nodiscard]] uint64_t parameter_bytes(const ParameterLayout& layout, NumberType type);

}  // namespace templar
