#include "sim/faults/node_store.h"

#include <algorithm>

namespace templar {
namespace {

constexpr int64_t kStaleMs = 60'000;  // what a stale listing lacks is younger

}  // namespace

Result<std::optional<ObjectInfo>> NodeStore::head(std::string_view bucket, std::string_view key) const {
  return calls_.make<Result<std::optional<ObjectInfo>>>({"head", bucket, key},
                                                        [&] { return store_.head(bucket, key); });
}

Result<Bytes> NodeStore::get(std::string_view bucket, std::string_view key, uint64_t max_bytes) const {
  const NodeCall call{"get", bucket, key};
  return calls_.make<Result<Bytes>>(call, [&]() -> Result<Bytes> {
    TRY_ASSIGN(Bytes content, store_.get(bucket, key, max_bytes));
    damage(call, content);
    if (!content.empty() && calls_.hits(FaultKind::kTornRead, call)) content.resize(content.size() / 2);
    return content;
  });
}

Result<Bytes> NodeStore::get_range(std::string_view bucket, std::string_view key, ByteRange range) const {
  const NodeCall call{"get_range", bucket, key};
  return calls_.make<Result<Bytes>>(call, [&]() -> Result<Bytes> {
    TRY_ASSIGN(Bytes content, store_.get_range(bucket, key, range));
    damage(call, content);
    return content;
  });
}

void NodeStore::damage(const NodeCall& call, Bytes& content) const {
  if (content.empty() || !calls_.hits(FaultKind::kRottenRead, call)) return;
  content[calls_.draw(content.size())] ^= static_cast<uint8_t>(1U << calls_.draw(8));
}

Result<std::vector<ObjectInfo>> NodeStore::list(std::string_view bucket, std::string_view prefix) const {
  const NodeCall call{"list", bucket, prefix};
  return calls_.make<Result<std::vector<ObjectInfo>>>(call, [&]() -> Result<std::vector<ObjectInfo>> {
    TRY_ASSIGN(std::vector<ObjectInfo> objects, store_.list(bucket, prefix));
    if (calls_.hits(FaultKind::kStaleList, call)) {
      stamps_.set_offset(0);
      const TimestampMs newest_ms = stamps_.now_ms() - kStaleMs;
      std::erase_if(objects, [&](const ObjectInfo& object) { return object.stored_at_ms > newest_ms; });
    }
    return objects;
  });
}

Status NodeStore::put(std::string_view bucket, std::string_view key, ByteView content) {
  return calls_.make<Status>({"put", bucket, key, true}, [&] {
    if (on_put_) on_put_(bucket, key, content);
    stamps_.set_offset(offset_ms_);
    return store_.put(bucket, key, content);
  });
}

Status NodeStore::remove(std::string_view bucket, std::string_view key) {
  return calls_.make<Status>({"remove", bucket, key, true}, [&] { return store_.remove(bucket, key); });
}

}  // namespace templar
