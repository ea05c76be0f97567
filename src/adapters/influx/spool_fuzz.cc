// Whatever the bytes of a spool file are, reading answers, and its lines can be cut where it says; what is
// accepted is written again as the same bytes. Text that was never packed is cut, too.
#include <algorithm>

#include "adapters/http/gzip.h"
#include "adapters/influx/line_protocol.h"
#include "adapters/influx/spool.h"
#include "base/check.h"

namespace {

void check_ends(std::string_view lines) {
  size_t last = 0;
  for (const size_t end : templar::line_ends(lines)) {
    CHECK(end > last);
    last = end;
  }
  CHECK(last == lines.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const templar::ByteView bytes(data, size);
  check_ends(templar::as_text(bytes));
  static_cast<void>(templar::gunzip(bytes, 1 << 20));
  const auto batch = templar::parse_spool_file(bytes);
  if (!batch) {
    CHECK(!batch.error().message.empty());
    return 0;
  }
  CHECK(std::ranges::equal(templar::encode_spool_file(*batch), bytes));
  const auto lines = templar::gunzip(batch->packed, 1 << 20);
  if (lines) check_ends(*lines);
  return 0;
}
