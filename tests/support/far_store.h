// An object store as one that is far away behaves, without the way.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/threads/cancellation.h"
#include "base/threads/mutex.h"
#include "ports/object_store.h"

namespace templar::testing {

// It can be asked many things at once, and a test says when it answers. The store behind it must outlive it.
class FarStore final : public ObjectReader {
 public:
  explicit FarStore(const ObjectReader& store) : store_(store) {}
  Result<std::optional<ObjectInfo>> head(std::string_view bucket, std::string_view key) const override {
    return store_.head(bucket, key);
  }
  Result<Bytes> get(std::string_view bucket, std::string_view key, uint64_t max_bytes) const override {
    TRY(on_get(std::string(bucket)));
    return store_.get(bucket, key, max_bytes);
  }
  Result<Bytes> get_range(std::string_view bucket, std::string_view key, ByteRange range) const override {
    return store_.get_range(bucket, key, range);
  }
  Result<std::vector<ObjectInfo>> list(std::string_view bucket, std::string_view prefix) const override {
    return store_.list(bucket, prefix);
  }
  void wait_until(const std::function<bool()>& condition) const {
    const MutexLock lock(mutex_);
    while (!condition()) changed_.wait_for(mutex_, std::chrono::milliseconds(1));
  }
  // Until nobody waits any more.
  Status be_silent() const {
    wait_until([] { return is_thread_cancelled(); });
    return retry_error("cancelled");
  }
  // Called before each get.
  std::function<Status(const std::string& bucket)> on_get = [](const std::string&) { return Status(); };

 private:
  const ObjectReader& store_;
  mutable Mutex mutex_;
  mutable ConditionVariable changed_;
};

}  // namespace templar::testing
