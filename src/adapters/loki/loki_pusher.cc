#include "adapters/loki/loki_pusher.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <thread>
#include <vector>

#include "adapters/http/http_client.h"
#include "adapters/loki/push_request.h"
#include "base/back_off.h"
#include "base/log/log.h"
#include "base/log/secrets.h"
#include "base/threads/mutex.h"

namespace templar {
namespace {

using std::chrono::milliseconds;

enum class Outcome { kPushed, kRejected, kTooLarge, kTryAgain };

Outcome outcome_of(int status) {
  if (status >= 200 && status < 300) return Outcome::kPushed;
  if (status == 413) return Outcome::kTooLarge;
  // Whoever is not let in, or sent elsewhere, may be when somebody has seen to it.
  const bool may_change = status < 400 || status >= 500 || status == 401 || status == 403 || status == 404 ||
                          status == 407 || status == 408 || status == 429;
  return may_change ? Outcome::kTryAgain : Outcome::kRejected;
}

// What the server said, short enough for a log.
std::string words_of(const HttpResponse& response) {
  return fmt::format("status {}: {}", response.status, response.body.substr(0, 300));
}

std::string push_address(const std::string& url) {
  const size_t host = url.find("://") + 3;
  const size_t path = url.find('/', host);
  if (path != std::string::npos && path + 1 < url.size()) return url;
  return url.substr(0, path) + "/loki/api/v1/push";
}

Status check(const LokiOptions& options) {
  if (!options.url.starts_with("http://") && !options.url.starts_with("https://")) {
    return fatal_error(fmt::format("Loki's address '{}' does not begin with http:// or https://",
                                   shown_address(options.url)));
  }
  for (const auto& [name, value] : options.labels) {
    if (!is_label_name(name))
      return fatal_error(fmt::format("Loki label '{}': names are letters, digits and '_'", name));
  }
  if (options.max_queued == 0 || options.batch == 0)
    return fatal_error("Loki: queue and batch hold at least one event");
  if (!options.user.empty() && !options.token.empty())
    return fatal_error("Loki: give a user or a token, not both");
  return {};
}

HttpPost request_for(const LokiOptions& options) {
  HttpPost request{
      .url = push_address(options.url), .user = options.user, .password = options.password, .gzip = true};
  request.headers = {{"Content-Type", "application/json"}};
  if (!options.tenant.empty()) request.headers.emplace_back("X-Scope-OrgID", options.tenant);
  if (!options.token.empty()) request.headers.emplace_back("Authorization", "Bearer " + options.token);
  return request;
}

}  // namespace

// What those who speak, and the worker, share.
struct LokiPusher::Queue {
  explicit Queue(const LokiOptions& options)
      : max_queued(options.max_queued), batch(options.batch), lowest(options.lowest) {}

  void add(const LogEvent& event) {
    if (event.level < lowest) return;
    LokiEntry entry{.event = event};
    const MutexLock lock(mutex);
    last_time_ns = std::max(last_time_ns + 1, event.time_ms * 1'000'000);
    entry.time_ns = last_time_ns;
    entry.number = next_number++;
    if (closed || waiting.size() >= max_queued) ++counts.dropped;
    if (closed) return;
    if (waiting.size() >= max_queued) waiting.pop_front();
    waiting.push_back(std::move(entry));
    // The worker is woken only where it has something to do: waking is the most expensive part of all this.
    if (waiting.size() == 1 || waiting.size() == batch) changed.notify_all();
  }

  // The number of the oldest event that is neither delivered nor given up.
  [[nodiscard]] uint64_t oldest() const REQUIRES(mutex) {
    return !in_flight.empty() ? in_flight.front().number
           : !waiting.empty() ? waiting.front().number
                              : next_number;
  }

  // For the worker alone, which may read what is in flight without the lock: nobody else changes it.
  [[nodiscard]] std::vector<LokiEntry>& in_flight_of_worker() NO_THREAD_SAFETY_ANALYSIS { return in_flight; }

