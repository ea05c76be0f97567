#include "app/localnet/block_pacer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/localnet/run_folder.h"
#include "base/log/log.h"

namespace templar {
namespace {

constexpr size_t kWindowsRemembered = 8;

}  // namespace

BlockPacer::BlockPacer(const LedgerReader& ledger, BlockMaker& maker, const NetworkSpec& network,
                       int64_t windows, const Clock* clock)
    : BlockPacer(ledger, maker, network, windows, Patience(), clock) {}

BlockPacer::BlockPacer(const LedgerReader& ledger, BlockMaker& maker, const NetworkSpec& network,
                       int64_t windows, const Patience& patience, const Clock* clock)
    : ledger_(ledger),
      maker_(maker),
      network_(network),
      windows_(windows),
      patience_(patience),
      window_clock_(ledger, network),
      clock_(clock) {}

double BlockPacer::longest_window() const {
  return window_seconds_.empty() ? 0 : *std::ranges::max_element(window_seconds_);
}

// Those who did not publish in an earlier window either are waited for only as long as they are worth a word.
double BlockPacer::longest_wait(const std::vector<std::string>& missing) const {
  const double longest = std::max(longest_window(), others_seconds_);
  const double notice = std::max(patience_.notice_seconds, 2 * longest);
  const bool all_late =
      std::ranges::all_of(missing, [&](const std::string& name) { return late_.contains(name); });
  if (all_late) return notice;
  if (longest == 0) return patience_.first_window_seconds;
  return std::max(patience_.shortest_seconds, patience_.times_longest_window * longest);
}

bool BlockPacer::is_given_up(int64_t window, const std::vector<std::string>& missing) {
  const double seconds = since_opened_.seconds();
  const double at_most = longest_wait(missing);
  const auto name_missing = [&](const char* what) {
    log(LogLevel::kWarning, "localnet", what,
        {{"window", window},
         {"missing", fmt::format("{}", fmt::join(missing, ", "))},
         {"seconds", static_cast<int64_t>(seconds)},
         {"at_most", static_cast<int64_t>(at_most)}});
  };
  if (seconds >= at_most) {
    name_missing("window ended without a contribution of");
    late_.insert(missing.begin(), missing.end());
    return true;
  }
  const double notice = std::max(patience_.notice_seconds, 2 * longest_window());
  if (named_window_ < window && seconds >= notice) {
    named_window_ = window;
    name_missing("window is held up by");
  }
  return false;
}

Status BlockPacer::make_due_blocks(const FindMissing& find_missing, const FindMissing& find_keyless) {
  since_opened_.look(watch_.seconds());
  TRY_ASSIGN(const std::optional<int64_t> window, window_clock_.current_window());
  if (!window) return open_window(clock_ == nullptr ? kGenesisMs : clock_->now_ms());
  if (*window > 0) {
    TRY_ASSIGN(const bool closed, close(*window - 1, find_keyless));
    if (!closed) return {};
  }
  TRY_ASSIGN(const std::vector<std::string> missing, find_missing(*window));
  if (*window >= windows_) {  // nobody trains in it: what the nodes wait for is the last window's record
    if (clock_ != nullptr) return pass_time(std::nullopt);
    const bool waits = !missing.empty() && since_opened_.seconds() < patience_.shortest_seconds;
    return waits ? Status() : make_blocks_until_closed(*window);
  }
  if (missing.size() != missing_before_) {
    if (missing.size() < missing_before_) others_seconds_ = since_opened_.seconds();
    missing_before_ = missing.size();
  }
  std::erase_if(late_,
                [&](const std::string& name) { return std::ranges::find(missing, name) == missing.end(); });
  if (missing.empty() && in_second_of_uploads()) return {};
  if (missing.empty()) {
    window_seconds_.push_back(since_opened_.seconds());
    if (window_seconds_.size() > kWindowsRemembered) window_seconds_.pop_front();
  } else if (!is_given_up(*window, missing)) {
    return pass_time(*window);
  }
  return end(*window);
}

// No time passes behind the last window once that is decided: what a later call is to train in would be over.
// If nobody decides it, time goes on as far as another validator needs it to take over.
Result<bool> BlockPacer::is_over() {
  TRY_ASSIGN(const bool is_last_closed, window_clock_.is_closed(windows_ - 1));
  if (!is_last_closed) {
    since_last_closed_.reset();
    return false;
  }
  TRY_ASSIGN(const std::vector<Term> terms, ledger_.terms());
  for (const Term& term : terms) {
    TRY_ASSIGN(const std::optional<Decision> decision, ledger_.decision(windows_ - 1, term.number));
    if (decision) return true;
  }
  // Without a clock time would be over before its leader has had a moment for it.
  if (!since_last_closed_) since_last_closed_.emplace().restart(watch_.seconds());
  since_last_closed_->look(watch_.seconds());
  if (clock_ == nullptr && !terms.empty() && since_last_closed_->seconds() < patience_.shortest_seconds)
    return true;
  const int64_t window_seconds = network_.blocks_per_window * network_.block_seconds;
  return window_clock_.is_closed(windows_ - 1, network_.leader_loss_windows * window_seconds);
}

// Stores tell the time in whole seconds: what has just been stored must not bear that of the block which ends
// its window.
bool BlockPacer::in_second_of_uploads() {
  if (clock_ == nullptr || !network_.sealed_uploads) return false;
  const TimestampMs now_ms = clock_->now_ms();
  if (!all_published_ms_) all_published_ms_ = now_ms;
  return now_ms / 1000 <= *all_published_ms_ / 1000;
}

Result<bool> BlockPacer::waits_for_keys(int64_t window, const FindMissing& find_keyless) {
  if (!network_.sealed_uploads || !find_keyless) return false;
  TRY_ASSIGN(const bool closed, window_clock_.is_closed(window));
  if (closed) return false;
  TRY_ASSIGN(const std::vector<std::string> keyless, find_keyless(window));
  return !keyless.empty() && !is_given_up(window, keyless);
}

Result<bool> BlockPacer::close(int64_t window, const FindMissing& find_keyless) {
  if (clock_ == nullptr) {
    TRY_ASSIGN(const bool waits, waits_for_keys(window, find_keyless));
    if (waits) return false;
    TRY(make_blocks_until_closed(window));
    return true;
  }
  TRY_ASSIGN(const bool closed, window_clock_.is_closed(window));
  TRY_ASSIGN(const bool over, is_over());
  if (closed || over) return true;
  TRY_ASSIGN(const std::optional<PutWindow> times, window_clock_.put_window_of(window));
  const TimestampMs now_ms = clock_->now_ms();
  if (!times || now_ms < times->closes_ms) return false;
  TRY(open_window(now_ms));
  return true;
}

Status BlockPacer::end(int64_t window) {
  if (clock_ == nullptr && !network_.sealed_uploads) return make_blocks_until_closed(window);
  const int64_t next_first = first_block_of_window(network_, window + 1);
  for (;;) {
    TRY_ASSIGN(const std::optional<Block> latest, ledger_.latest_block());
    if (latest->number >= next_first) return {};
    if (clock_ == nullptr) {
      TRY(open_window(latest->time_ms + network_.block_seconds * 1000));
    } else {
      TRY(make_block(std::max(latest->time_ms, clock_->now_ms())));
    }
  }
}

Status BlockPacer::make_blocks_until_closed(int64_t window) {
  for (;;) {
    TRY_ASSIGN(const bool closed, window_clock_.is_closed(window));
    TRY_ASSIGN(const bool over, is_over());
    if (closed || over) return {};
    TRY_ASSIGN(const std::optional<Block> latest, ledger_.latest_block());
    TRY(open_window(latest->time_ms + network_.block_seconds * 1000));
  }
}

// Nodes count what they wait for by the ledger's time, so it goes on as far as the blocks of a window that is
// held up reach.
Status BlockPacer::pass_time(std::optional<int64_t> held_up) {
  if (clock_ == nullptr) return {};
  TRY_ASSIGN(const std::optional<Block> latest, ledger_.latest_block());
  const bool due = clock_->now_ms() >= latest->time_ms + network_.block_seconds * 1000;
  TRY_ASSIGN(const bool over, is_over());
  const bool is_last = held_up && latest->number + 1 == first_block_of_window(network_, *held_up + 1);
  if (!due || over || is_last) return {};
  return make_block(clock_->now_ms());
}

// A block from which on nodes may find a window to work in.
Status BlockPacer::open_window(TimestampMs time_ms) {
  since_opened_.restart(watch_.seconds());
  others_seconds_ = 0;
  missing_before_ = 0;
  all_published_ms_.reset();
  return make_block(time_ms);
}

Status BlockPacer::make_block(TimestampMs time_ms) {
  const auto block = maker_.make_block(time_ms);
  if (!block) return std::unexpected(block.error());
  return {};
}

}  // namespace templar
