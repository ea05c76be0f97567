// A reader of GGUF files written from the format's public description alone: it uses nothing of what writes
// them. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace templar::testing {

struct GgufFile {
  using Value = std::variant<uint64_t, int64_t, double, bool, std::string, std::vector<std::string>,
                             std::vector<double>, std::vector<int64_t>>;
  struct Tensor {
    std::vector<uint64_t> dimensions;  // the fastest one first
    uint32_t type = 0;                 // 0 F32, 1 F16, 30 BF16
    uint64_t offset = 0;               // in the file
    uint64_t size_bytes = 0;
  };
  std::map<std::string, Value> metadata;
  std::map<std::string, Tensor> tensors;
  std::string bytes;

  template <typename T>
  [[nodiscard]] const T& get(const std::string& key) const {
    return std::get<T>(metadata.at(key));
  }
  [[nodiscard]] std::vector<float> f32(const std::string& name) const {
    const Tensor& tensor = tensors.at(name);
    if (tensor.type != 0) throw std::runtime_error(name + " is not F32");
    std::vector<float> values(tensor.size_bytes / 4);
    std::memcpy(values.data(), bytes.data() + tensor.offset, tensor.size_bytes);
    return values;
  }
};

// Throws std::runtime_error where the file is not as the description says.
class GgufReader {
 public:
  explicit GgufReader(std::string bytes) { file_.bytes = std::move(bytes); }

  [[nodiscard]] GgufFile read() {
    require(take(4) == "GGUF", "magic");
    require(number<uint32_t>() == 3, "version");
    const auto tensors = number<uint64_t>();
    const auto keys = number<uint64_t>();
    for (uint64_t i = 0; i < keys; ++i) {
      const std::string key = text();
      require(file_.metadata.emplace(key, value(number<uint32_t>())).second, "key twice: " + key);
    }
    uint64_t alignment = 32;
    if (const auto found = file_.metadata.find("general.alignment"); found != file_.metadata.end())
      alignment = std::get<uint64_t>(found->second);
    for (uint64_t i = 0; i < tensors; ++i) read_tensor(alignment);
    place_tensors(alignment);
    return std::move(file_);
  }

 private:
  static void require(bool holds, const std::string& what) {
    if (!holds) throw std::runtime_error("GGUF: " + what);
  }
  std::string take(uint64_t size) {
    require(size <= file_.bytes.size() - position_, "ends early");
    position_ += size;
    return file_.bytes.substr(position_ - size, size);
  }
  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string text() { return take(number<uint64_t>()); }

  GgufFile::Value value(uint32_t type) {
    switch (type) {
      case 4:
        return uint64_t{number<uint32_t>()};
      case 5:
        return int64_t{number<int32_t>()};
      case 6:
        return double{number<float>()};
      case 7: {
        const auto byte = number<uint8_t>();
        require(byte <= 1, "a bool that is neither 0 nor 1");
        return byte == 1;
      }
      case 8:
        return text();
      case 9:
        return array();
      default:
        throw std::runtime_error("GGUF: value type " + std::to_string(type));
    }
  }
  GgufFile::Value array() {
    const auto type = number<uint32_t>();
    const auto size = number<uint64_t>();
    std::vector<std::string> texts;
    std::vector<double> reals;
    std::vector<int64_t> integers;
    for (uint64_t i = 0; i < size; ++i) {
      const GgufFile::Value element = value(type);
      if (type == 8) texts.push_back(std::get<std::string>(element));
      if (type == 6) reals.push_back(std::get<double>(element));
      if (type == 5) integers.push_back(std::get<int64_t>(element));
    }
    if (type == 8) return texts;
    if (type == 6) return reals;
    require(type == 5, "an array of type " + std::to_string(type));
    return integers;
  }

  void read_tensor(uint64_t alignment) {
    const std::string name = text();
    require(name.size() <= 64, "a tensor's name is too long: " + name);
    GgufFile::Tensor tensor;
    const auto dimensions = number<uint32_t>();
    require(dimensions >= 1 && dimensions <= 4, "dimensions of " + name);
    for (uint32_t i = 0; i < dimensions; ++i) tensor.dimensions.push_back(number<uint64_t>());
    tensor.type = number<uint32_t>();
    require(tensor.type == 0 || tensor.type == 1 || tensor.type == 30, "type of " + name);
    tensor.size_bytes = tensor.type == 0 ? 4 : 2;
    for (const uint64_t size : tensor.dimensions) tensor.size_bytes *= size;
    tensor.offset = number<uint64_t>();
    require(tensor.offset % alignment == 0, "offset of " + name + " is not aligned");
    require(file_.tensors.emplace(name, tensor).second, "tensor twice: " + name);
  }
  // Offsets count from the data, which begins at the next aligned byte.
  void place_tensors(uint64_t alignment) {
    const uint64_t data = (position_ + alignment - 1) / alignment * alignment;
    std::map<uint64_t, uint64_t> ends;
    for (auto& [name, tensor] : file_.tensors) {
      tensor.offset += data;
      require(tensor.offset + tensor.size_bytes <= file_.bytes.size(), name + " is beyond the end");
      require(ends.emplace(tensor.offset, tensor.offset + tensor.size_bytes).second,
              name + " overlaps another");
    }
    uint64_t end = data;
    for (const auto& [begin, tensor_end] : ends) {
      require(begin >= end && begin - end < alignment, "tensors overlap or leave a hole");
      end = tensor_end;
    }
  }

  GgufFile file_;
  uint64_t position_ = 0;
};

}  // namespace templar::testing
