#include "node/miner/pseudo_gradient_dump.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/files/file.h"
#include "base/files/file_writer.h"
#include "formats/safetensors/safetensors.h"

namespace templar {

Status dump_pseudo_gradient(const std::filesystem::path& folder, int64_t window, uint32_t uid,
                            const ParameterLayout& layout, ConstParameterSpans pseudo_gradient,
                            ConstParameterSpans error_feedback) {
  CHECK(pseudo_gradient.size() == layout.size() && error_feedback.size() == layout.size());
  ParameterLayout tensors;
  std::vector<std::span<const float>> values;
  for (size_t i = 0; i < layout.size(); ++i) {
    tensors.push_back({"pseudo_gradient." + layout[i].name, layout[i].shape});
    values.push_back(pseudo_gradient[i]);
  }
  for (size_t i = 0; i < layout.size(); ++i) {
    tensors.push_back({"error_feedback." + layout[i].name, layout[i].shape});
    values.push_back(error_feedback[i]);
  }
  TRY(make_folder(folder));
  TRY_ASSIGN(AtomicFileWriter writer,
             AtomicFileWriter::create(folder / fmt::format("window-{:05}-uid-{}.safetensors", window, uid)));
  TRY(write_safetensors(tensors, values, [&](ByteView piece) { return writer.append(piece); }));
  return writer.commit();
}

}  // namespace templar