  const size_t max_queued;
  const size_t batch;
  const LogLevel lowest;
  Mutex mutex;
  ConditionVariable changed;
  std::deque<LokiEntry> waiting GUARDED_BY(mutex);
  std::vector<LokiEntry> in_flight GUARDED_BY(mutex);  // older than all that wait
  uint64_t next_number GUARDED_BY(mutex) = 0;
  int64_t last_time_ns GUARDED_BY(mutex) = 0;
  uint64_t wanted_below GUARDED_BY(mutex) = 0;  // somebody waits for the events below this number
  bool stopping GUARDED_BY(mutex) = false;
  bool stopped GUARDED_BY(mutex) = false;
  bool closed GUARDED_BY(mutex) = false;  // nobody will take anything more
  LokiCounts counts GUARDED_BY(mutex);
};

class LokiPusher::Worker {
 public:
  Worker(const LokiOptions& options, std::shared_ptr<Queue> queue)
      : options_(options),
        queue_(std::move(queue)),
        request_(request_for(options)),
        streams_(options.labels, kMaxStreams),
        client_({.connect_timeout = options.request_timeout,
                 .timeout = options.request_timeout,
                 .ca_file = options.ca_file}),
        batch_(options.batch),
        back_off_({.first_pause = options.first_pause,
                   .longest_pause = options.longest_pause,
                   .jitter_seed = options.seed}),
        thread_([this] { work(); }) {}

  // Gives up what is going on.
  void cancel() { client_.cancel(); }
  void join() { thread_.join(); }

 private:
  void work() {
    MutexLock lock(queue_->mutex);
    while (wait_for_a_batch()) {
      lock.unlock();
      const bool settled = push();
      lock.lock();
      if (!settled && !pause()) break;
    }
    queue_->stopped = true;
    queue_->changed.notify_all();
  }

  // False: everything has been said and delivered.
  bool wait_for_a_batch() REQUIRES(queue_->mutex) {
    if (!queue_->in_flight.empty()) return true;
    const auto is_wanted = [&]() REQUIRES(queue_->mutex) {
      return queue_->stopping || (queue_->oldest() < queue_->wanted_below && !queue_->waiting.empty());
    };
    // First for any event, then for more of them, at most an interval long.
    queue_->changed.wait(queue_->mutex,
                         [&]() REQUIRES(queue_->mutex) { return is_wanted() || !queue_->waiting.empty(); });
    queue_->changed.wait_for(queue_->mutex, options_.interval, [&]() REQUIRES(queue_->mutex) {
      return is_wanted() || queue_->waiting.size() >= batch_;
    });
    if (queue_->waiting.empty()) return !queue_->stopping;
    const auto end =
        queue_->waiting.begin() + static_cast<ptrdiff_t>(std::min(batch_, queue_->waiting.size()));
    queue_->in_flight.assign(std::make_move_iterator(queue_->waiting.begin()), std::make_move_iterator(end));
    queue_->waiting.erase(queue_->waiting.begin(), end);
    return true;
  }

  // False: to be tried again.
  bool push() {
    const std::vector<LokiEntry>& entries = queue_->in_flight_of_worker();
    if (entries.empty()) return true;
    request_.body = push_request(entries, streams_);
    const auto response = client_.post(request_);
    wanted_pause_ = response && response->retry_after ? *response->retry_after : milliseconds(0);
    const Outcome outcome = response ? outcome_of(response->status) : Outcome::kTryAgain;
    if (outcome == Outcome::kTooLarge && entries.size() > 1) {
      take_less();
      return true;
    }
    if (outcome == Outcome::kTryAgain) {
      say_away(response ? words_of(*response) : response.error().message);
      return false;
    }
    settle(outcome == Outcome::kPushed);
    if (outcome == Outcome::kPushed) refused_ = false;
    if (outcome == Outcome::kRejected) say_refused(words_of(*response));
    say_back();
    return true;
  }

  [[nodiscard]] LokiCounts queue_counts() const {
    const MutexLock lock(queue_->mutex);
    return queue_->counts;
  }

  // Half of them next time; the others wait again, where they came from.
  void take_less() {
    const MutexLock lock(queue_->mutex);
    std::vector<LokiEntry>& entries = queue_->in_flight;
    batch_ = entries.size() / 2;
    const auto middle = entries.begin() + static_cast<ptrdiff_t>(batch_);
    queue_->waiting.insert(queue_->waiting.begin(), std::make_move_iterator(middle),
                           std::make_move_iterator(entries.end()));
    entries.erase(middle, entries.end());
  }

  void settle(bool pushed) {
    const MutexLock lock(queue_->mutex);
    (pushed ? queue_->counts.pushed : queue_->counts.rejected) += queue_->in_flight.size();
    queue_->in_flight.clear();
    queue_->changed.notify_all();
    back_off_.succeed();
  }

