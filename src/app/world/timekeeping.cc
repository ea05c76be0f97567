#include "app/world/timekeeping.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/back_off.h"
#include "base/log/log.h"
#include "base/log/log_context.h"
#include "core/protocol/object_keys.h"

namespace templar {
namespace {

constexpr std::chrono::milliseconds kSleepPart{50};
constexpr std::chrono::milliseconds kShortestPause{5};

void pause_until(std::chrono::milliseconds pause, const std::stop_token& stop) {
  for (pause = std::max(pause, kShortestPause); pause.count() > 0 && !stop.stop_requested();
       pause -= kSleepPart)
    std::this_thread::sleep_for(std::min(pause, kSleepPart));
}

}  // namespace

std::optional<TimestampMs> time_of_store(ObjectStore& store, const std::string& bucket) {
  if (!store.put(bucket, kClockKey, as_bytes("now"))) return std::nullopt;
  const auto stored = store.head(bucket, kClockKey);
  if (!stored || !*stored) return std::nullopt;
  return (*stored)->stored_at_ms;
}

Timekeeping::Timekeeping(const OpenedLedger& ledger, const NetworkSpec& network, const KeyPair& key,
                         std::function<std::optional<TimestampMs>()> store_time)
    : timekeeper_(ledger.board(), ledger.entries(), key),
      keeper_(timekeeper_, ledger.entries(), network, key.public_key(), wall_, steady_,
              std::move(store_time)),
      thread_([this, speaker = current_log_context()](const std::stop_token& stop) {
        const LogContext scope(speaker);
        work(stop);
      }) {}

Timekeeping::~Timekeeping() = default;

void Timekeeping::work(const std::stop_token& stop) {
  BackOff back_off({});
  bool said_fatal = false;
  while (!stop.stop_requested()) {
    const auto pause_ms = keeper_.advance();
    if (pause_ms) {
      back_off.succeed();
      pause_until(std::chrono::milliseconds(*pause_ms), stop);
      continue;
    }
    const bool is_fatal = pause_ms.error().kind == ErrorKind::kFatal;
    if (!is_fatal || !said_fatal) {
      log(is_fatal ? LogLevel::kError : LogLevel::kWarning, "timekeeper", "no block can be made now",
          {{"reason", pause_ms.error().message}});
    }
    said_fatal = said_fatal || is_fatal;
    pause_until(back_off.next_pause(), stop);
  }
}

}  // namespace templar
