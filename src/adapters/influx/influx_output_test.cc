#include "adapters/influx/influx_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "adapters/http/gzip.h"
#include "base/threads/mutex.h"
#include "support/call_counter.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/http_server.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;

// A server that takes everything while it is told to, and else is too busy.
class SwitchedServer {
 public:
  explicit SwitchedServer(bool takes) : takes_(takes) {}

  void set(bool takes) { takes_ = takes; }
  [[nodiscard]] std::string url() const { return server_.url(); }
  [[nodiscard]] std::string written() const {
    const MutexLock lock(mutex_);
    return written_;
  }

  CallCounter refused;
  CallCounter taken;

 private:
  HttpAnswer answer(const httplib::Request& request) {
    if (!takes_) {
      refused.count_call();
      return {.status = 503, .body = R"({"error":"busy"})"};
    }
    {
      const MutexLock lock(mutex_);
      written_ += request.body;
    }
    taken.count_call();
    return {};
  }

  std::atomic<bool> takes_;
  mutable Mutex mutex_;
  std::string written_ GUARDED_BY(mutex_);
  HttpServer server_{[this](const httplib::Request& request) { return answer(request); }};
};

InfluxConfig config_for(const SwitchedServer& server, size_t batch_size) {
  return {.url = server.url(),
          .database = "d",
          .batch_size = batch_size,
          .flush_interval = std::chrono::seconds(60)};
}

InfluxOutputOptions quick() {
  return {.first_retry = std::chrono::milliseconds(1), .last_retry = std::chrono::milliseconds(5)};
}

// A server that lets everybody wait until ended is counted.
struct HangingServer {
  CallCounter asked;
  CallCounter ended;
  HttpServer server{[this](const httplib::Request&) -> HttpAnswer {
    asked.count_call();
    static_cast<void>(ended.wait_for_calls(1));
    return {};
  }};
};

// A server that refuses for the time being, and a folder for what waits.
class InfluxAway : public ::testing::Test {
 protected:
  InfluxAway() { options.spool_folder = folder / "spool"; }

  const CapturedLogs logs;
  const TemporaryFolder folder;
  SwitchedServer server{false};
  const SystemClock clock;  // runs on, or the next try would never come
  InfluxOutputOptions options = quick();
};

void write_number(MetricsOutput& output, int64_t number) {
  const Measurement measurement{.name = "m", .tags = {}, .fields = {{"n", number}}, .time_ns = number};
  output.write({&measurement, 1});
}

std::string lines_of(int64_t from, int64_t to) {
  std::string lines;
  for (int64_t i = from; i < to; ++i) lines += "m n=" + std::to_string(i) + "i " + std::to_string(i) + "\n";
  return lines;
}

}  // namespace

TEST(InfluxOutput, SendsABatchWhenItIsFull) {
  SwitchedServer server(true);
  const VirtualClock clock;
  const auto output = InfluxOutput::open(config_for(server, 3), quick(), clock).value();
  for (int64_t i = 0; i < 7; ++i) write_number(*output, i);
  ASSERT_TRUE(server.taken.wait_for_calls(2));
  EXPECT_EQ(server.written(), lines_of(0, 6));
  output->flush();
  EXPECT_EQ(server.written(), lines_of(0, 7));
  EXPECT_EQ(output->counts().written, 7u);
  EXPECT_EQ(output->dropped(), 0u);
}

TEST(InfluxOutput, SendsWhatThereIsWhenTheIntervalIsOver) {
  SwitchedServer server(true);
  VirtualClock clock;
  InfluxConfig config = config_for(server, 1000);
  config.flush_interval = std::chrono::milliseconds(20);
  const auto output = InfluxOutput::open(config, quick(), clock).value();
  write_number(*output, 0);
  EXPECT_EQ(server.written(), "") << "the clock stands still";
  clock.advance(20);
  ASSERT_TRUE(server.taken.wait_for_calls(1));
  EXPECT_EQ(server.written(), lines_of(0, 1));
}

TEST(InfluxOutput, SendsTheRestWhenItEnds) {
  SwitchedServer server(true);
  const VirtualClock clock;
  {
    const auto output = InfluxOutput::open(config_for(server, 1000), quick(), clock).value();
    write_number(*output, 0);
  }
  EXPECT_EQ(server.written(), lines_of(0, 1));
}

TEST_F(InfluxAway, KeepsWhatABusyServerRefusesAndSendsItInItsOrder) {
  const auto output = InfluxOutput::open(config_for(server, 2), options, clock).value();
  for (int64_t i = 0; i < 10; ++i) write_number(*output, i);
  ASSERT_TRUE(server.refused.wait_for_calls(4)) << "it comes again and again";
  output->flush();
  EXPECT_EQ(output->counts().waiting, 10u);
  server.set(true);
  ASSERT_TRUE(server.taken.wait_for_calls(5));
  EXPECT_EQ(server.written(), lines_of(0, 10));
  EXPECT_EQ(output->dropped(), 0u);
  EXPECT_EQ(logs.count("InfluxDB takes no measurements; they are kept for it"), 1u) << logs.text();
  EXPECT_EQ(logs.count("InfluxDB takes measurements again"), 1u);
}

