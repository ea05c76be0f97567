#include "sim/faults/actor.h"

#include <utility>

#include "base/check.h"

namespace templar {

Actor::~Actor() {
  end();
  if (thread_.joinable()) thread_.join();
}

void Actor::resume() {
  if (ended_) return;
  MutexLock lock(mutex_);
  is_actors_turn_ = true;
  if (!thread_.joinable()) {
    thread_ = std::thread([this] { run(); });
  } else {
    turned_.notify_all();
  }
  turned_.wait(mutex_, [this]() REQUIRES(mutex_) { return !is_actors_turn_; });
}

void Actor::end() {
  if (ended_) return;
  ending_ = true;
  if (!thread_.joinable()) {
    ended_ = true;
    return;
  }
  resume();
  CHECK(ended_);
}

void Actor::park() {
  MutexLock lock(mutex_);
  is_actors_turn_ = false;
  turned_.notify_all();
  turned_.wait(mutex_, [this]() REQUIRES(mutex_) { return is_actors_turn_; });
  if (ending_) throw ActorEnded{};
}

void Actor::run() {
  try {
    body_();
  } catch (const ActorEnded&) {  // as it was told to
  }
  ended_ = true;
  const MutexLock lock(mutex_);
  is_actors_turn_ = false;
  turned_.notify_all();
}

}  // namespace templar
