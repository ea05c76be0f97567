#include "ports/registered_stores.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log/log.h"
#include "ports/roster.h"

namespace templar {

Result<std::optional<ObjectInfo>> RegisteredStores::head(std::string_view bucket,
                                                         std::string_view key) const {
  return ask_or_empty<std::optional<ObjectInfo>>(
      bucket, [&](const ObjectReader& reader) { return reader.head(bucket, key); });
}

Result<Bytes> RegisteredStores::get(std::string_view bucket, std::string_view key, uint64_t max_bytes) const {
  TRY_ASSIGN(const SharedReader reader, reader_of(bucket));
  return reader->get(bucket, key, max_bytes);
}

Status RegisteredStores::get_pieces(std::string_view bucket, std::string_view key, uint64_t max_bytes,
                                    const PieceSink& sink) const {
  TRY_ASSIGN(const SharedReader reader, reader_of(bucket));
  return reader->get_pieces(bucket, key, max_bytes, sink);
}

Result<Bytes> RegisteredStores::get_range(std::string_view bucket, std::string_view key,
                                          ByteRange range) const {
  TRY_ASSIGN(const SharedReader reader, reader_of(bucket));
  return reader->get_range(bucket, key, range);
}

Result<std::vector<ObjectInfo>> RegisteredStores::list(std::string_view bucket,
                                                       std::string_view prefix) const {
  return ask_or_empty<std::vector<ObjectInfo>>(
      bucket, [&](const ObjectReader& reader) { return reader.list(bucket, prefix); });
}

template <typename Answer, typename Ask>
Result<Answer> RegisteredStores::ask_or_empty(std::string_view bucket, const Ask& ask) const {
  const auto asked = [&]() -> Result<Answer> {
    TRY_ASSIGN(const SharedReader reader, reader_of(bucket));
    return ask(*reader);
  };
  Result<Answer> answer = asked();
  if (answer || answer.error().kind != ErrorKind::kSkip) return answer;
  say_refused(bucket, answer.error().message);
  return Answer();
}

Result<RegisteredStores::SharedReader> RegisteredStores::reader_of(std::string_view bucket) const {
  // Each time: who registers another address is read there from then on. A ledger remembers its answer, and
  // the object that is asked for lies across the internet.
  TRY_ASSIGN(const std::vector<Registration> roster, ledger_.registrations());
  const auto node = std::ranges::find(roster, bucket, &Registration::bucket);
  std::string address = node == roster.end() ? "" : node->store;
  if (node == roster.end() && own_ == nullptr) {
    // What no node has, such as the model that a run begins with, lies where the leader writes.
    if (const std::optional<Registration> leader = most_staked_validator(roster)) address = leader->store;
  }
  if (!address.empty() && address != own_address_) return open_kept(address, roster);
  if (own_ != nullptr) return own_;
  const std::string reason = fmt::format(
      "bucket {}: {}; name the folder that all nodes share with --store", bucket,
      node == roster.end() ? "no node has it"
                           : fmt::format("uid {} has registered no address of a store", node->uid));
  // One without an address among others who have one has only itself to blame; where nobody has one, it is we
  // who were not told the folder.
  const auto has_address = [](const Registration& other) { return !other.store.empty(); };
  if (std::ranges::any_of(roster, has_address)) return skip_error(reason);
  return fatal_error(reason);
}

Result<RegisteredStores::SharedReader> RegisteredStores::open_kept(
    const std::string& address, const std::vector<Registration>& roster) const {
  const MutexLock lock(mutex_);
  if (const auto kept = readers_.find(address); kept != readers_.end()) return kept->second;
  std::erase_if(readers_, [&](const auto& reader) {
    return std::ranges::find(roster, reader.first, &Registration::store) == roster.end();
  });
  TRY_ASSIGN(SharedReader reader, open_(address));
  readers_.emplace(address, reader);
  return reader;
}

void RegisteredStores::say_refused(std::string_view bucket, const std::string& reason) const {
  {
    const MutexLock lock(mutex_);
    std::string& said = refused_[std::string(bucket)];
    if (said == reason) return;
    said = reason;
  }
  log(LogLevel::kWarning, "store", "a node's store can't be read: it counts as empty",
      {{"bucket", bucket}, {"reason", reason}});
}

}  // namespace templar
