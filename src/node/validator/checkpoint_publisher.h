// Publishes checkpoints in the background: a window goes on while the copy of its start is written, hashed
// and uploaded.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/keys/keys.h"
#include "core/run/run_spec.h"
#include "formats/checkpoint/checkpoint.h"
#include "formats/checkpoint/retention.h"
#include "formats/safetensors/model_shards.h"
#include "ports/object_store.h"
#include "ports/tokenizer.h"

namespace templar {

struct PublisherOptions {
  int threads = 1;            // for hashing; the node's own threads go on working
  bool in_background = true;  // false: begin() publishes, on its caller's thread
  uint64_t shard_bytes = kDefaultShardBytes;
  CheckpointRetention retention;
  std::vector<TokenizerFile> tokenizer;  // goes beside the model
};

// One caller at a time.
class CheckpointPublisher {
 public:
  // The store must outlive it.
  CheckpointPublisher(const RunSpec& spec, ObjectStore& store, const KeyPair& key, PublisherOptions options)
      : spec_(spec), store_(store), key_(key), options_(std::move(options)) {}
  // Waits for a checkpoint that is under way.
  ~CheckpointPublisher() = default;

  // Whether a checkpoint is under way, or its outcome has not been asked for yet.
  [[nodiscard]] bool busy() const { return busy_; }
  struct Begun {
    int64_t window = 0;
    Stopwatch since;
  };
  // The checkpoint that was begun last. To be called only after a begin().
  [[nodiscard]] const Begun& begun() const { return begun_; }
  // Begins to publish and returns at once (or see PublisherOptions). Must not be busy (CHECK).
  void begin(std::string bucket, const CheckpointInfo& info,
             std::shared_ptr<const ParameterBuffers> parameters);
  // The outcome of what was begun, once; nullopt while it is under way, or if nothing was begun.
  [[nodiscard]] std::optional<Status> outcome();
  // The same, waiting for it; success if nothing was begun.
  [[nodiscard]] Status wait();

 private:
  [[nodiscard]] Status publish(const std::string& bucket, const CheckpointInfo& info,
                               const ParameterBuffers& parameters);

  const RunSpec spec_;
  ObjectStore& store_;
  const KeyPair key_;
  const PublisherOptions options_;
  Begun begun_;
  bool busy_ = false;
  Status result_;  // written by the worker before done_
  std::atomic<bool> done_ = false;
  std::jthread worker_;  // last: joined before the rest goes away
};

}  // namespace templar
