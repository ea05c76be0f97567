#include "node/export/safetensors_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/file_writer.h"
#include "node/checkpoint/manifest.h"
#include "node/checkpoint/safetensors.h"

namespace templar {
namespace {

constexpr size_t kDataAlignment = 64;

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

uint64_t bytes_of(const ParameterInfo& parameter, NumberType type) {
  return static_cast<uint64_t>(parameter.count()) * bytes_of(type);
}

Bytes header_of(const ParameterLayout& layout, NumberType type, const std::vector<size_t>& parameters) {
  nlohmann::json header;
  header["__metadata__"] = {{"format", "pt"}};
  uint64_t position = 0;
  for (const size_t index : parameters) {
    const uint64_t end = position + bytes_of(layout[index], type);
    header[layout[index].name] = {
        {"dtype", dtype_of(type)}, {"shape", layout[index].shape}, {"data_offsets", {position, end}}};
    position = end;
  }
  std::string text = header.dump();
  const size_t unaligned = (kSafetensorsPrefixBytes + text.size()) % kDataAlignment;
  if (unaligned != 0) text.append(kDataAlignment - unaligned, ' ');
  ByteWriter writer;
  writer.put(static_cast<uint64_t>(text.size()));
  writer.put_bytes(as_bytes(text));
  return writer.take();
}

}  // namespace

uint64_t parameter_bytes(const ParameterLayout& layout, NumberType type) {
  return static_cast<uint64_t>(parameter_count(layout)) * bytes_of(type);
}

std::vector<SafetensorsShard> plan_shards(const ParameterLayout& layout, NumberType type,
                                          uint64_t max_bytes) {
  std::vector<SafetensorsShard> shards(1);
  uint64_t size = 0;
  for (size_t i = 0; i < layout.size(); ++i) {
    const uint64_t bytes = bytes_of(layout[i], type);
    if (!shards.back().parameters.empty() && size + bytes > max_bytes) {
      shards.emplace_back();
      size = 0;
    }
    shards.back().parameters.push_back(i);
    size += bytes;
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    shards[i].file_name = shards.size() == 1
                              ? std::string(kModelName)
                              : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
  }
  return shards;
}

std::string safetensors_index(const ParameterLayout& layout, NumberType type,
                              const std::vector<SafetensorsShard>& shards) {
  nlohmann::json index;
  index["metadata"] = {{"total_size", parameter_bytes(layout, type)}};
  for (const SafetensorsShard& shard : shards) {
    for (const size_t parameter : shard.parameters)
      index["weight_map"][layout[parameter].name] = shard.file_name;
  }
  return index.dump(2) + "\n";
}

Status write_safetensors_file(const ModelSource& source, NumberType type,
                              const std::vector<size_t>& parameters, const ByteSink& sink) {
  const ParameterLayout layout = parameter_layout(source.model);
  TRY(sink(header_of(layout, type, parameters)));
  for (const size_t parameter : parameters) {
    TRY(write_parameter(source, layout[parameter], parameter, type, {}, sink));
  }
  return {};
}

Status export_safetensors(const ModelSource& source, NumberType type, const std::filesystem::path& file,
                          const ExportProgress& progress) {
  const ParameterLayout layout = parameter_layout(source.model);
  std::vector<size_t> all(layout.size());
  std::iota(all.begin(), all.end(), size_t{0});
  TRY_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(file));
  const ByteSink sink = with_progress([&](ByteView piece) { return writer.append(piece); }, progress,
                                      parameter_bytes(layout, type));
  TRY(write_safetensors_file(source, type, all, sink));
  return writer.commit();
}

}  // namespace templar
