// Fuzzes the readers of join files and of credentials, which somebody else has sent.
#include "app/network/join_file.h"
#include "base/bytes.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace templar;
  const std::string_view text = as_text(ByteView(data, size));
  if (const auto file = parse_join_file(text, "/net")) {
    const auto again = parse_join_file(join_file_text(*file, "/net"), "/net");
    CHECK(again && again->ledger == file->ledger && again->data == file->data && again->store == file->store);
    CHECK(run_id(again->spec) == run_id(file->spec));
  }
  if (const auto credentials = parse_credentials(text)) {
    const auto again = parse_credentials(credentials_text(*credentials));
    CHECK(again && again->user == credentials->user && again->password == credentials->password);
  }
  return 0;
}
