#include "node/window/peer_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/log/log.h"
#include "base/log/log_context.h"
#include "base/threads/cancellation.h"

namespace templar {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{50};
constexpr double kLongestTickMs = 250;    // a process that was stopped for longer has not waited
constexpr size_t kHeardBytes = 64 << 10;  // less of a body is no word
constexpr size_t kMostSecondCalls = 8;    // at a time
// Of bodies on their way: what the disk must have room for. One connection alone does not fill a long line,
// so many bodies are better than few.
constexpr uint64_t kMostBytes = uint64_t{1} << 30;
constexpr size_t kLeastBodies = 8;  // however large they are

}  // namespace

class PeerCalls {
 public:
  using Ask = std::function<PeerAnswer(size_t peer, const PeerCall& call)>;

  PeerCalls(size_t count, const CallingThreads& threads, const std::optional<PeerPatience>& patience,
            const Ask& ask)
      : limits_(threads), patience_(patience), ask_(ask), peers_(count) {
    const MutexLock lock(mutex_);
    for (size_t peer = 0; peer < count; ++peer) add_call(peer);
  }
  PeerCalls(const PeerCalls&) = delete;
  PeerCalls& operator=(const PeerCalls&) = delete;

  [[nodiscard]] std::vector<PeerAnswer> run();

  void hear(size_t number, size_t bytes) EXCLUDES(mutex_);
  [[nodiscard]] bool make_room(size_t number, uint64_t size_bytes) EXCLUDES(mutex_);
  [[nodiscard]] bool arrive(size_t number) EXCLUDES(mutex_);

 private:
  enum class CallState { kQueued, kRunning, kWaitingForRoom, kArrived, kEnded };
  struct Call {
    size_t peer = 0;
    CallState state = CallState::kQueued;
    std::stop_source stop{};
    double started_ms = 0;
    double heard_ms = 0;
    size_t bytes = 0;         // since then
    uint64_t on_its_way = 0;  // bytes of the body that it has room for
    double room_ms = 0;       // since when
  };
  struct Peer {
    std::vector<size_t> calls;  // one or two
    std::optional<PeerAnswer> answer;
    std::string given_up;  // why
  };

  void add_call(size_t peer) REQUIRES(mutex_) {
    peers_[peer].calls.push_back(calls_.size());
    queue_.push_back(calls_.size());
    calls_.push_back(Call{.peer = peer});
  }
  // Threads for what is queued, as many as there are slots for.
  void start_threads() REQUIRES(mutex_);
  void work();
  [[nodiscard]] std::optional<size_t> next_call() EXCLUDES(mutex_);
  void end_call(size_t number, PeerAnswer answer) EXCLUDES(mutex_);
  void set_answer(Peer& peer, PeerAnswer answer) REQUIRES(mutex_);
  void give_up(Peer& peer, const std::string& why) REQUIRES(mutex_);

  [[nodiscard]] bool is_silent(const Call& call, milliseconds for_time) const REQUIRES(mutex_) {
    return call.state == CallState::kRunning &&
           now_ms_ - call.heard_ms >= static_cast<double>(for_time.count());
  }
  // What it gave is being checked, or it has answered or was given up.
  [[nodiscard]] bool is_over(const Peer& peer) const REQUIRES(mutex_);
  // All calls that were begun are silent.
  [[nodiscard]] bool is_silent(const Peer& peer) const REQUIRES(mutex_);
  [[nodiscard]] bool waits_for_thread(const Peer& peer) const REQUIRES(mutex_);
  [[nodiscard]] bool has_room(uint64_t size_bytes) const REQUIRES(mutex_);

  void pass_time() REQUIRES(mutex_);
  void give_up_late() REQUIRES(mutex_);
  void give_up_silent() REQUIRES(mutex_);
  void call_again() REQUIRES(mutex_);
  [[nodiscard]] bool needs_second_call(const Peer& peer) const REQUIRES(mutex_);

