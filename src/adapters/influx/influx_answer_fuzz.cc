// Whatever a server answers, its words come out on one line, short and without control characters; what a
// measurement is called makes one line of the protocol.
#include "adapters/influx/influx_answer.h"
#include "adapters/influx/line_protocol.h"
#include "base/bytes.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = templar::as_text({data, size});
  const std::string said = templar::server_message(text);
  CHECK(said.size() <= 310);
  for (const char c : said) CHECK(static_cast<unsigned char>(c) >= 0x20);
  static_cast<void>(templar::partial_write_dropped(text));

  const std::string name(text);
  std::string lines;
  templar::LineFaults faults;
  for (int i = 0; i < 2; ++i) {
    const templar::Measurement measurement{
        .name = "m" + name, .tags = {{name, name}}, .fields = {{name, name}, {"f", 1.0}}, .time_ns = 7};
    CHECK(templar::append_line_protocol(lines, measurement, faults));
  }
  CHECK(templar::line_ends(lines).size() == 2);
  return 0;
}
