#include "ports/metrics_sink.h"

#include <algorithm>
#include <iterator>

namespace templar {

void MemoryMetricsSink::write(Measurement measurement) {
  const MutexLock lock(mutex_);
  measurements_.push_back(std::move(measurement));
}

std::vector<Measurement> MemoryMetricsSink::measurements() const {
  const MutexLock lock(mutex_);
  return measurements_;
}

std::vector<Measurement> MemoryMetricsSink::named(std::string_view name) const {
  const MutexLock lock(mutex_);
  std::vector<Measurement> found;
  std::ranges::copy_if(measurements_, std::back_inserter(found),
                       [name](const Measurement& measurement) { return measurement.name == name; });
  return found;
}

}  // namespace templar
