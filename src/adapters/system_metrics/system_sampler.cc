#include "adapters/system_metrics/system_sampler.h"

namespace templar {

SystemSampler::SystemSampler(SystemMetrics& system, GpuMetrics& gpu, MetricsSink& sink,
                             SystemSamplerOptions options)
    : system_(system),
      gpu_(gpu),
      sink_(sink),
      options_(std::move(options)),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

SystemSampler::~SystemSampler() {
  thread_.request_stop();
  thread_.join();
  write_one();
}

void SystemSampler::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    write_one();
    stopped_.wait_for(lock, stop, options_.interval, [] { return false; });
  }
}

void SystemSampler::write_one() {
  Measurement measurement{.name = "system", .tags = options_.tags, .fields = system_.sample()};
  measurement.fields.merge(gpu_.sample());
  sink_.write(std::move(measurement));
}

}  // namespace templar
