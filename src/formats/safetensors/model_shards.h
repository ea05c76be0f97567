// A model's parameters cut into safetensors files, as Hugging Face cuts them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/threads/thread_team.h"
#include "core/run/parameter_layout.h"
#include "formats/safetensors/safetensors.h"

namespace templar {

inline constexpr uint64_t kDefaultShardBytes = uint64_t{256} << 20;
inline constexpr std::string_view kModelIndexName = "model.safetensors.index.json";

// The parameters [first, first + count) of the layout, in its order.
struct ModelShard {
  std::string name;
  size_t first = 0;
  size_t count = 0;

  [[nodiscard]] ParameterLayout of(const ParameterLayout& layout) const;
};

// Files of at most max_bytes of parameters each, or of one parameter that is larger. One file is
// model.safetensors; several are model-00001-of-00003.safetensors and so on.
[[nodiscard]] std::vector<ModelShard> plan_shards(const ParameterLayout& layout, uint64_t max_bytes,
                                                  SafetensorsType type = {});

// model.safetensors.index.json, which says in which file each parameter lies.
[[nodiscard]] std::string model_index(const ParameterLayout& layout, const std::vector<ModelShard>& shards,
                                      SafetensorsType type = {});

// A shard's whole file, as views of its header and of the parameters: nothing of them is copied. Views last
// as long as this and the values.
class ModelShardContent {
 public:
  ModelShardContent(const ParameterLayout& layout, ConstParameterSpans values, const ModelShard& shard);

  [[nodiscard]] uint64_t size_bytes() const { return size_bytes_; }
  // The bytes [begin, end) of the file: a view of the parameter that they lie in, or, where they cross from
  // one to the next, of the buffer that they are appended to, which must have room for them (CHECK: other
  // views of it stay valid).
  [[nodiscard]] ByteView range(uint64_t begin, uint64_t end, Bytes& buffer) const;

 private:
  Bytes header_;
  std::vector<ByteView> parts_;
  uint64_t size_bytes_ = 0;
};

}  // namespace templar
