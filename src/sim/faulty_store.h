// A store that does to chosen objects what stores do: loses, delays or damages them, or is away.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/threads/mutex.h"
#include "ports/object_store.h"

namespace templar {

struct StoreFault {
  bool lose = false;      // a put succeeds, and nothing is stored
  bool corrupt = false;   // who reads it gets one bit wrong, in the middle of the object
  int64_t delay_ms = 0;   // it is stored that much later by the store's clock
  int failing_puts = 0;   // that many puts fail (retry) and change nothing
  int failing_reads = 0;  // that many heads and gets fail (retry)
  int torn_reads = 0;     // that many gets give the first half of the object alone
};

// The store behind it, which must outlive it, with faults at the objects that have been chosen. Thread-safe.
class FaultyStore final : public ObjectStore {
 public:
  explicit FaultyStore(ObjectStore& store) : store_(store) {}

  // In place of any earlier fault of that object, from now on.
  void set_fault(std::string_view bucket, std::string_view key, const StoreFault& fault);

  [[nodiscard]] Result<std::optional<ObjectInfo>> head(std::string_view bucket,
                                                       std::string_view key) const override;
  [[nodiscard]] Result<Bytes> get(std::string_view bucket, std::string_view key,
                                  uint64_t max_bytes) const override;
  [[nodiscard]] Result<Bytes> get_range(std::string_view bucket, std::string_view key,
                                        ByteRange range) const override;
  [[nodiscard]] Result<std::vector<ObjectInfo>> list(std::string_view bucket,
                                                     std::string_view prefix) const override;
  [[nodiscard]] int useful_calls_at_once() const override { return store_.useful_calls_at_once(); }
  [[nodiscard]] Status put(std::string_view bucket, std::string_view key, ByteView content) override;
  [[nodiscard]] Status put_pieces(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                                  const ContentWriter& write) override;
  [[nodiscard]] Status remove(std::string_view bucket, std::string_view key) override;

 private:
  // The object's fault, of which one of the failures in that place is used up.
  [[nodiscard]] StoreFault fault_of(std::string_view bucket, std::string_view key,
                                    int StoreFault::* use = nullptr) const;

  ObjectStore& store_;
  mutable Mutex mutex_;
  mutable std::map<std::pair<std::string, std::string>, StoreFault> faults_
      GUARDED_BY(mutex_);  // by bucket and key
};

}  // namespace templar
