#include "node/window/window_timeline.h"

#include <utility>

namespace templar {

void WindowTimeline::add(PhaseName name, const Stopwatch& watch) {
  const auto found = phases_.find(name.text());
  if (found == phases_.end()) {
    phases_.emplace(name.text(), Span{watch.start_ms(), watch.seconds()});
  } else {
    found->second.seconds += watch.seconds();
  }
}

void WindowTimeline::report(const NodeName& node, int64_t window, const NodeEnvironment& environment) {
  if (phases_.empty()) return;
  Measurement measurement = node_measurement("window_timeline", node, environment, {{"window", window}});
  for (const auto& [name, span] : std::exchange(phases_, {})) {
    measurement.fields[name + "_start_ms"] = span.start_ms;
    measurement.fields[name + "_seconds"] = span.seconds;
  }
  environment.metrics.write(std::move(measurement));
}

}  // namespace templar