TEST_F(InfluxAway, LeavesForTheNextProcessWhatItCouldNotSend) {
  {
    const auto output = InfluxOutput::open(config_for(server, 1000), options, clock).value();
    write_number(*output, 0);
    EXPECT_TRUE(fails(InfluxOutput::open(config_for(server, 1), options, clock), ErrorKind::kRetry));
  }
  EXPECT_EQ(logs.field("measurements for InfluxDB stay in their folder for the next start", "folder"),
            (folder / "spool").string());
  const auto next = InfluxOutput::open(config_for(server, 1000), options, clock).value();
  EXPECT_EQ(next->counts().waiting, 1u);
  server.set(true);
  EXPECT_TRUE(server.taken.wait_for_calls(1)) << "nothing has to be logged for it";
  EXPECT_EQ(server.written(), lines_of(0, 1));
}

TEST_F(InfluxAway, KeepsABoundedAmountInMemoryWithoutADisk) {
  options.memory_bytes = 4 * gzip(lines_of(10, 11)).size();
  const auto output = InfluxOutput::open(config_for(server, 1), options, clock).value();
  std::filesystem::remove_all(folder / "spool");
  for (int64_t i = 10; i < 20; ++i) {
    write_number(*output, i);
    output->flush();
  }
  EXPECT_EQ(output->counts().waiting, 4u);
  EXPECT_EQ(output->dropped(), 6u);
  server.set(true);
  ASSERT_TRUE(server.taken.wait_for_calls(4));
  EXPECT_EQ(server.written(), lines_of(16, 20)) << "the oldest were dropped";
  EXPECT_EQ(logs.count("measurements that wait for InfluxDB are kept in memory: make room on the disk"), 1u);
  EXPECT_GE(logs.count("the oldest measurements that wait for InfluxDB are dropped"), 1u);
}

TEST(InfluxOutput, SaysOnceForEachFieldThatItIsNoNumber) {
  const CapturedLogs logs;
  SwitchedServer server(true);
  const VirtualClock clock;
  const auto output = InfluxOutput::open(config_for(server, 1000), quick(), clock).value();
  for (int64_t i = 0; i < 5; ++i) {
    const std::vector<Measurement> batch = {
        {.name = "m", .fields = {{"loss", std::nan("")}, {"n", int64_t{1}}}, .time_ns = i},
        {.name = "only", .fields = {{"inf", HUGE_VAL}}, .time_ns = i}};
    output->write(batch);
  }
  output->flush();
  EXPECT_EQ(logs.count("InfluxDB can't hold NaN or an infinity: such a field is left out"), 2u);
  EXPECT_EQ(output->counts().fields_left_out, 10u);
  EXPECT_EQ(output->counts().written, 5u);
  EXPECT_EQ(output->counts().rejected, 5u) << "nothing was left of them";
}

TEST(InfluxOutput, DropsTheOldestOfTooManyWhileAnAnswerIsWaitedFor) {
  HangingServer hanging;
  const VirtualClock clock;
  InfluxOutputOptions options = quick();
  options.memory_bytes = 4 * gzip(lines_of(10, 11)).size();
  {
    const auto output =
        InfluxOutput::open({.url = hanging.server.url(), .database = "d", .batch_size = 1}, options, clock)
            .value();
    write_number(*output, 0);
    ASSERT_TRUE(hanging.asked.wait_for_calls(1));
    for (int64_t i = 10; i < 20; ++i) write_number(*output, i);
    EXPECT_EQ(output->counts().dropped, 6u);
    hanging.ended.count_call();
  }
  std::string written;
  for (const httplib::Request& request : hanging.server.requests()) written += request.body;
  EXPECT_EQ(written, lines_of(0, 1) + lines_of(16, 20));
}

TEST(InfluxOutput, EndsInTimeThoughTheServerNeverAnswers) {
  const TemporaryFolder folder;
  HangingServer hanging;
  const VirtualClock clock;
  InfluxOutputOptions options = quick();
  options.spool_folder = folder / "spool";
  options.exit_time = std::chrono::milliseconds(10);
  {
    const auto output =
        InfluxOutput::open({.url = hanging.server.url(), .database = "d", .batch_size = 1}, options, clock)
            .value();
    write_number(*output, 0);
    ASSERT_TRUE(hanging.asked.wait_for_calls(1));
  }
  hanging.ended.count_call();
  EXPECT_EQ(Spool::open(folder / "spool", 1 << 20).value().points(), 1u) << "nothing is lost by it";
}

}  // namespace templar::testing
