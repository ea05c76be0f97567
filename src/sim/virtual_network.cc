#include "sim/virtual_network.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>

#include "base/log/log.h"

namespace templar {
namespace {

// Who waits where no node does.
constexpr std::string_view kBlockMaker = "blocks";

}  // namespace

Status VirtualNetwork::run() {
  {
    std::vector<std::jthread> workers;
    // Before they are joined, also where on_block throws.
    const auto end = [this] {
      const MutexLock lock(mutex_);
      done_ = true;
      changed_.notify_all();
    };
    const std::unique_ptr<void, std::function<void(void*)>> ended(this, [&end](void*) { end(); });
    for (int i = 1; i < options_.threads; ++i) workers.emplace_back([this] { work(); });
    work();
  }
  const MutexLock lock(mutex_);
  return outcome_;
}

void VirtualNetwork::work() {
  MutexLock lock(mutex_);
  while (!done_) {
    if (options_.should_stop && options_.should_stop()) break;
    if (Slot* slot = next_ready()) {
      slot->state = State::kRunning;
      ++running_;
      const uint64_t round = round_;
      lock.unlock();
      const Result<Progress> result = slot->node.advance();
      lock.lock();
      --running_;
      settle(*slot, result, round);
    } else if (running_ > 0 || (outage_ && outage_->is_waiting)) {
      changed_.wait(mutex_);
    } else if (all_finished()) {
      break;
    } else if (options_.outage_pauses && has(State::kRetrying)) {
      wait_out();
      wake(State::kRetrying);
    } else {
      make_next_block();
    }
  }
  done_ = true;
  changed_.notify_all();
}

VirtualNetwork::Slot* VirtualNetwork::next_ready() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    Slot& slot = nodes_[(next_ + i) % nodes_.size()];
    if (slot.state != State::kReady) continue;
    next_ = (next_ + i + 1) % nodes_.size();
    return &slot;
  }
  return nullptr;
}

void VirtualNetwork::settle(Slot& slot, const Result<Progress>& result, uint64_t round_at_start) {
  if (!result) {
    const bool gives_up = !options_.outage_pauses && slot.back_off.exhausted();
    if (result.error().kind == ErrorKind::kRetry && !gives_up) {
      slot.back_off.next_pause();
      slot.state = State::kRetrying;
      say_outage(slot.node.name, result.error());
    } else {
      slot.state = State::kFinished;
      if (outcome_) outcome_ = annotate(result.error(), slot.node.name);
      done_ = true;
    }
    changed_.notify_all();
    return;
  }
  slot.back_off.succeed();
  if (*result == Progress::kFinished) {
    slot.state = State::kFinished;
  } else if (*result == Progress::kWorked) {
    slot.state = State::kReady;
    ++round_;
    wake(State::kWaiting);
  } else {
    // What woke the others while this one ran may be what it waits for.
    slot.state = round_ == round_at_start ? State::kWaiting : State::kReady;
  }
  changed_.notify_all();
}

void VirtualNetwork::wake(State sleeping) {
  for (Slot& slot : nodes_) {
    if (slot.state == sleeping) slot.state = State::kReady;
  }
}

void VirtualNetwork::make_next_block() {
  const auto latest = ledger_.latest_block();
  const auto block = !latest ? Result<Block>(std::unexpected(latest.error()))
                             : blocks_.make_block(*latest ? (*latest)->time_ms + options_.block_seconds * 1000
                                                          : options_.genesis_ms);
  if (!block && block.error().kind == ErrorKind::kRetry) {
    block_is_due_ = true;
    say_outage(std::string(kBlockMaker), block.error());
    wait_out();
    return;
  }
  block_is_due_ = false;
  if (!block) {
    outcome_ = annotate(block.error(), "making a block");
    done_ = true;
    return;
  }
  end_outage_if_over();
  if (options_.on_block) options_.on_block();
  ++round_;
  wake(State::kWaiting);
  wake(State::kRetrying);
  changed_.notify_all();
}

void VirtualNetwork::say_outage(const std::string& who, const Error& reason) {
  if (!options_.outage_pauses && who != kBlockMaker) {
    log(LogLevel::kWarning, "network", "node will try again", {{"node", who}, {"reason", reason.message}});
    return;
  }
  const OutagePauses pauses = options_.outage_pauses.value_or(OutagePauses{});
  if (!outage_)
    outage_ = {.back_off = BackOff({.first_pause = pauses.first, .longest_pause = pauses.longest})};
  if (outage_->waited < outage_->next_warning) return;
  outage_->next_warning = outage_->waited + pauses.between_warnings;
  log(LogLevel::kWarning, "network", "waiting, and trying again: the network's time stands still",
      {{"for", who},
       {"reason", reason.message},
       {"waited_seconds", static_cast<double>(outage_->waited.count()) / 1000}});
}

// In parts, so that a person who wants to end it is not kept waiting.
void VirtualNetwork::wait_out() {
  constexpr std::chrono::milliseconds kPart{50};
  std::chrono::milliseconds left = outage_->back_off.next_pause();
  outage_->is_waiting = true;
  for (; left.count() > 0 && !done_; left -= kPart) {
    const std::chrono::milliseconds part = std::min(left, kPart);
    changed_.wait_for(mutex_, part);
    outage_->waited += part;
    if (options_.should_stop && options_.should_stop()) break;
  }
  outage_->is_waiting = false;
  changed_.notify_all();
}

void VirtualNetwork::end_outage_if_over() {
  if (!outage_ || block_is_due_ || has(State::kRetrying)) return;
  // Those that are tried again at this moment will say so themselves if it is not over.
  log(LogLevel::kWarning, "network", "goes on",
      {{"waited_seconds", static_cast<double>(outage_->waited.count()) / 1000}});
  outage_.reset();
}

bool VirtualNetwork::has(State state) const {
  return std::ranges::find(nodes_, state, &Slot::state) != nodes_.end();
}

bool VirtualNetwork::all_finished() const {
  return std::ranges::all_of(nodes_, [](const Slot& slot) { return slot.state == State::kFinished; });
}

}  // namespace templar
