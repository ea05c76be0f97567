// A model as safetensors: one file, or several with an index, named as Hugging Face names them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "node/export/model_source.h"

namespace templar {

// What a file of a model holds: parameters by their index in the layout, in canonical order.
struct SafetensorsShard {
  std::string file_name;
  std::vector<size_t> parameters;
};

// One shard, "model.safetensors", where the parameters take at most max_bytes; otherwise
// "model-00001-of-00003.safetensors" and so on, each at most that large, but that a parameter that is larger
// by itself has a shard of its own.
[[nodiscard]] std::vector<SafetensorsShard> plan_shards(const ParameterLayout& layout, NumberType type,
                                                        uint64_t max_bytes);

// model.safetensors.index.json of several shards.
[[nodiscard]] std::string safetensors_index(const ParameterLayout& layout, NumberType type,
                                            const std::vector<SafetensorsShard>& shards);

// Hands the whole file with those parameters to the sink, data aligned to 64 bytes, metadata
// {"format": "pt"}. Fails as write_parameter does.
[[nodiscard]] Status write_safetensors_file(const ModelSource& source, NumberType type,
                                            const std::vector<size_t>& parameters, const ByteSink& sink);

// The whole model as one file of that name, which appears whole or not at all. Fails (fatal) where it can't
// be written, and as write_safetensors_file.
[[nodiscard]] Status export_safetensors(const ModelSource& source, NumberType type,
                                        const std::filesystem::path& file, const ExportProgress& progress);

// Bytes of all parameters in that type.
[[nodiscard]] uint64_t parameter_bytes(const ParameterLayout& layout, NumberType type);

}  // namespace templar
