// Threads of which one runs at a time, so that what many of them do together has one order. A thread is used,
// rather than a loop of steps, since what runs in it may wait in the middle of anything.
#pragma once

#include <functional>
#include <thread>

#include "base/threads/mutex.h"

namespace templar {

// Thrown in an actor's thread to end what it does. Nothing but the actor itself may catch it, so it is no
// std::exception.
struct ActorEnded {};

class Actor {
 public:
  // The body runs on a thread of the actor's own; nothing of it before the first resume().
  explicit Actor(std::function<void()> body) : body_(std::move(body)) {}
  // Ends it, if it has not ended.
  ~Actor();
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  // Lets the actor run until it parks or ends; returns then. Not to be called by the actor itself. What the
  // body throws, but ActorEnded, ends the process.
  void resume();
  // The same, and it runs with ActorEnded thrown where it is parked; an actor that was never resumed ends
  // without having run.
  void end();
  [[nodiscard]] bool has_ended() const { return ended_; }

  // By the body: gives the turn back until the next resume(). Throws ActorEnded where the actor is being
  // ended.
  void park();

 private:
  void run();

  const std::function<void()> body_;
  bool ended_ = false;  // written by whose turn it is, as is ending_
  bool ending_ = false;
  Mutex mutex_;
  ConditionVariable turned_;
  bool is_actors_turn_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace templar