  const CallingThreads limits_;
  const std::optional<PeerPatience> patience_;
  const Ask& ask_;

  Mutex mutex_;
  ConditionVariable changed_;
  std::vector<Peer> peers_ GUARDED_BY(mutex_);
  std::deque<Call> calls_ GUARDED_BY(mutex_);
  std::deque<size_t> queue_ GUARDED_BY(mutex_);
  size_t answered_ GUARDED_BY(mutex_) = 0;
  double now_ms_ GUARDED_BY(mutex_) = 0;  // of this process' own time, since the beginning
  double seen_ms_ GUARDED_BY(mutex_) = 0;
  std::optional<double> most_answered_ms_
      GUARDED_BY(mutex_);  // when three quarters of the peers had answered
  int running_threads_ GUARDED_BY(mutex_) = 0;
  bool lacks_threads_ GUARDED_BY(mutex_) = false;  // the system gives no more
  const Stopwatch watch_;
  std::vector<std::thread> threads_;  // the caller's alone
};

std::vector<PeerAnswer> PeerCalls::run() {
  MutexLock lock(mutex_);
  while (answered_ < peers_.size()) {
    start_threads();
    if (threads_.empty() && lacks_threads_) {
      ++running_threads_;
      lock.unlock();
      work();
      lock.lock();
      break;
    }
    changed_.wait_for(mutex_, kTick);
    pass_time();
    if (is_thread_cancelled()) {
      for (Peer& peer : peers_) give_up(peer, "cancelled");
    }
    if (patience_) {
      give_up_late();
      give_up_silent();
      call_again();
    }
    changed_.notify_all();
  }
  lock.unlock();
  for (std::thread& thread : threads_) thread.join();
  std::vector<PeerAnswer> answers;
  lock.lock();
  for (Peer& peer : peers_) answers.push_back(std::move(*peer.answer));
  return answers;
}

void PeerCalls::start_threads() {
  const auto wanted = std::min(std::ssize(queue_), std::ptrdiff_t{limits_.most - running_threads_});
  if (wanted <= 0 || lacks_threads_) return;
  const int slots = limits_.reading.try_take(static_cast<int>(wanted));
  int started = 0;
  try {
    for (; started < slots; ++started) {
      threads_.emplace_back([this, fields = current_log_context()] {
        const LogContext context(fields);
        work();
        limits_.reading.give_back(1);
      });
      ++running_threads_;
    }
  } catch (const std::system_error& error) {
    lacks_threads_ = true;
    limits_.reading.give_back(slots - started);
    log(LogLevel::kWarning, "gather", "the system gives no more threads: those that there are do all of it",
        {{"threads", threads_.size()}, {"reason", error.what()}});
  }
}

void PeerCalls::work() {
  while (const std::optional<size_t> number = next_call()) {
    size_t peer = 0;
    std::stop_token stop;
    {
      const MutexLock lock(mutex_);
      peer = calls_[*number].peer;
      stop = calls_[*number].stop.get_token();
    }
    const CancellationScope scope(std::move(stop));
    end_call(*number, ask_(peer, PeerCall(*this, *number)));
  }
}

std::optional<size_t> PeerCalls::next_call() {
  const MutexLock lock(mutex_);
  while (!queue_.empty()) {
    const size_t number = queue_.front();
    queue_.pop_front();
    Call& call = calls_[number];
    if (call.state == CallState::kEnded) continue;  // the peer was given up, or has answered
    call.state = CallState::kRunning;
    call.started_ms = now_ms_;
    call.heard_ms = now_ms_;
    return number;
  }
  --running_threads_;
  return std::nullopt;
}

