#include "node/validator/checkpoint_publisher.h"

#include <utility>

#include "base/check.h"
#include "base/log/log.h"
#include "base/log/log_context.h"
#include "formats/checkpoint/checkpoint_contents.h"

namespace templar {

void CheckpointPublisher::begin(std::string bucket, const CheckpointInfo& info,
                                std::shared_ptr<const ParameterBuffers> parameters) {
  CHECK(!busy());
  begun_ = {.window = info.window, .since = {}};
  busy_ = true;
  done_ = false;
  if (!options_.in_background) {
    result_ = publish(bucket, info, *parameters);
    done_ = true;
    return;
  }
  worker_ = std::jthread([this, bucket = std::move(bucket), info, parameters = std::move(parameters),
                          speaker = current_log_context()]() mutable {
    const LogContext scope(std::move(speaker));
    result_ = publish(bucket, info, *parameters);
    // Before done_: whoever sees the end finds the buffer free, so that the next copy takes no memory of its
    // own.
    parameters.reset();
    done_ = true;
  });
}

std::optional<Status> CheckpointPublisher::outcome() {
  if (!busy() || !done_) return std::nullopt;
  return wait();
}

Status CheckpointPublisher::wait() {
  if (!busy()) return {};
  busy_ = false;
  if (worker_.joinable()) worker_.join();
  return std::exchange(result_, Status());
}

Status CheckpointPublisher::publish(const std::string& bucket, const CheckpointInfo& info,
                                    const ParameterBuffers& parameters) {
  const Stopwatch watch;
  ThreadTeam team(options_.threads);
  TRY(publish_checkpoint(store_, bucket,
                         {.spec = spec_,
                          .info = info,
                          .parameters = parameters.spans(),
                          .tokenizer = options_.tokenizer,
                          .shard_bytes = options_.shard_bytes},
                         key_, team));
  log(LogLevel::kInfo, "checkpoint", "published",
      {{"window", info.window}, {"bucket", bucket}, {"seconds", watch.seconds()}});
  // Old checkpoints that stay cost space and nothing else: their removal is tried again after the next one.
  if (Status removed = remove_expired_checkpoints(store_, bucket, options_.retention); !removed) {
    log(LogLevel::kWarning, "checkpoint", "old ones not removed", {{"reason", removed.error().message}});
  }
  return {};
}

}  // namespace templar
