#include "adapters/metrics_logger/metrics_logger.h"

#include <stdexcept>

#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"
#include "support/call_counter.h"
#include "support/captured_logs.h"
#include "support/contracts/metrics_sink_contract.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// What a logger handed on, in memory: an output as any other.
class KeptOutput final : public MetricsOutput {
 public:
  void write(std::span<const Measurement> measurements) override {
    for (const Measurement& measurement : measurements) sink_.write(measurement);
    writes.count_call();
  }
  void flush() override { flushes.count_call(); }
  [[nodiscard]] uint64_t dropped() const override { return 0; }
  [[nodiscard]] std::vector<Measurement> kept() const { return sink_.measurements(); }

  CallCounter writes;
  CallCounter flushes;

 private:
  MemoryMetricsSink sink_;
};

class BrokenOutput final : public MetricsOutput {
 public:
  void write(std::span<const Measurement> /*measurements*/) override { throw std::runtime_error("no ink"); }
  void flush() override { throw std::runtime_error("no paper"); }
  [[nodiscard]] uint64_t dropped() const override { return 0; }
};

// Takes nothing until it is opened.
class GatedOutput final : public MetricsOutput {
 public:
  void write(std::span<const Measurement> measurements) override {
    entered.count_call();
    static_cast<void>(gate.wait_for_calls(1));
    for (const Measurement& measurement : measurements) sink.write(measurement);
  }
  void flush() override {}
  [[nodiscard]] uint64_t dropped() const override { return 0; }

  CallCounter entered;
  CallCounter gate;
  MemoryMetricsSink sink;
};

struct Fixture {
  explicit Fixture(MetricsLoggerOptions options = {}) {
    auto owned = std::make_unique<KeptOutput>();
    output = owned.get();
    std::vector<std::shared_ptr<MetricsOutput>> outputs;
    outputs.push_back(std::move(owned));
    logger = std::make_unique<MetricsLogger>(std::move(options), clock, std::move(outputs));
  }
  std::vector<Measurement> written() {
    logger->flush();
    return output->kept();
  }

  VirtualClock clock{1'784'800'000'000};
  KeptOutput* output = nullptr;
  std::unique_ptr<MetricsLogger> logger;
};

struct LoggerToJsonlHarness {
  LoggerToJsonlHarness() {
    std::vector<std::shared_ptr<MetricsOutput>> outputs;
    outputs.push_back(JsonlMetricsSink::open(folder / "m.jsonl").value());
    logger = std::make_unique<MetricsLogger>(MetricsLoggerOptions{}, clock, std::move(outputs));
  }
  MetricsSink& sink() { return *logger; }
  std::vector<Measurement> written() {
    return read_jsonl_measurements(folder / "m.jsonl", 0).value().measurements;
  }

  TemporaryFolder folder;
  VirtualClock clock;
  std::unique_ptr<MetricsLogger> logger;
};

Measurement numbered(std::string name, int64_t number) {
  return {.name = std::move(name), .fields = {{"number", number}}};
}

std::map<std::string, MetricValue> some_system_fields() {
  return {{"sys_cpu_percent", 12.5}, {"process_rss_bytes", int64_t{4096}}};
}

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(LoggerToJsonl, MetricsSinkContract, LoggerToJsonlHarness);

TEST(MetricsLogger, PutsItsConfiguredTagsOnEveryMeasurement) {
  Fixture fixture({.tags = {{"version", "1"}, {"group", "g"}, {"config_batch_size", "8"}}});
  fixture.logger->write({.name = "a", .tags = {{"uid", "3"}, {"group", "own"}}, .fields = {{"x", 1.0}}});
  fixture.logger->write({.name = "b", .fields = {{"x", 1.0}}});
  const auto written = fixture.written();
  ASSERT_THAT(written, SizeIs(2));
  const std::map<std::string, std::string> first = {
      {"version", "1"}, {"group", "own"}, {"config_batch_size", "8"}, {"uid", "3"}};
  const std::map<std::string, std::string> second = {
      {"version", "1"}, {"group", "g"}, {"config_batch_size", "8"}};
  EXPECT_EQ(written[0].tags, first) << "a measurement's own tag wins";
  EXPECT_EQ(written[1].tags, second);
}

