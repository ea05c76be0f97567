#include "adapters/etcd_ledger/etcd_notice_board.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/base64.h"
#include "base/check.h"
#include "base/json/json.h"

namespace templar {
namespace {

// Mostly entries have a few hundred bytes; where they are larger, pages become shorter.
constexpr size_t kEtcdPagePairs = 1024;
constexpr size_t kMaxListedNotices = 1'000'000;
constexpr size_t kMaxListedBytes = size_t{256} << 20;
constexpr int kMostListTries = 3;
// All that keys are made of, in their order.
constexpr std::string_view kKeyCharacters = "-/0123456789abcdefghijklmnopqrstuvwxyz";

std::string coded(std::string_view text) {
  return to_base64(as_bytes(text));
}

// The first key behind all that begin so.
std::string after_prefix(std::string prefix) {
  CHECK(!prefix.empty() && prefix.back() < '\x7f');
  ++prefix.back();
  return prefix;
}

}  // namespace

EtcdNoticeBoard::EtcdNoticeBoard(EtcdBoardOptions options)
    : prefix_(std::move(options.prefix)),
      client_(options.client),
      watch_(std::move(options.client), prefix_, options.watch) {
  CHECK(prefix_.size() > 1 && prefix_.ends_with('/'));
}
EtcdNoticeBoard::~EtcdNoticeBoard() = default;

std::string EtcdNoticeBoard::what(const char* action, std::string_view key) const {
  return fmt::format("{} {}{}", action, prefix_, key);
}

std::optional<Notice> EtcdNoticeBoard::notice_of(EtcdPair pair) const {
  if (!pair.key.starts_with(prefix_)) return std::nullopt;
  pair.key.erase(0, prefix_.size());
  if (!check_notice(pair.key, {})) return std::nullopt;
  if (pair.content.size() > kMaxNoticeBytes) pair.content.clear();
  return Notice{.key = std::move(pair.key), .content = std::move(pair.content), .revision = pair.revision};
}

Result<EtcdReply> EtcdNoticeBoard::ask_range(const Page& page, size_t limit, bool only_keys) const {
  JsonObject body{{"key", coded(page.begin)}, {"limit", std::to_string(limit)}};
  if (!page.end.empty()) body.push_back({"range_end", coded(page.end)});
  if (page.revision > 0) body.push_back({"revision", std::to_string(page.revision)});
  if (only_keys) body.push_back({"keys_only", true});
  return client_.send(
      {.path = "/v3/kv/range",
       .body = to_text(body),
       .what = fmt::format("read of {}{}", page.begin, page.end.empty() ? "" : " and after")});
}

Result<std::optional<EtcdRange>> EtcdNoticeBoard::read_page(const Page& page, size_t& limit) const {
  for (;;) {
    TRY_ASSIGN(const EtcdReply reply, ask_range(page, limit, false));
    if (reply.is_compacted) return std::nullopt;
    if (!reply.is_too_large) {
      auto range = parse_etcd_range(as_text(reply.body), limit);
      if (!range) return annotate(range.error(), "ledger: read of " + page.begin);
      return *std::move(range);
    }
    if (limit == 1)
      return retry_error(fmt::format("ledger: what lies behind {} is too large to read", page.begin));
    limit = std::max<size_t>(limit / 4, 1);
  }
}

Result<std::optional<Notice>> EtcdNoticeBoard::read(std::string_view key) const {
  size_t limit = 1;
  const std::string whole = prefix_ + std::string(key);
  TRY_ASSIGN(std::optional<EtcdRange> range, read_page({.begin = whole, .end = {}}, limit));
  if (!range) return retry_error("ledger: " + what("read of", key) + ": compacted");
  if (range->pairs.empty()) return std::nullopt;
  if (range->pairs.front().key != whole)
    return retry_error("ledger: " + what("read of", key) + ": another key came");
  return notice_of(std::move(range->pairs.front()));
}

Result<std::optional<std::vector<Notice>>> EtcdNoticeBoard::try_to_list(std::string_view prefix) const {
  const std::string whole = prefix_ + std::string(prefix);
  Page page{.begin = whole, .end = after_prefix(whole)};
  std::vector<Notice> notices;
  size_t bytes = 0;
  for (size_t limit = kEtcdPagePairs;;) {
    TRY_ASSIGN(std::optional<EtcdRange> range, read_page(page, limit));
    if (!range) return std::nullopt;
    page.revision = range->revision;
    for (EtcdPair& pair : range->pairs) {
      if (pair.key < page.begin || pair.key >= page.end)
        return retry_error("ledger: " + what("list of", prefix) + ": a key came that is not in it");
      page.begin = pair.key + '\0';
      bytes += pair.key.size() + pair.content.size();
      if (auto notice = notice_of(std::move(pair))) notices.push_back(*std::move(notice));
    }
    if (!range->has_more || range->pairs.empty()) return notices;
    if (notices.size() > kMaxListedNotices || bytes > kMaxListedBytes)
      return retry_error("ledger: " + what("list of", prefix) + ": more than this program can hold");
  }
}

Result<std::vector<Notice>> EtcdNoticeBoard::list(std::string_view prefix) const {
  for (int tries = 0; tries < kMostListTries; ++tries) {
    TRY_ASSIGN(auto notices, try_to_list(prefix));
    if (notices) return *std::move(notices);
  }
  return retry_error("ledger: " + what("list of", prefix) + ": it was compacted again and again meanwhile");
}

// From the front on: which character is the last that any key goes on with? Asked of all of them at once.
// Sorting on the server would read all that is there.
Result<std::optional<std::string>> EtcdNoticeBoard::find_last(const std::string& prefix) const {
  std::string found = prefix_ + prefix;
  while (found.size() <= prefix_.size() + kMaxNoticeKeyBytes) {
    JsonList ranges;
    for (const char c : kKeyCharacters) {
      const std::string begin = found + c;
      ranges.emplace_back(JsonObject{{"request_range", JsonObject{{"key", coded(begin)},
                                                                  {"range_end", coded(after_prefix(begin))},
                                                                  {"limit", "1"},
                                                                  {"keys_only", true}}}});
    }
    TRY_ASSIGN(const EtcdReply reply,
               client_.send({.path = "/v3/kv/txn",
                             .body = to_text(JsonObject{{"success", std::move(ranges)}}),
                             .what = what("search of the last in", prefix)}));
    const auto present = parse_etcd_presence(as_text(reply.body), kKeyCharacters.size());
    if (!present) return annotate(present.error(), "ledger: " + what("search of the last in", prefix));
    const auto last = std::find(present->rbegin(), present->rend(), true);
    if (last == present->rend()) break;
    found += kKeyCharacters[static_cast<size_t>(present->rend() - last) - 1];
  }
  if (found.size() == prefix_.size() + prefix.size()) return std::nullopt;
  return found;
}

Result<std::optional<Notice>> EtcdNoticeBoard::last_from(std::string begin, const std::string& end) const {
  std::optional<Notice> newest;
  for (size_t limit = kEtcdPagePairs / 16;;) {
    TRY_ASSIGN(std::optional<EtcdRange> range, read_page({.begin = begin, .end = end}, limit));
    if (!range) return retry_error("ledger: read of " + begin + ": compacted");
    for (EtcdPair& pair : range->pairs) {
      if (pair.key < begin || pair.key >= end)
        return retry_error("ledger: read of " + begin + ": another key came");
      begin = pair.key + '\0';
      if (auto notice = notice_of(std::move(pair))) newest = std::move(notice);
    }
    if (!range->has_more || range->pairs.empty()) return newest;
  }
}

Result<std::optional<Notice>> EtcdNoticeBoard::last(std::string_view prefix) const {
  const std::string end = after_prefix(prefix_ + std::string(prefix));
  const auto known = [&]() -> std::optional<std::string> {
    const MutexLock lock(mutex_);
    const auto found = last_keys_.find(prefix);
    return found == last_keys_.end() ? std::nullopt : std::optional(found->second);
  };
  std::optional<std::string> begin = known();
  std::optional<Notice> newest;
  if (begin) {
    TRY_ASSIGN(newest, last_from(*begin, end));
  }
  // The first time; or it is gone, which only who keeps the cluster can do.
  if (!newest) {
    TRY_ASSIGN(begin, find_last(std::string(prefix)));
    if (begin) {
      TRY_ASSIGN(newest, last_from(*begin, end));
    }
  }
  // The prefix itself may be a key; or somebody has written keys that no board can have behind all others.
  if (!newest) {
    TRY_ASSIGN(std::vector<Notice> all, list(prefix));
    if (!all.empty()) newest = std::move(all.back());
  }
  if (newest) {
    const MutexLock lock(mutex_);
    last_keys_.insert_or_assign(std::string(prefix), prefix_ + newest->key);
  }
  return newest;
}

Result<int64_t> EtcdNoticeBoard::revision() const {
  TRY_ASSIGN(const EtcdReply reply, ask_range({.begin = prefix_, .end = {}}, 1, true));
  const auto range = reply.is_compacted || reply.is_too_large ? Result<EtcdRange>(retry_error("it has none"))
                                                              : parse_etcd_range(as_text(reply.body), 1);
  if (!range) return annotate(range.error(), "ledger: revision of " + prefix_);
  return range->revision;
}

bool EtcdNoticeBoard::wait_for_change(int64_t since, std::chrono::milliseconds at_most) const {
  return watch_.wait(since, at_most);
}

Result<bool> EtcdNoticeBoard::write(std::string_view key, ByteView content,
                                    std::span<const NoticeCondition> conditions) {
  TRY(check_notice(key, content));
  JsonList compared;
  for (const NoticeCondition& condition : conditions) {
    compared.emplace_back(JsonObject{{"key", coded(prefix_ + condition.key)},
                                     {"target", "MOD"},
                                     {"result", "EQUAL"},
                                     {"mod_revision", std::to_string(condition.revision)}});
  }
  const Json put = JsonObject{
      {"request_put", JsonObject{{"key", coded(prefix_ + std::string(key))}, {"value", to_base64(content)}}}};
  const Json body = JsonObject{{"compare", std::move(compared)}, {"success", JsonList{put}}};
  TRY_ASSIGN(
      const EtcdReply reply,
      client_.send(
          {.path = "/v3/kv/txn", .body = to_text(body), .what = what("write of", key), .is_write = true}));
  const auto written = parse_etcd_transaction(as_text(reply.body));
  if (!written) return annotate(written.error(), "ledger: " + what("write of", key));
  return *written;
}

}  // namespace templar
