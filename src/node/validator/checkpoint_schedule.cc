#include "node/validator/checkpoint_schedule.h"

#include <utility>

#include "base/log/log.h"

namespace templar {

CheckpointSchedule::CheckpointSchedule(const RunSpec& spec, ObjectStore& store, const KeyPair& key,
                                       Replica& replica, StartCopy& start_copy, WindowTimeline& timeline,
                                       const CheckpointScheduleOptions& options)
    : replica_(replica),
      start_copy_(start_copy),
      timeline_(timeline),
      until_window_(options.until_window),
      in_background_(options.in_background),
      publisher_(spec, store, key, options.publisher) {}

void CheckpointSchedule::enter_window() {
  const bool last = replica_.window() == until_window_;
  const bool at_interval = replica_.window() % replica_.spec().network.checkpoint_interval == 0;
  // After a failure the next window's model is published, whatever the interval: the one that failed is gone.
  if (!last && !at_interval && !due() && !std::exchange(failed_before_, false)) return;
  due_ = last || !in_background_ ? Due::kBeforeTheNextWindow : Due::kInBackground;
}

void CheckpointSchedule::enter_new_run() {
  due_ = Due::kBeforeTheNextWindow;
}

Result<bool> CheckpointSchedule::advance(const Registration& self) {
  if (const std::optional<Status> outcome = publisher_.outcome()) TRY(take_outcome(*outcome, self.uid));
  if (due_ == Due::kBeforeTheNextWindow) {
    TRY(publish_and_wait(self));
    return true;
  }
  // While an earlier one is being written this one stays due: it is then made of the window that the replica
  // has come to by that time.
  if (due_ == Due::kInBackground && !publisher_.busy()) {
    TRY(begin(self.bucket));
    due_ = Due::kNothing;
  }
  return false;
}

Status CheckpointSchedule::finish(const Registration& self) {
  return publisher_.busy() ? take_outcome(publisher_.wait(), self.uid) : Status();
}

Status CheckpointSchedule::begin(const std::string& bucket) {
  const CheckpointInfo info{.window = replica_.window(),
                            .outer_step = replica_.outer_step(),
                            .state_root = replica_.state_root(),
                            .start_window = replica_.start_window()};
  TRY_ASSIGN(const ConstParameterSpans parameters, replica_.parameters());
  publisher_.begin(bucket, info, start_copy_.take(info.state_root, parameters, replica_.team()));
  return {};
}

Status CheckpointSchedule::publish_and_wait(const Registration& self) {
  TRY(finish(self));  // one at a time
  TRY(begin(self.bucket));
  const Status published = publisher_.wait();
  if (!published) return published;  // still due: there is no next window before it has succeeded
  due_ = Due::kNothing;
  return take_outcome(published, self.uid);
}

// The outcome is that of the checkpoint that was begun last.
Status CheckpointSchedule::take_outcome(const Status& outcome, uint32_t uid) {
  const CheckpointPublisher::Begun& begun = publisher_.begun();
  timeline_.add("checkpoint", begun.since);
  if (outcome) {
    newest_window_ = begun.window;
    return {};
  }
  // What may pass, a full disk too, costs one checkpoint and is tried again.
  if (outcome.error().kind != ErrorKind::kRetry) return outcome;
  log(LogLevel::kWarning, "validator", "checkpoint not published: will try with the next window's",
      {{"uid", uid}, {"window", begun.window}, {"reason", outcome.error().message}});
  failed_before_ = true;
  return {};
}

}  // namespace templar
