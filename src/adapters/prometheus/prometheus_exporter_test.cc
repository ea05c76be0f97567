#include "adapters/prometheus/prometheus_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "support/captured_logs.h"
#include "support/expect_failure.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;

TEST(PrometheusExporter, ServesWhatWasObserved) {
  const auto exporter = PrometheusExporter::open({}).value();
  exporter->write(std::vector<Measurement>{{.name = "a", .tags = {{"uid", "1"}}, .fields = {{"loss", 2.5}}}});
  httplib::Client client("127.0.0.1", exporter->port());
  const auto response = client.Get("/metrics");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->get_header_value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(response->body, HasSubstr("templar_a_loss{uid=\"1\"} 2.5\n"));
  EXPECT_EQ(client.Get("/")->status, 200);
  EXPECT_EQ(client.Get("/other")->status, 404);
  EXPECT_EQ(client.Post("/metrics", "x", "text/plain")->status, 413) << "it takes no bodies";
}

TEST(PrometheusExporter, CountsEventsAndWhatWasDropped) {
  const CapturedLogs logs;
  const auto exporter = PrometheusExporter::open({.metrics_dropped = [] { return 17; }}).value();
  const uint64_t before = log_counts().by_level[2];
  log(LogLevel::kWarning, "room", "fact");
  const std::string text = exporter->text();
  EXPECT_THAT(text, HasSubstr("# TYPE templar_log_events_total counter\n"));
  EXPECT_THAT(text,
              HasSubstr("templar_log_events_total{level=\"warning\"} " + std::to_string(before + 1) + "\n"));
  EXPECT_THAT(text, HasSubstr("\ntemplar_metrics_dropped_total 17\n"));
  EXPECT_THAT(text, HasSubstr("\ntemplar_exporter_series 0\n"));
  EXPECT_THAT(text, HasSubstr("\ntemplar_exporter_values_left_out_total 0\n"));
}

TEST(PrometheusExporter, SaysThatItsPortIsTaken) {
  const auto exporter = PrometheusExporter::open({}).value();
  EXPECT_TRUE(fails(PrometheusExporter::open({.port = exporter->port()}), ErrorKind::kFatal,
                    "can't be opened: Address already in use"));
  EXPECT_TRUE(fails(PrometheusExporter::open({.host = "192.0.2.1", .port = 1234}), ErrorKind::kFatal,
                    "can't be opened"));
  EXPECT_TRUE(fails(PrometheusExporter::open({.port = 70000}), ErrorKind::kFatal, "ports are 0 to 65535"));
}

TEST(PrometheusExporter, GivesItsPortBack) {
  const int port = PrometheusExporter::open({}).value()->port();
  EXPECT_TRUE(PrometheusExporter::open({.port = port}));
}

}  // namespace
}  // namespace templar::testing