void PeerCalls::end_call(size_t number, PeerAnswer answer) {
  bool was_checked = false;
  {
    const MutexLock lock(mutex_);
    Call& call = calls_[number];
    was_checked = call.state == CallState::kArrived;
    call.state = CallState::kEnded;
    call.on_its_way = 0;
    Peer& peer = peers_[call.peer];
    const bool is_final = answer || answer.error().kind != ErrorKind::kRetry;
    const bool is_last = std::ranges::all_of(peer.calls, [this](size_t other) REQUIRES(mutex_) {
      return calls_[other].state == CallState::kEnded;
    });
    if (!is_final && !peer.given_up.empty()) answer = retry_error(peer.given_up);
    if (!peer.answer && (is_final || is_last)) set_answer(peer, std::move(answer));
    changed_.notify_all();
  }
  if (was_checked) limits_.checking.give_back(1);
}

void PeerCalls::set_answer(Peer& peer, PeerAnswer answer) {
  peer.answer = std::move(answer);
  ++answered_;
  if (!most_answered_ms_ && answered_ * 4 >= peers_.size() * 3) most_answered_ms_ = now_ms_;
  for (const size_t number : peer.calls) {
    calls_[number].stop.request_stop();
    if (calls_[number].state == CallState::kQueued) calls_[number].state = CallState::kEnded;
  }
}

void PeerCalls::give_up(Peer& peer, const std::string& why) {
  if (is_over(peer)) return;
  peer.given_up = why;
  bool has_begun = false;
  for (const size_t number : peer.calls) {
    Call& call = calls_[number];
    call.stop.request_stop();
    if (call.state == CallState::kQueued) call.state = CallState::kEnded;
    has_begun = has_begun || call.state != CallState::kEnded;
  }
  if (!has_begun) set_answer(peer, retry_error(why));
}

bool PeerCalls::is_over(const Peer& peer) const {
  const auto has_arrived = [this](size_t number)
                               REQUIRES(mutex_) { return calls_[number].state == CallState::kArrived; };
  return peer.answer || !peer.given_up.empty() || std::ranges::any_of(peer.calls, has_arrived);
}

bool PeerCalls::is_silent(const Peer& peer) const {
  bool has_begun = false;
  for (const size_t number : peer.calls) {
    const Call& call = calls_[number];
    if (call.state == CallState::kQueued || call.state == CallState::kEnded) continue;
    if (!is_silent(call, patience_->silence)) return false;
    has_begun = true;
  }
  return has_begun;
}

bool PeerCalls::waits_for_thread(const Peer& peer) const {
  return peer.calls.size() == 1 && calls_[peer.calls[0]].state == CallState::kQueued;
}

bool PeerCalls::has_room(uint64_t size_bytes) const {
  size_t bodies = 0;
  uint64_t bytes = 0;
  for (const Call& call : calls_) {
    // Those that nothing comes of, or that take for ever, hold up nobody.
    if (call.on_its_way == 0 || (patience_ && is_silent(call, patience_->second_call))) continue;
    if (patience_ && now_ms_ - call.room_ms > static_cast<double>(patience_->whole.count()) / 10) continue;
    ++bodies;
    bytes += call.on_its_way;
  }
  return bodies < kLeastBodies || bytes + size_bytes <= kMostBytes;
}

void PeerCalls::pass_time() {
  const double seen_ms = watch_.seconds() * 1e3;
  // While other gathers have all threads, nobody is waited for.
  if (running_threads_ > 0) now_ms_ += std::min(seen_ms - seen_ms_, kLongestTickMs);
  seen_ms_ = seen_ms;
}

void PeerCalls::give_up_late() {
  const auto straggler_ms = static_cast<double>(patience_->straggler.count());
  const bool is_late = now_ms_ >= static_cast<double>(patience_->whole.count());
  const bool outruns_most = most_answered_ms_ && now_ms_ >= straggler_ms && now_ms_ >= 3 * *most_answered_ms_;
  if (!is_late && !outruns_most) return;
  for (Peer& peer : peers_) give_up(peer, fmt::format("not there after {:.1f} s: given up", now_ms_ / 1e3));
}

