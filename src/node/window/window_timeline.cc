#include "node/window/window_timeline.h"

#include <utility>

#include "node/window/node_measurement.h"

namespace templar {

void WindowTimeline::add(std::string_view name, const Stopwatch& watch) {
  const auto found = phases_.find(name);
  if (found == phases_.end()) {
    phases_.emplace(name, Span{watch.start_ms(), watch.seconds()});
  } else {
    found->second.seconds += watch.seconds();
  }
}

void WindowTimeline::report(std::string_view role, uint32_t uid, int64_t window,
                            const NodeEnvironment& environment) {
  if (phases_.empty()) return;
  Measurement measurement = node_measurement("window_timeline", role, uid, environment);
  measurement.fields["window"] = window;
  for (const auto& [name, span] : std::exchange(phases_, {})) {
    measurement.fields[name + "_start_ms"] = span.start_ms;
    measurement.fields[name + "_seconds"] = span.seconds;
  }
  environment.metrics.write(std::move(measurement));
}

}  // namespace templar
