#include "formats/safetensors/safetensors.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/files/large_read.h"
#include "base/json/json.h"
#include "formats/safetensors/safetensors_json.h"

namespace templar {
namespace {

uint64_t element_bytes(std::string_view dtype) {
  static const std::map<std::string_view, uint64_t> sizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
      {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"I64", 8},     {"U64", 8}, {"F64", 8}};
  const auto found = sizes.find(dtype);
  return found == sizes.end() ? 0 : found->second;
}

std::unexpected<Error> tensor_error(const SafetensorsEntry& entry, const std::string& what) {
  return skip_error("tensor '" + entry.name + "': " + what);
}

Status check_size(const SafetensorsEntry& entry) {
  uint64_t bytes = element_bytes(entry.dtype);
  if (bytes == 0) return tensor_error(entry, "unknown type '" + entry.dtype + "'");
  for (const int64_t dimension : entry.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(dimension), &bytes))
      return tensor_error(entry, "too large");
  }
  if (entry.begin > entry.end) {
    return tensor_error(entry, fmt::format("data offsets {} to {} are backwards", entry.begin, entry.end));
  }
  if (entry.end - entry.begin != bytes) {
    return tensor_error(entry,
                        fmt::format("{} bytes, type and shape make {}", entry.end - entry.begin, bytes));
  }
  return {};
}

// The tensors, ordered by offset, must fill the data without hole or overlap.
Status check_contiguous(const SafetensorsHeader& header, uint64_t file_bytes) {
  uint64_t position = 0;
  for (const SafetensorsEntry& entry : header.tensors) {
    if (entry.begin != position) {
      return tensor_error(entry, fmt::format("begins at byte {} of the data, the one before it ends at {}",
                                             entry.begin, position));
    }
    position = entry.end;
  }
  if (file_bytes - header.data_begin != position) {
    return skip_error(
        fmt::format("{} bytes of data, the header says {}", file_bytes - header.data_begin, position));
  }
  return {};
}

}  // namespace

Result<uint64_t> safetensors_header_bytes(ByteView first, uint64_t file_bytes, uint64_t max_header_bytes) {
  ByteReader reader(first);
  TRY_ASSIGN(const uint64_t header_bytes, reader.get<uint64_t>("header length"));
  if (header_bytes > max_header_bytes) {
    return skip_error(
        fmt::format("header of {} bytes, at most {} are allowed", header_bytes, max_header_bytes));
  }
  if (file_bytes < kSafetensorsPrefixBytes || header_bytes > file_bytes - kSafetensorsPrefixBytes) {
    return skip_error(fmt::format("header of {} bytes in a file of {}", header_bytes, file_bytes));
  }
  return header_bytes;
}

Result<SafetensorsHeader> parse_safetensors_header(ByteView header_json, uint64_t file_bytes) {
  SafetensorsHeader header;
  header.data_begin = kSafetensorsPrefixBytes + header_json.size();
  CHECK(file_bytes >= header.data_begin);
  TRY(parse_safetensors_json(as_text(header_json), header));
  for (const SafetensorsEntry& entry : header.tensors) TRY(check_size(entry));
  std::ranges::sort(header.tensors, {}, [](const auto& entry) { return std::tie(entry.begin, entry.end); });
  TRY(check_contiguous(header, file_bytes));
  return header;
}

Result<MappedSafetensors> MappedSafetensors::open(const std::filesystem::path& path) {
  MappedSafetensors mapped;
  TRY_ASSIGN(mapped.file_, MappedFile::open(path));
  const ByteView bytes = mapped.file_.bytes();
  const auto parse = [&]() -> Result<SafetensorsHeader> {
    TRY_ASSIGN(const uint64_t header_bytes,
               safetensors_header_bytes(bytes.first(std::min<size_t>(bytes.size(), kSafetensorsPrefixBytes)),
                                        bytes.size()));
    return parse_safetensors_header(bytes.subspan(kSafetensorsPrefixBytes, header_bytes), bytes.size());
  };
  auto header = parse();
  if (!header) return annotate(std::move(header).error(), path.string());
  mapped.header_ = std::move(*header);
  return mapped;
}

ByteView MappedSafetensors::bytes(const SafetensorsEntry& entry) const {
  return file_.bytes().subspan(header_.data_begin + entry.begin, entry.end - entry.begin);
}

Status MappedSafetensors::copy_f32(const ParameterInfo& wanted, std::span<float> out) const {
  CHECK(std::ssize(out) == wanted.count());
  const auto found = std::ranges::find(header_.tensors, wanted.name, &SafetensorsEntry::name);
  if (found == header_.tensors.end()) return skip_error("tensor '" + wanted.name + "': missing");
  if (found->dtype != "F32") return tensor_error(*found, "type " + found->dtype + ", F32 is wanted");
  if (found->shape != wanted.shape) return tensor_error(*found, "another shape than the model's");
  const ByteView from = bytes(*found);
  if (!from.empty()) std::memcpy(out.data(), from.data(), from.size());
  return {};
}

Result<std::vector<SafetensorsEntry>> match_layout(const SafetensorsHeader& header,
                                                   const ParameterLayout& layout) {
  std::map<std::string_view, const SafetensorsEntry*> by_name;
  for (const SafetensorsEntry& entry : header.tensors) by_name[entry.name] = &entry;
  std::vector<SafetensorsEntry> matched;
  for (const ParameterInfo& parameter : layout) {
    const auto found = by_name.find(parameter.name);
    if (found == by_name.end()) return skip_error("tensor '" + parameter.name + "': missing");
    const SafetensorsEntry& entry = *found->second;
    if (entry.dtype != "F32") return tensor_error(entry, "type " + entry.dtype + ", F32 is wanted");
    if (entry.shape != parameter.shape) {
      return tensor_error(entry, fmt::format("shape [{}], the model's is [{}]", fmt::join(entry.shape, ", "),
                                             fmt::join(parameter.shape, ", ")));
    }
    matched.push_back(entry);
    by_name.erase(found);
  }
  if (!by_name.empty())
    return skip_error(fmt::format("tensor '{}': the model has none of that name", by_name.begin()->first));
  return matched;
}

Bytes safetensors_header_of(const ParameterLayout& layout, SafetensorsType type) {
  JsonObject header{{"__metadata__", JsonObject{{"format", "pt"}}}};
  uint64_t position = 0;
  for (const ParameterInfo& parameter : layout) {
    const uint64_t end = position + parameter.count() * type.bytes;
    header.push_back({parameter.name, JsonObject{{"dtype", type.name},
                                                 {"shape", parameter.shape},
                                                 {"data_offsets", JsonList{position, end}}}});
    position = end;
  }
  std::string text = to_text(std::move(header), {.sorted = true});
  const size_t unaligned = (kSafetensorsPrefixBytes + text.size()) % kLargeReadAlignment;
  if (unaligned != 0) text.append(kLargeReadAlignment - unaligned, ' ');
  ByteWriter writer;
  writer.put<uint64_t>(text.size());
  writer.put_bytes(as_bytes(text));
  return writer.take();
}

Status write_safetensors(const ParameterLayout& layout, ConstParameterSpans values,
                         const std::function<Status(ByteView)>& sink) {
  CHECK(layout.size() == values.size());
  TRY(sink(safetensors_header_of(layout)));
  for (size_t i = 0; i < layout.size(); ++i) {
    CHECK(std::ssize(values[i]) == layout[i].count());
    TRY(sink(as_bytes(values[i])));
  }
  return {};
}

}  // namespace templar