void PeerCalls::give_up_silent() {
  const bool others_wait = std::ranges::any_of(
      peers_, [this](const Peer& peer) REQUIRES(mutex_) { return !is_over(peer) && waits_for_thread(peer); });
  const bool others_speak = std::ranges::any_of(
      peers_, [this](const Peer& peer) REQUIRES(mutex_) { return !is_over(peer) && !is_silent(peer); });
  if (others_speak && !others_wait) return;
  // Nobody has said anything yet: it is our own line that is away, or too slow for all of them at once.
  if (!others_speak && answered_ == 0) return;
  for (Peer& peer : peers_) {
    if (!is_over(peer) && is_silent(peer))
      give_up(peer, fmt::format("silent for {:.1f} s: given up",
                                static_cast<double>(patience_->silence.count()) / 1e3));
  }
}

bool PeerCalls::needs_second_call(const Peer& peer) const {
  if (is_over(peer) || peer.calls.size() > 1) return false;
  const Call& first = calls_[peer.calls[0]];
  if (is_silent(first, patience_->second_call)) return true;
  const bool is_slow = most_answered_ms_ && now_ms_ >= 2 * *most_answered_ms_ &&
                       now_ms_ - first.started_ms >= static_cast<double>(patience_->second_call.count());
  return first.state == CallState::kRunning && is_slow;
}

void PeerCalls::call_again() {
  auto second_calls = static_cast<size_t>(
      std::ranges::count_if(peers_, [](const Peer& peer) { return peer.calls.size() > 1 && !peer.answer; }));
  for (size_t peer = 0; peer < peers_.size() && second_calls < kMostSecondCalls; ++peer) {
    if (!needs_second_call(peers_[peer])) continue;
    add_call(peer);
    ++second_calls;
  }
}

void PeerCalls::hear(size_t number, size_t bytes) {
  const MutexLock lock(mutex_);
  Call& call = calls_[number];
  call.bytes += bytes;
  if (call.bytes < kHeardBytes) return;
  call.bytes = 0;
  call.heard_ms = now_ms_;
}

bool PeerCalls::make_room(size_t number, uint64_t size_bytes) {
  const MutexLock lock(mutex_);
  Call& call = calls_[number];
  call.state = CallState::kWaitingForRoom;
  changed_.wait(mutex_,
                [&]() REQUIRES(mutex_) { return call.stop.stop_requested() || has_room(size_bytes); });
  call.state = CallState::kRunning;
  call.heard_ms = now_ms_;
  call.on_its_way = size_bytes;
  call.room_ms = now_ms_;
  return !call.stop.stop_requested();
}

bool PeerCalls::arrive(size_t number) {
  {
    const MutexLock lock(mutex_);
    Call& call = calls_[number];
    if (call.state == CallState::kArrived) return true;
    Peer& peer = peers_[call.peer];
    if (is_over(peer)) return false;
    call.state = CallState::kArrived;
    call.on_its_way = 0;
    for (const size_t other : peer.calls) {
      if (other != number) calls_[other].stop.request_stop();
    }
    changed_.notify_all();
  }
  static_cast<void>(limits_.checking.take_up_to(1));
  return true;
}

void PeerCall::hear_answer() const {
  if (calls_ != nullptr) calls_->hear(number_, kHeardBytes);
}

void PeerCall::hear_bytes(size_t count) const {
  if (calls_ != nullptr) calls_->hear(number_, count);
}

bool PeerCall::make_room(uint64_t size_bytes) const {
  return calls_ == nullptr || calls_->make_room(number_, size_bytes);
}

bool PeerCall::arrive() const {
  return calls_ == nullptr || calls_->arrive(number_);
}

std::vector<PeerAnswer> call_peers(size_t count, const CallingThreads& threads,
                                   const std::optional<PeerPatience>& patience,
                                   const std::function<PeerAnswer(size_t peer, const PeerCall& call)>& ask) {
  if (threads.most > 1) return PeerCalls(count, threads, patience, ask).run();
  std::vector<PeerAnswer> answers;
  for (size_t peer = 0; peer < count; ++peer) answers.push_back(ask(peer, PeerCall()));
  return answers;
}

}  // namespace templar
