#include "adapters/etcd_ledger/etcd_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/base64.h"
#include "base/json/json.h"
#include "base/utf8.h"

namespace templar {
namespace {

constexpr size_t kMaxSaidBytes = 300;
constexpr size_t kMaxEtcdTokenBytes = 4096;
// An RSA-signed token that ends in ten thousand years is as good as one that never ends.
constexpr int64_t kMaxEndSeconds = 253'402'300'799;

std::unexpected<Error> no_answer(const std::string& what) {
  return retry_error("what came is no answer of etcd: " + what);
}

std::string said_on_one_line(std::string_view text) {
  std::string line;
  for (const char c : valid_utf8(text.substr(0, kMaxSaidBytes))) {
    const bool commands = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (line.size() < kMaxSaidBytes) line += commands ? ' ' : c;
  }
  // Not within a character, and none of those that command a terminal in two bytes.
  line = valid_utf8(line);
  for (size_t at = 0; (at = line.find('\xc2', at)) != std::string::npos; ++at) {
    if (at + 1 < line.size() && static_cast<unsigned char>(line[at + 1]) < 0xa0) line.replace(at, 2, "  ");
  }
  while (!line.empty() && (line.back() == ' ' || line.size() > kMaxSaidBytes)) line.pop_back();
  return line;
}

Result<Json> parse_etcd_object(std::string_view body) {
  auto json = parse_json(body, {.max_bytes = kMaxEtcdAnswerBytes, .max_depth = 16});
  if (!json) return no_answer(json.error().message);
  if (json->object() == nullptr) return no_answer("no object");
  return json;
}

// The gateway writes 64-bit numbers as text, and leaves out those that are 0.
Result<int64_t> whole_number(const Json& object, std::string_view name) {
  const Json* member = object.find(name);
  if (member == nullptr) return 0;
  std::optional<int64_t> number = member->integer();
  if (const std::string* text = member->text()) {
    int64_t value = 0;
    const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (!text->empty() && failure == std::errc() && end == text->data() + text->size()) number = value;
  }
  if (!number || *number < 0) return no_answer(fmt::format("{} is no whole number", name));
  return *number;
}

Result<int64_t> positive_number(const Json& object, std::string_view name) {
  TRY_ASSIGN(const int64_t number, whole_number(object, name));
  if (number == 0) return no_answer(fmt::format("{} is missing", name));
  return number;
}

Result<bool> flag_or_false(const Json& object, std::string_view name) {
  const Json* member = object.find(name);
  if (member == nullptr) return false;
  if (const auto flag = member->flag()) return *flag;
  return no_answer(fmt::format("{} is neither true nor false", name));
}

Result<Bytes> coded_bytes(const Json& object, std::string_view name) {
  const Json* member = object.find(name);
  if (member == nullptr) return Bytes();
  auto bytes =
      member->text() == nullptr ? Result<Bytes>(skip_error("no text")) : from_base64(*member->text());
  if (!bytes) return no_answer(fmt::format("{}: {}", name, bytes.error().message));
  return bytes;
}

// nullptr: it is left out, which means empty.
Result<const JsonList*> list_or_nothing(const Json& object, std::string_view name) {
  const Json* member = object.find(name);
  if (member != nullptr && member->list() == nullptr) return no_answer(fmt::format("{} is no list", name));
  return member == nullptr ? nullptr : member->list();
}

Result<EtcdPair> parse_pair(const Json& json) {
  EtcdPair pair;
  TRY_ASSIGN(const Bytes key, coded_bytes(json, "key"));
  if (key.empty()) return no_answer("a pair without key");
  pair.key = as_text(key);
  TRY_ASSIGN(pair.content, coded_bytes(json, "value"));
  TRY_ASSIGN(pair.revision, positive_number(json, "mod_revision"));
  return pair;
}

Result<int64_t> store_revision(const Json& answer) {
  const Json* header = answer.find("header");
  if (header == nullptr || header->object() == nullptr) return no_answer("no header");
  return positive_number(*header, "revision");
}

const std::string* text_member(const Json& json, std::string_view name) {
  const Json* member = json.find(name);
  return member == nullptr ? nullptr : member->text();
}

}  // namespace

EtcdRefusal parse_etcd_refusal(std::string_view body) {
  const auto json = parse_json(body, {.max_bytes = size_t{64} << 10, .max_depth = 16});
  if (!json) return {.code = 0, .message = said_on_one_line(body)};
  EtcdRefusal refusal;
  if (const Json* code = json->find("code"); code != nullptr) refusal.code = code->integer().value_or(0);
  const std::string* said = text_member(*json, "message");
  if (said == nullptr) said = text_member(*json, "error");
  refusal.message = said_on_one_line(said == nullptr ? body : std::string_view(*said));
  return refusal;
}

Result<EtcdRange> parse_etcd_range(std::string_view body, size_t limit) {
  TRY_ASSIGN(const Json json, parse_etcd_object(body));
  EtcdRange range;
  TRY_ASSIGN(range.revision, store_revision(json));
  TRY_ASSIGN(range.has_more, flag_or_false(json, "more"));
  TRY_ASSIGN(const JsonList* list, list_or_nothing(json, "kvs"));
  if (list == nullptr) return range;
  if (list->size() > limit)
    return no_answer(fmt::format("{} pairs where {} were asked for", list->size(), limit));
  for (const Json& one : *list) {
    TRY_ASSIGN(EtcdPair pair, parse_pair(one));
    if (!range.pairs.empty() && range.pairs.back().key >= pair.key) return no_answer("keys do not ascend");
    if (pair.revision > range.revision) return no_answer("a pair is newer than the store");
    range.pairs.push_back(std::move(pair));
  }
  return range;
}

Result<bool> parse_etcd_transaction(std::string_view body) {
  TRY_ASSIGN(const Json json, parse_etcd_object(body));
  TRY(store_revision(json));
  return flag_or_false(json, "succeeded");
}

Result<std::vector<bool>> parse_etcd_presence(std::string_view body, size_t requests) {
  TRY_ASSIGN(const Json json, parse_etcd_object(body));
  TRY(store_revision(json));
  TRY_ASSIGN(const JsonList* list, list_or_nothing(json, "responses"));
  if (list == nullptr || list->size() != requests) return no_answer("not so many responses as requests");
  std::vector<bool> found;
  for (const Json& response : *list) {
    const Json* range = response.find("response_range");
    if (range == nullptr || range->object() == nullptr) return no_answer("a response that is no range's");
    TRY_ASSIGN(const JsonList* pairs, list_or_nothing(*range, "kvs"));
    found.push_back(pairs != nullptr && !pairs->empty());
  }
  return found;
}

Result<EtcdWatchMessage> parse_etcd_watch_message(std::string_view line) {
  TRY_ASSIGN(const Json json, parse_etcd_object(line));
  const Json* result = json.find("result");
  if (result == nullptr || result->object() == nullptr)
    return no_answer("no result but " + parse_etcd_refusal(line).message);
  EtcdWatchMessage message;
  TRY_ASSIGN(message.is_cancelled, flag_or_false(*result, "canceled"));
  TRY_ASSIGN(message.compacted_up_to, whole_number(*result, "compact_revision"));
  if (message.is_cancelled) {
    const std::string* reason = text_member(*result, "cancel_reason");
    if (reason != nullptr) message.reason = said_on_one_line(*reason);
    return message;
  }
  TRY_ASSIGN(const bool is_created, flag_or_false(*result, "created"));
  TRY_ASSIGN(const JsonList* events, list_or_nothing(*result, "events"));
  const bool has_events = events != nullptr && !events->empty();
  if (!has_events && !is_created) {
    TRY_ASSIGN(message.told_up_to, store_revision(*result));
  }
  if (!has_events) return message;
  for (const Json& event : *events) {
    const Json* pair = event.find("kv");
    if (pair == nullptr || pair->object() == nullptr) return no_answer("an event of nothing");
    TRY_ASSIGN(const int64_t revision, positive_number(*pair, "mod_revision"));
    message.newest_change = std::max(message.newest_change, revision);
  }
  return message;
}

Result<std::vector<std::string>> parse_etcd_names(std::string_view body, std::string_view list) {
  TRY_ASSIGN(const Json json, parse_etcd_object(body));
  TRY_ASSIGN(const JsonList* entries, list_or_nothing(json, list));
  std::vector<std::string> names;
  if (entries == nullptr) return names;
  for (const Json& entry : *entries) {
    if (entry.text() == nullptr) return no_answer(fmt::format("{}: an entry that is no name", list));
    names.push_back(*entry.text());
  }
  return names;
}

Result<std::string> parse_etcd_token(std::string_view body) {
  TRY_ASSIGN(const Json json, parse_etcd_object(body));
  const std::string* token = text_member(json, "token");
  const bool is_sendable = token != nullptr && !token->empty() && token->size() <= kMaxEtcdTokenBytes &&
                           std::ranges::all_of(*token, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!is_sendable) return no_answer("no token that a request can carry");
  return *token;
}

std::optional<TimestampMs> end_of_etcd_token(std::string_view token) {
  const size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto claims = from_base64(token.substr(first + 1, second - first - 1), Base64Form::kUrl);
  if (!claims) return std::nullopt;
  const auto json = parse_json(as_text(*claims), {.max_bytes = kMaxEtcdTokenBytes, .max_depth = 8});
  const Json* end = json ? json->find("exp") : nullptr;
  const auto seconds = end == nullptr ? std::nullopt : end->integer();
  if (!seconds || *seconds <= 0 || *seconds > kMaxEndSeconds) return std::nullopt;
  return *seconds * 1000;
}

}  // namespace templar
