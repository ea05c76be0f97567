#include "sim/virtual_network.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <thread>

#include "base/log/log.h"

namespace templar {

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
    } else if (running_ > 0) {
      changed_.wait(mutex_);
    } else if (all_finished()) {
      break;
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
    if (result.error().kind == ErrorKind::kRetry && !slot.back_off.exhausted()) {
      slot.back_off.next_pause();
      log(LogLevel::kWarning, "network", "node will try again",
          {{"node", slot.node.name}, {"reason", result.error().message}});
      slot.state = State::kRetrying;
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
    log(LogLevel::kWarning, "network", "no block can be made now: trying again",
        {{"reason", block.error().message}});
    changed_.wait_for(mutex_, block_back_off_.next_pause());
    return;
  }
  if (!block) {
    outcome_ = annotate(block.error(), "making a block");
    done_ = true;
    return;
  }
  block_back_off_.succeed();
  if (options_.on_block) options_.on_block();
  ++round_;
  wake(State::kWaiting);
  wake(State::kRetrying);
  changed_.notify_all();
}

bool VirtualNetwork::all_finished() const {
  return std::ranges::all_of(nodes_, [](const Slot& slot) { return slot.state == State::kFinished; });
}

}  // namespace templar
