// Whatever a server answers: words come out on one line, short and without control characters; what is read
// as a list is as long as was asked for at most, ascends, and has whole entries; nothing crashes or grows
// without end.
#include "adapters/etcd_ledger/etcd_answer.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = templar::as_text({data, size});
  const templar::EtcdRefusal refusal = templar::parse_etcd_refusal(text);
  CHECK(refusal.message.size() <= 300);
  for (const char c : refusal.message) CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  constexpr size_t kLimit = 3;
  if (const auto range = templar::parse_etcd_range(text, kLimit)) {
    CHECK(range->revision > 0 && range->pairs.size() <= kLimit);
    for (size_t i = 0; i < range->pairs.size(); ++i) {
      const templar::EtcdPair& pair = range->pairs[i];
      CHECK(!pair.key.empty() && pair.revision > 0 && pair.revision <= range->revision);
      CHECK(i == 0 || range->pairs[i - 1].key < pair.key);
    }
  }
  static_cast<void>(templar::parse_etcd_transaction(text));
  if (const auto message = templar::parse_etcd_watch_message(text)) {
    CHECK(message->newest_change >= 0 && message->told_up_to >= 0 && message->compacted_up_to >= 0);
    CHECK(message->reason.size() <= 300 && (message->is_cancelled || message->reason.empty()));
  }
  if (const auto presence = templar::parse_etcd_presence(text, kLimit)) CHECK(presence->size() == kLimit);
  if (const auto names = templar::parse_etcd_names(text, "users")) CHECK(names->size() <= text.size());
  if (const auto token = templar::parse_etcd_token(text)) {
    for (const char c : *token) CHECK(c > 0x20 && c < 0x7f);
  }
  if (const auto end_ms = templar::end_of_etcd_token(text)) CHECK(*end_ms > 0);
  return 0;
}
