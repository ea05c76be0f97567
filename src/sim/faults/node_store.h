// The stores of all nodes, as one node sees them.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "ports/object_store.h"
#include "sim/faults/node_calls.h"

namespace templar {

// The simulation's time, but for what it is off by. A store stamps by one what is put, whose owner's offset
// it has for the put that comes next; each node has one of its own. One thread at a time.
class OffsetClock final : public Clock {
 public:
  explicit OffsetClock(const Clock& clock) : clock_(clock) {}
  [[nodiscard]] TimestampMs now_ms() const override { return clock_.now_ms() + offset_ms_; }
  void set_offset(int64_t offset_ms) { offset_ms_ = offset_ms; }

 private:
  const Clock& clock_;
  int64_t offset_ms_ = 0;
};

// Store, clock and calls must outlive it. The node's thread alone.
class NodeStore final : public ObjectStore {
 public:
  // on_put: called before each put that is done; may be empty.
  using PutListener = std::function<void(std::string_view bucket, std::string_view key, ByteView content)>;
  NodeStore(ObjectStore& store, OffsetClock& stamps, NodeCalls& calls, PutListener on_put = {})
      : store_(store), stamps_(stamps), calls_(calls), on_put_(std::move(on_put)) {}

  // Of the node's own bucket.
  void set_clock_offset(int64_t offset_ms) { offset_ms_ = offset_ms; }

  [[nodiscard]] Result<std::optional<ObjectInfo>> head(std::string_view bucket,
                                                       std::string_view key) const override;
  [[nodiscard]] Result<Bytes> get(std::string_view bucket, std::string_view key,
                                  uint64_t max_bytes) const override;
  [[nodiscard]] Result<Bytes> get_range(std::string_view bucket, std::string_view key,
                                        ByteRange range) const override;
  [[nodiscard]] Result<std::vector<ObjectInfo>> list(std::string_view bucket,
                                                     std::string_view prefix) const override;
  [[nodiscard]] int useful_calls_at_once() const override { return 1; }
  [[nodiscard]] Status put(std::string_view bucket, std::string_view key, ByteView content) override;
  [[nodiscard]] Status remove(std::string_view bucket, std::string_view key) override;

 private:
  // What a reader makes of content that a fault may hit on its way.
  void damage(const NodeCall& call, Bytes& content) const;

  ObjectStore& store_;
  OffsetClock& stamps_;
  NodeCalls& calls_;
  const PutListener on_put_;
  int64_t offset_ms_ = 0;
};

}  // namespace templar
