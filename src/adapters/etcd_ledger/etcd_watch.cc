#include "adapters/etcd_ledger/etcd_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/base64.h"
#include "base/json/json.h"
#include "base/log/log.h"

namespace templar {
namespace {

using std::chrono::milliseconds;

EtcdClientOptions streaming_options(EtcdClientOptions options, std::function<bool()> is_over) {
  // Nothing comes for as long as nobody writes.
  options.transfers.limits.stall_bytes_per_second = 0;
  options.transfers.limits.whole = milliseconds(0);
  options.transfers.is_cancelled = std::move(is_over);
  return options;
}

EtcdClientOptions asking_options(EtcdClientOptions options, std::function<bool()> is_ending) {
  options.transfers.is_cancelled = std::move(is_ending);
  options.retry.most_retries = 0;
  return options;
}

std::string watch_request(const std::string& prefix, int64_t from) {
  std::string end = prefix;
  ++end.back();
  return to_text(JsonObject{{"create_request", JsonObject{{"key", to_base64(as_bytes(prefix))},
                                                          {"range_end", to_base64(as_bytes(end))},
                                                          {"start_revision", std::to_string(from)},
                                                          {"progress_notify", true},
                                                          {"fragment", true}}}});
}

}  // namespace

EtcdWatch::EtcdWatch(EtcdClientOptions client, std::string prefix, const EtcdWatchOptions& options)
    : prefix_(std::move(prefix)),
      options_(options),
      asking_(asking_options(client, [this] { return is_ending_.load(); })),
      streaming_(streaming_options(std::move(client), [this] { return is_over(); })) {}

EtcdWatch::~EtcdWatch() {
  is_ending_ = true;
  std::jthread thread;
  {
    const MutexLock lock(mutex_);
    thread = std::move(thread_);
    told_.notify_all();
  }
  // The thread takes the lock while it ends.
  thread = {};
}

bool EtcdWatch::is_over() const {
  return is_ending_ || clock_.now_ms() - last_heard_ms_ > options_.silence.count();
}

bool EtcdWatch::wait(int64_t since, milliseconds at_most) {
  const MutexLock lock(mutex_);
  if (!thread_.joinable() && !is_ending_)
    thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  return told_.wait_for(mutex_, at_most,
                        [&]() REQUIRES(mutex_) { return changed_ > since || unknown_up_to_ > since; });
}

Result<int64_t> EtcdWatch::begin_anew() {
  const Json body = JsonObject{{"key", to_base64(as_bytes(prefix_))}, {"limit", "1"}, {"keys_only", true}};
  TRY_ASSIGN(const EtcdReply reply,
             asking_.send({.path = "/v3/kv/range", .body = to_text(body), .what = "revision of " + prefix_}));
  TRY_ASSIGN(const EtcdRange range, parse_etcd_range(as_text(reply.body), 1));
  const MutexLock lock(mutex_);
  unknown_up_to_ = std::max(unknown_up_to_, range.revision);
  told_.notify_all();
  return range.revision + 1;
}

Status EtcdWatch::take_line(std::string_view line, int64_t& next) {
  TRY_ASSIGN(const EtcdWatchMessage message, parse_etcd_watch_message(line));
  if (message.is_cancelled && message.compacted_up_to > 0) {
    next = 0;
    return retry_error("the revisions that were not told yet were compacted");
  }
  if (message.is_cancelled) {
    // What the token was good for it may be good for no more.
    streaming_.forget_token();
    return retry_error("the server ended the watch: " + message.reason);
  }
  if (message.newest_change > 0) {
    next = std::max(next, message.newest_change + 1);
    const MutexLock lock(mutex_);
    changed_ = std::max(changed_, message.newest_change);
    told_.notify_all();
  }
  if (message.told_up_to > 0) next = std::max(next, message.told_up_to + 1);
  return {};
}

Status EtcdWatch::follow(int64_t& next) {
  last_heard_ms_ = clock_.now_ms();
  std::string pending;
  const BodySink sink = [&](const TransferReply&, ByteView piece) -> Status {
    last_heard_ms_ = clock_.now_ms();
    pending += as_text(piece);
    for (size_t end = 0; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
      if (end > 0) TRY(take_line(std::string_view(pending).substr(0, end), next));
    }
    if (pending.size() <= kMaxEtcdAnswerBytes) return {};
    next = 0;
    return retry_error("a message without end");
  };
  TRY(streaming_.send({.path = "/v3/watch",
                       .body = watch_request(prefix_, next),
                       .what = "watch of " + prefix_,
                       .is_write = true,
                       .sink = sink}));
  return retry_error("the stream ended");
}

void EtcdWatch::pause(milliseconds time, const std::stop_token& stop) {
  const MutexLock lock(mutex_);
  told_.wait_for(mutex_, time, [&] { return is_ending_ || stop.stop_requested(); });
}

void EtcdWatch::work(const std::stop_token& stop) {
  BackOff back_off(options_.retry);
  int64_t next = 0;
  while (!is_ending_ && !stop.stop_requested()) {
    const int64_t before = next;
    Status status;
    if (next == 0) {
      const auto from = begin_anew();
      next = from.value_or(0);
      if (!from) status = std::unexpected(from.error());
    }
    if (status) status = follow(next);
    if (is_ending_) return;
    if (before > 0 && next > before) back_off.succeed();
    // Nothing is wrong with it, perhaps.
    const bool was_silent = next > 0 && is_over();
    if (was_silent) continue;
    log(LogLevel::kDebug, "ledger", "the watch is begun again", {{"reason", status.error().message}});
    pause(back_off.next_pause(), stop);
    // Where streams break again and again the revision has to do.
    if (next > 0) static_cast<void>(begin_anew());
  }
}

}  // namespace templar