TEST(MetricsLogger, StampsWhatHasNoTimeAndKeepsATimeThatIsGiven) {
  Fixture fixture;
  const int64_t now_ns = fixture.clock.now_ns();
  fixture.logger->write(numbered("a", 1));
  fixture.logger->write(numbered("a", 2));  // in the same instant: the next nanosecond
  fixture.logger->write({.name = "a", .time_ns = 18});
  fixture.clock.advance(-5000);  // a clock that is set back
  fixture.logger->write(numbered("a", 4));
  std::vector<int64_t> times;
  for (const Measurement& measurement : fixture.written()) times.push_back(measurement.time_ns);
  EXPECT_THAT(times, ElementsAre(now_ns, now_ns + 1, 18, now_ns + 2));
}

TEST(MetricsLogger, MeasuresTheSystemFromTimeToTime) {
  CallCounter samples;
  Fixture fixture({.wake_interval = std::chrono::milliseconds(1),
                   .system_metrics =
                       [&] {
                         samples.count_call();
                         return some_system_fields();
                       },
                   .system_interval = std::chrono::seconds(10)});
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(samples.wait_for_calls(i));
    fixture.logger->flush();  // several wakes within one interval take one sample
    fixture.logger->flush();
    EXPECT_EQ(samples.calls(), i);
    fixture.clock.advance(10'000);
  }
  ASSERT_TRUE(samples.wait_for_calls(4));
  const auto written = fixture.written();
  ASSERT_THAT(written, SizeIs(4));
  EXPECT_EQ(written[3].name, "system");
  EXPECT_EQ(written[3].fields, some_system_fields());
  EXPECT_EQ(written[3].time_ns - written[2].time_ns, 10'000'000'000);
}

TEST(MetricsLogger, MeasuresTheGpusWithTheSystemUnderItsTags) {
  CallCounter samples;
  Fixture fixture({.tags = {{"uid", "3"}},
                   .system_metrics =
                       [&] {
                         samples.count_call();
                         return some_system_fields();
                       },
                   .gpu_metrics =
                       [] {
                         return std::map<std::string, MetricValue>{{"gpu_count", int64_t{1}},
                                                                   {"gpu_0_name", std::string("H")}};
                       },
                   .system_interval = std::chrono::seconds(10)});
  ASSERT_TRUE(samples.wait_for_calls(1));
  const auto written = fixture.written();
  ASSERT_THAT(written, SizeIs(1));
  const std::map<std::string, MetricValue> fields = {{"sys_cpu_percent", 12.5},
                                                     {"process_rss_bytes", int64_t{4096}},
                                                     {"gpu_count", int64_t{1}},
                                                     {"gpu_0_name", std::string("H")}};
  EXPECT_EQ(written[0].fields, fields);
  EXPECT_EQ(written[0].tags, (std::map<std::string, std::string>{{"uid", "3"}}));
}

TEST(MetricsLogger, WritesOnceForOneCall) {
  Fixture fixture;
  fixture.logger->write(numbered("a", 1));
  ASSERT_TRUE(fixture.output->writes.wait_for_calls(1)) << "the worker wakes by itself";
  fixture.logger->flush();
  fixture.logger->flush();
  EXPECT_EQ(fixture.output->writes.calls(), 1);
  EXPECT_THAT(fixture.output->kept(), SizeIs(1));
}

TEST(MetricsLogger, KeepsAFailingOutputFromTheCallerAndFromTheOthers) {
  const CapturedLogs logs;
  const VirtualClock clock;
  std::vector<std::shared_ptr<MetricsOutput>> outputs;
  outputs.push_back(std::make_unique<BrokenOutput>());
  outputs.push_back(std::make_unique<KeptOutput>());
  const auto* kept = static_cast<const KeptOutput*>(outputs.back().get());
  MetricsLogger logger({.system_metrics = []() -> std::map<std::string, MetricValue> {
                          throw std::runtime_error("no such file");
                        },
                        .system_interval = std::chrono::hours(1)},
                       clock, std::move(outputs));
  logger.write(numbered("a", 1));
  logger.flush();
  EXPECT_THAT(kept->kept(), SizeIs(1));
  EXPECT_EQ(logger.dropped(), 1u);
  EXPECT_EQ(logs.field("an output failed", "reason"), "no ink");
  EXPECT_EQ(logs.field("sampling failed", "reason"), "no such file");
}

TEST(MetricsLogger, SaysInWordsThatThereIsNoMemory) {
  const CapturedLogs logs;
  const VirtualClock clock;
  std::vector<std::shared_ptr<MetricsOutput>> outputs;
  outputs.push_back(std::make_unique<KeptOutput>());
  MetricsLogger logger(
      {.system_metrics = []() -> std::map<std::string, MetricValue> { throw std::bad_alloc(); },
       .system_interval = std::chrono::hours(1)},
      clock, std::move(outputs));
  logger.write(numbered("a", 1));
  logger.flush();
  EXPECT_EQ(logs.field("sampling failed", "reason"), "out of memory");
}

TEST(MetricsLogger, DropsTheOldestWhereTheOutputsAreTooSlowAndSaysSo) {
  const CapturedLogs logs;
  const VirtualClock clock;
  auto owned = std::make_unique<GatedOutput>();
  GatedOutput& output = *owned;
  std::vector<std::shared_ptr<MetricsOutput>> outputs;
  outputs.push_back(std::move(owned));
  MetricsLogger logger({.queue_capacity = 10}, clock, std::move(outputs));
  logger.write(numbered("first", 0));
  ASSERT_TRUE(output.entered.wait_for_calls(1));  // the worker is held; the queue is empty
  for (int i = 0; i < 25; ++i) logger.write(numbered("n", i));
  EXPECT_EQ(logger.dropped(), 15u);
  output.gate.count_call();
  logger.flush();
  std::vector<int64_t> kept;
  for (const Measurement& measurement : output.sink.named("n"))
    kept.push_back(std::get<int64_t>(measurement.fields.at("number")));
  EXPECT_THAT(kept, ElementsAre(15, 16, 17, 18, 19, 20, 21, 22, 23, 24));
  EXPECT_EQ(logs.count("measurements dropped: more were logged than the outputs take"), 1u);
}

TEST(MetricsLogger, SaysWhatItDroppedLastWhenItEnds) {
  const CapturedLogs logs;
  const VirtualClock clock(1);  // no time passes: what is said from time to time is said once
  auto owned = std::make_unique<GatedOutput>();
  GatedOutput& output = *owned;
  std::vector<std::shared_ptr<MetricsOutput>> outputs;
  outputs.push_back(std::move(owned));
  {
    MetricsLogger logger({.queue_capacity = 2}, clock, std::move(outputs));
    logger.write(numbered("first", 0));
    ASSERT_TRUE(output.entered.wait_for_calls(1));
    for (int i = 0; i < 5; ++i) logger.write(numbered("n", i));
    output.gate.count_call();
  }
  EXPECT_NE(logs.text().find("dropped_in_all=3"), std::string::npos) << logs.text();
}

TEST(MetricsLogger, IsWokenWhenItsQueueIsHalfFull) {
  Fixture fixture({.queue_capacity = 100, .wake_interval = std::chrono::hours(1)});
  for (int i = 0; i < 50; ++i) fixture.logger->write(numbered("a", i));
  ASSERT_TRUE(fixture.output->writes.wait_for_calls(1));
  EXPECT_THAT(fixture.output->kept(), SizeIs(50));
}

TEST(MetricsLogger, HandsOnWhatItHasWhenItEnds) {
  const TemporaryFolder folder;
  const VirtualClock clock;
  {
    std::vector<std::shared_ptr<MetricsOutput>> outputs;
    outputs.push_back(JsonlMetricsSink::open(folder / "m.jsonl").value());
    MetricsLogger logger({.wake_interval = std::chrono::hours(1)}, clock, std::move(outputs));
    for (int i = 0; i < 100; ++i) logger.write(numbered("a", i));
  }
  EXPECT_THAT(read_jsonl_measurements(folder / "m.jsonl", 0).value().measurements, SizeIs(100));
}

}  // namespace templar::testing
