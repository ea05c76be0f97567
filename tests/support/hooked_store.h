// A store that tells a test what is asked of it, and does what the test says in its place.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ports/object_store.h"

namespace templar::testing {

struct StoreHooks {
  // Called before each call, by its thread: "head", "get", "get_range", "list", "put", "remove". An error is
  // the call's outcome. Of a get_range also where it begins.
  std::function<Status(std::string_view call, std::string_view key, uint64_t begin)> before;
  // May change what comes of an object's range.
  std::function<void(std::string_view key, Bytes& content)> changed;
};

// The store behind it and the hooks must outlive it. put_pieces is the port's own, which puts.
class HookedStore final : public ObjectStore {
 public:
  HookedStore(ObjectStore& store, const StoreHooks& hooks) : store_(store), hooks_(hooks) {}

  [[nodiscard]] Result<std::optional<ObjectInfo>> head(std::string_view bucket,
                                                       std::string_view key) const override {
    TRY(before("head", key));
    return store_.head(bucket, key);
  }
  [[nodiscard]] Result<Bytes> get(std::string_view bucket, std::string_view key,
                                  uint64_t max_bytes) const override {
    TRY(before("get", key));
    TRY_ASSIGN(Bytes content, store_.get(bucket, key, max_bytes));
    if (hooks_.changed) hooks_.changed(key, content);
    return content;
  }
  [[nodiscard]] Result<Bytes> get_range(std::string_view bucket, std::string_view key,
                                        ByteRange range) const override {
    TRY(before("get_range", key, range.begin));
    TRY_ASSIGN(Bytes content, store_.get_range(bucket, key, range));
    if (hooks_.changed) hooks_.changed(key, content);
    return content;
  }
  [[nodiscard]] Result<std::vector<ObjectInfo>> list(std::string_view bucket,
                                                     std::string_view prefix) const override {
    TRY(before("list", prefix));
    return store_.list(bucket, prefix);
  }
  [[nodiscard]] int useful_calls_at_once() const override { return store_.useful_calls_at_once(); }
  [[nodiscard]] Status put(std::string_view bucket, std::string_view key, ByteView content) override {
    TRY(before("put", key));
    return store_.put(bucket, key, content);
  }
  [[nodiscard]] Status remove(std::string_view bucket, std::string_view key) override {
    TRY(before("remove", key));
    return store_.remove(bucket, key);
  }

 private:
  [[nodiscard]] Status before(std::string_view call, std::string_view key, uint64_t begin = 0) const {
    return hooks_.before ? hooks_.before(call, key, begin) : Status();
  }

  ObjectStore& store_;
  const StoreHooks& hooks_;
};

}  // namespace templar::testing
