#include "app/alerts/alert_teller.h"

#include <utility>

#include "base/log/log.h"
#include "base/log/log_context.h"

namespace templar {

AlertTeller::AlertTeller(AlertTellerOptions options, std::shared_ptr<const StandingAlarms> alarms, Tell tell)
    : options_(std::move(options)),
      alarms_(std::move(alarms)),
      tell_(std::move(tell)),
      told_(read_alarms(options_.told_file)),
      thread_([this, speaker = current_log_context()] {
        const LogContext scope(speaker);
        work();
      }) {}

AlertTeller::~AlertTeller() {
  const MutexLock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

void AlertTeller::notice() {
  const MutexLock lock(mutex_);
  has_news_ = true;
  is_told_ = false;
  changed_.notify_all();
}

bool AlertTeller::flush(std::chrono::milliseconds at_most) {
  const MutexLock lock(mutex_);
  return changed_.wait_for(mutex_, at_most, [&]() REQUIRES(mutex_) { return is_told_; });
}

void AlertTeller::work() {
  BackOff back_off(options_.retry);
  MutexLock lock(mutex_);
  for (;;) {
    has_news_ = false;
    const bool was_stopping = stopping_;
    lock.unlock();
    const Status told = tell_all();
    lock.lock();
    if (told && !has_news_) {
      back_off.succeed();
      is_told_ = true;
      changed_.notify_all();
    }
    if (stopping_ && (was_stopping || !told)) return;
    if (told) {
      changed_.wait(mutex_, [&]() REQUIRES(mutex_) { return has_news_ || stopping_; });
    } else {
      // News make a place that does not answer answer no sooner.
      changed_.wait_for(mutex_, back_off.next_pause(), [&]() REQUIRES(mutex_) { return stopping_; });
    }
  }
}

std::optional<AlertTeller::Step> AlertTeller::next_step() const {
  const auto alert = [this](const StandingAlarm& alarm, bool stands) {
    return Alert{.kind = alarm.kind,
                 .stands = stands,
                 .node = options_.node,
                 .run = options_.run,
                 .window = alarm.window,
                 .reason = alarm.reason};
  };
  // One that has ended and begun again has another window.
  for (const auto& [kind, told] : told_) {
    const auto standing = alarms_->find(kind);
    if (standing && standing->window == told.window) continue;
    Step step{alert(told, false), told_};
    step.told_then.erase(kind);
    return step;
  }
  for (const StandingAlarm& standing : alarms_->all()) {
    if (told_.contains(standing.kind)) continue;
    Step step{alert(standing, true), told_};
    step.told_then.emplace(standing.kind, standing);
    return step;
  }
  return std::nullopt;
}

Status AlertTeller::tell_all() {
  while (std::optional<Step> step = next_step()) {
    const Status told = tell_(step->alert);
    if (!told) {
      if (!said_failure_) {
        log(LogLevel::kWarning, "alerts", "an alarm could not be told: trying again",
            {{"place", options_.place},
             {"alarm", std::string(name_of(step->alert.kind))},
             {"reason", told.error().message}});
      }
      said_failure_ = true;
      return told;
    }
    if (said_failure_) log(LogLevel::kInfo, "alerts", "alarms are told again", {{"place", options_.place}});
    said_failure_ = false;
    told_ = std::move(step->told_then);
    keep();
  }
  return {};
}

void AlertTeller::keep() {
  const Status written = write_alarms(options_.told_file, told_);
  if (!written && !said_unkept_) {
    log(LogLevel::kWarning, "alerts", "what was told can't be kept: after a restart it is told again",
        {{"reason", written.error().message}});
  }
  said_unkept_ = !written;
}

}  // namespace templar
