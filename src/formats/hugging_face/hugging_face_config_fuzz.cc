// Any bytes as a config.json: either refused, or a shape whose layout can be made.
#include "base/bytes.h"
#include "base/check.h"
#include "formats/hugging_face/hugging_face_import.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace templar;
  const auto shape = parse_hugging_face_config(as_text({data, size}));
  if (!shape) return 0;
  CHECK(shape->sequence_length > 0 && shape->model.head_width() > 0);
  for (const ParameterInfo& info : parameter_layout(shape->model)) CHECK(info.count() > 0);
  return 0;
}