  void say_away(const std::string& reason) {
    if (std::exchange(away_, true)) return;
    log(LogLevel::kWarning, "loki", "server takes no events: they wait",
        {{"server", shown_address(request_.url)}, {"reason", reason}});
  }

  // Once, or what is said of a refused batch would be the next one.
  void say_refused(const std::string& reason) {
    if (std::exchange(refused_, true)) return;
    log(LogLevel::kWarning, "loki", "server refuses events: they are lost",
        {{"server", shown_address(request_.url)},
         {"reason", reason},
         {"rejected_in_all", queue_counts().rejected}});
  }

  void say_back() {
    const uint64_t dropped = queue_counts().dropped;
    if (std::exchange(away_, false)) {
      log(LogLevel::kInfo, "loki", "server takes events again", {{"server", shown_address(request_.url)}});
    }
    if (dropped == said_dropped_) return;
    log(LogLevel::kWarning, "loki", "events were dropped: the queue was full",
        {{"dropped", dropped - said_dropped_}, {"dropped_in_all", dropped}});
    said_dropped_ = dropped;
  }

  // False: the end has come, and its deadline with it.
  bool pause() REQUIRES(queue_->mutex) {
    const auto wanted = std::max(back_off_.next_pause(), wanted_pause_);
    // At the end there is no time for long pauses.
    if (!queue_->stopping)
      queue_->changed.wait_for(queue_->mutex, std::min(wanted, options_.longest_pause),
                               [&]() REQUIRES(queue_->mutex) { return queue_->stopping; });
    if (queue_->stopping)
      queue_->changed.wait_for(queue_->mutex, std::min(options_.first_pause, milliseconds(100)),
                               [&]() REQUIRES(queue_->mutex) { return queue_->closed; });
    return !queue_->closed;
  }

  const LokiOptions options_;
  const std::shared_ptr<Queue> queue_;
  HttpPost request_;
  LokiStreams streams_;
  HttpClient client_;
  size_t batch_;
  BackOff back_off_;
  bool away_ = false;
  bool refused_ = false;
  uint64_t said_dropped_ = 0;
  milliseconds wanted_pause_{0};
  std::thread thread_;
};

Result<std::unique_ptr<LokiPusher>> LokiPusher::open(LokiOptions options) {
  TRY(check(options));
  register_secret(options.password);
  register_secret(options.token);
  return std::unique_ptr<LokiPusher>(new LokiPusher(std::move(options)));
}

LokiPusher::LokiPusher(LokiOptions options)
    : exit_deadline_(options.exit_deadline),
      queue_(std::make_shared<Queue>(options)),
      worker_(std::make_unique<Worker>(options, queue_)) {}

LokiPusher::~LokiPusher() {
  {
    MutexLock lock(queue_->mutex);
    queue_->stopping = true;
    queue_->changed.notify_all();
    queue_->changed.wait_for(queue_->mutex, exit_deadline_,
                             [&]() REQUIRES(queue_->mutex) { return queue_->stopped; });
    // From here on an event is counted as dropped, not kept: sinks may live longer than the pusher.
    queue_->closed = true;
    queue_->changed.notify_all();
  }
  worker_->cancel();
  worker_->join();
  uint64_t lost = 0;
  {
    const MutexLock lock(queue_->mutex);
    lost = queue_->in_flight.size() + queue_->waiting.size();
    queue_->counts.dropped += lost;
    queue_->in_flight.clear();
    queue_->waiting.clear();
  }
  if (lost > 0)
    log(LogLevel::kWarning, "loki", "events were dropped: the server took none at the end",
        {{"dropped", lost}});
}

LogSink LokiPusher::sink() const {
  return [queue = queue_](const LogEvent& event) { queue->add(event); };
}

bool LokiPusher::flush(milliseconds at_most) {
  MutexLock lock(queue_->mutex);
  const uint64_t end = queue_->next_number;
  queue_->wanted_below = end;
  queue_->changed.notify_all();
  return queue_->changed.wait_for(queue_->mutex, at_most,
                                  [&]() REQUIRES(queue_->mutex) { return queue_->oldest() >= end; });
}

LokiCounts LokiPusher::counts() const {
  const MutexLock lock(queue_->mutex);
  return queue_->counts;
}

}  // namespace templar
