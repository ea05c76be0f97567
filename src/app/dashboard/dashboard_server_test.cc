// The server as a browser meets it: real HTTP on loopback, files written by the nodes' own writer.
#include "app/dashboard/dashboard_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <fstream>
#include <future>
#include <regex>
#include <set>

#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"
#include "base/files/file.h"
#include "core/run/parameter_layout.h"
#include "support/json_values.h"
#include "support/measurement_forms.h"
#include "support/run_specs.h"
#include "support/temporary_folder.h"
#include "support/vectors.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kPage = "<!doctype html><title>a page</title>";

// A run's folder that its nodes write to.
class RunFolder {
 public:
  RunFolder() {
    for (const char* name : {"metrics", "logs"}) std::filesystem::create_directory(folder_ / name);
    EXPECT_TRUE(write_file_atomically(folder_ / "run_spec.json", pretty_json(small_run_spec())));
  }

  void write(const std::string& node, Measurement measurement) {
    if (!sinks_.contains(node))
      sinks_[node] = JsonlMetricsSink::open(folder_ / "metrics" / (node + ".jsonl")).value();
    sinks_[node]->write(std::move(measurement));
  }
  void write_miner(uint32_t uid, int64_t window, double loss, const std::string& root = "aa") {
    write("miner-" + std::to_string(uid), {.name = "training_step_v2",
                                           .tags = {{"role", "miner"}, {"uid", std::to_string(uid)}},
                                           .fields = {{"window", window},
                                                      {"loss", loss},
                                                      {"state_root", root},
                                                      {"tokens", int64_t{100}},
                                                      {"contribution_bytes", int64_t{2000}}},
                                           .time_ns = (1'700'000'000'000 + window * 1000) * 1'000'000});
  }
  void write_score(uint32_t uid, int64_t window, double weight, const std::string& verdict,
                   const std::string& reason) {
    write("validator-0", {.name = "validator_scores",
                          .tags = {{"role", "validator"}, {"uid", "0"}, {"eval_uid", std::to_string(uid)}},
                          .fields = {{"window", window},
                                     {"weight", weight},
                                     {"verdict", verdict},
                                     {"reason", reason},
                                     {"ordinal", 3.5}},
                          .time_ns = 1});
  }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
  std::map<std::string, std::unique_ptr<JsonlMetricsSink>> sinks_;
};

class DashboardServerTest : public ::testing::Test {
 protected:
  void start() {
    auto started = DashboardServer::start({.folder = run_.path(), .page = kPage});
    ASSERT_TRUE(started) << started.error().message;
    server_ = *std::move(started);
  }
  httplib::Result get(const std::string& path, const httplib::Headers& headers = {}) {
    httplib::Client client("127.0.0.1", server_->port());
    return client.Get(path, headers);
  }
  Json json(const std::string& path) {
    const auto answer = get(path);
    EXPECT_TRUE(answer && answer->status == 200) << path;
    return answer ? testing::parsed_json(answer->body) : Json();
  }
  // All that is there by now: the folder is read in parts when the server starts.
  Json all_news() {
    for (;;) {
      Json news = json("/api/news");
      if (news.at("reading").at("done") == news.at("reading").at("total")) return news;
    }
  }
  static std::string cursor(const Json& news) {
    return std::to_string(testing::as<int>(news.at("life"))) + "-" +
           std::to_string(testing::as<int>(news.at("revision")));
  }

  RunFolder run_;
  std::unique_ptr<DashboardServer> server_;
};

TEST_F(DashboardServerTest, ServesThePageWithAPolicyThatLetsNothingElseIn) {
  start();
  const auto answer = get("/");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, kPage);
  EXPECT_THAT(answer->get_header_value("Content-Type"), HasSubstr("text/html"));
  EXPECT_THAT(answer->get_header_value("Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_EQ(get("/../run_spec.json")->status, 404);
  EXPECT_EQ(get("/metrics/miner-1.jsonl")->status, 404);
}

TEST_F(DashboardServerTest, TellsTheSpecsEssentials) {
  start();
  const Json run = json("/api/run");
  EXPECT_EQ(run.at("run_id"), run_id(small_run_spec()).hex());
  EXPECT_EQ(run.at("parameters"), parameter_count(parameter_layout(small_run_spec().model)));
}

TEST_F(DashboardServerTest, GivesEachWindowsMeansAndSums) {
  run_.write_miner(1, 0, 2.0);
  run_.write_miner(2, 0, 3.0);
  run_.write_miner(1, 1, 1.5, "bb");
  run_.write_miner(2, 1, 1.75, "bb");
  start();
  const Json windows = all_news().at("windows");
  EXPECT_EQ(windows.at("window"), Json(JsonList{0, 1}));
  EXPECT_EQ(windows.at("loss"), Json(JsonList{2.5, 1.625}));
  EXPECT_EQ(windows.at("loss_low"), Json(JsonList{2.0, 1.5}));
  EXPECT_EQ(windows.at("loss_high"), Json(JsonList{3.0, 1.75}));
  EXPECT_EQ(windows.at("tokens"), Json(JsonList{200, 200}));
  EXPECT_EQ(windows.at("bytes"), Json(JsonList{2000, 2000}));
  EXPECT_EQ(windows.at("time_step_ms"), Json(JsonList{1'700'000'000'000, 1000}));
  EXPECT_EQ(windows.at("differ"), Json(JsonList{nullptr, nullptr}));
}

TEST_F(DashboardServerTest, TellsWhoKnowsTheRunOnlyWhatIsNew) {
  run_.write_miner(1, 0, 2.0);
  start();
  const Json before = all_news();
  EXPECT_TRUE(json("/api/news?since=" + cursor(before)).at("windows").at("window").list()->empty());
  run_.write_miner(1, 1, 1.5);
  run_.write_score(1, 1, 0.75, "invalid", "too large");
  const Json after = json("/api/news?since=" + cursor(before));
  EXPECT_EQ(after.at("windows").at("window"), Json(JsonList{1}));
  ASSERT_EQ(after.at("miners").size(), 1u);
  EXPECT_EQ(after.at("miners").at(0).at(9), 0.75);
  EXPECT_EQ(after.at("miners").at(0).at(12), "invalid");
  ASSERT_EQ(after.at("faults").size(), 1u);
  EXPECT_EQ(after.at("faults").at(0).at(3), "invalid: too large");
  EXPECT_EQ(json("/api/news?since=nonsense").at("windows").at("window"), Json(JsonList{0, 1}))
      << "an unknown cursor knows nothing";
}

TEST_F(DashboardServerTest, TellsOfAlarmsAsLongAsTheyStand) {
  const auto alarm = [&](int64_t stands) {
    run_.write("validator-1",
               {.name = "network_alarm",
                .tags = {{"role", "validator"}, {"uid", "1"}, {"kind", "nobody_leads"}},
                .fields = {{"window", int64_t{4}}, {"stands", stands}, {"reason", "2 are undecided"}},
                .time_ns = 1'700'000'000'000'000'000});
  };
  alarm(1);
  start();
  const Json before = all_news();
  ASSERT_EQ(before.at("alarms").size(), 1u);
  const Json& told = before.at("alarms").at(0);
  EXPECT_EQ(told.at("kind"), "nobody_leads");
  EXPECT_EQ(told.at("title"), "nobody decides the windows");
  EXPECT_EQ(told.at("reason"), "2 are undecided");
  EXPECT_EQ(told.at("nodes"), Json(JsonList{"validator-1"}));
  EXPECT_EQ(told.at("window"), 4);
  EXPECT_EQ(told.at("time_ms"), 1'700'000'000'000);
  EXPECT_EQ(json("/api/news?since=" + cursor(before)).at("alarms").size(), 1u) << "it stands still";
  alarm(0);
  EXPECT_EQ(json("/api/news?since=" + cursor(before)).at("alarms").size(), 0u);
}

// The names that follow the word in the text: a and b for "news\\." in "news.a + news.b".
std::set<std::string> names_behind(const std::string& word, const std::string& text) {
  std::set<std::string> names;
  const std::regex expression("\\b" + word + "([a-z_]+)");
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at)
    names.insert((*at)[1]);
  return names;
}

bool has_null(const Json& json) {
  if (const JsonList* list = json.list()) return std::ranges::any_of(*list, has_null);
  if (const JsonObject* object = json.object())
    return std::ranges::any_of(*object, has_null, &JsonMember::value);
  return json.is_null();
}

// A name that is asked for and nobody writes would leave a null here.
TEST_F(DashboardServerTest, HasANumberForAllThatItSaysOfTheMeasurementsThatAreListed) {
  for (const MeasurementForm& form : kMeasurements) run_.write("somebody", filled_measurement(form));
  start();
  Json news = all_news();
  EXPECT_EQ(news.at("windows").at("differ"), Json(JsonList{nullptr})) << "all nodes agree";
  erase_part(news, "windows.differ");
  for (const char* part :
       {"windows", "miners", "details", "system", "faults", "alarms", "windows_wanted", "nodes"}) {
    EXPECT_TRUE(news.at(part).number() || news.at(part).size() > 0) << part;
    EXPECT_FALSE(has_null(news.at(part))) << part << ": " << to_text(news.at(part));
  }
  EXPECT_EQ(news.at("phases"), Json(JsonList(kWindowPhases.begin(), kWindowPhases.end())));
  EXPECT_FALSE(has_null(news.at("curves").at("task task metric")));
  const Json miner = json("/api/miner?uid=1");
  for (const auto& [name, column] : *miner.object()) {
    EXPECT_EQ(column.size(), 1u) << name;
    EXPECT_FALSE(has_null(column)) << name;
  }
}

TEST_F(DashboardServerTest, SaysAllThatThePagesScriptsAskFor) {
  for (const MeasurementForm& form : kMeasurements) run_.write("somebody", filled_measurement(form));
  start();
  const Json news = all_news();
  const Json run = json("/api/run");
  const Json miner = json("/api/miner?uid=1");
  std::set<std::string> asked_of_news, asked_of_run, asked_of_miner, asked_of_alarm;
  for (const auto& script : std::filesystem::directory_iterator(source_path("src/app/dashboard/page"))) {
    if (script.path().extension() != ".js") continue;
    const std::string text(as_text(read_file(script.path(), 1 << 20).value()));
    asked_of_news.merge(names_behind("model\\.status\\??\\.", text));
    asked_of_run.merge(names_behind("model\\.run\\.", text));
    asked_of_miner.merge(names_behind("history\\.", text));
    asked_of_alarm.merge(names_behind("alarm\\.", text));
    const size_t merge = text.find("  merge(news) {");
    if (merge == std::string::npos) continue;
    asked_of_news.merge(names_behind("news\\.", text.substr(merge, text.find("\n  }\n", merge) - merge)));
  }
  asked_of_news.erase("received");  // the page's own: when the news came
  EXPECT_GE(asked_of_news.size(), 10u);
  EXPECT_GE(asked_of_miner.size(), 5u);
  EXPECT_GE(asked_of_alarm.size(), 5u);
  for (const std::string& name : asked_of_news) EXPECT_TRUE(news.contains(name)) << "news: " << name;
  for (const std::string& name : asked_of_alarm)
    EXPECT_TRUE(news.at("alarms").at(0).contains(name)) << "alarm: " << name;
  for (const std::string& name : asked_of_run) EXPECT_TRUE(run.contains(name)) << "run: " << name;
  for (const std::string& name : asked_of_miner) EXPECT_TRUE(miner.contains(name)) << "miner: " << name;
}

TEST_F(DashboardServerTest, AnswersAWaitingRequestWhenSomethingIsWritten) {
  run_.write_miner(1, 0, 2.0);
  start();
  const Json before = all_news();
  auto waiting = std::async(std::launch::async, [&] {
    httplib::Client client("127.0.0.1", server_->port());
    client.set_read_timeout(60);
    return client.Get("/api/news?wait=25&since=" + cursor(before));
  });
  run_.write_miner(1, 1, 1.5);
  const auto answer = waiting.get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(testing::parsed_json(answer->body).at("windows").at("window"), Json(JsonList{1}));
}

TEST_F(DashboardServerTest, EndsWhileARequestWaits) {
  run_.write_miner(1, 0, 2.0);
  start();
  const Json before = all_news();
  std::promise<void> begun;
  auto waiting = std::async(std::launch::async, [&] {
    httplib::Client client("127.0.0.1", server_->port());
    client.set_read_timeout(60);
    begun.set_value();
    return static_cast<bool>(client.Get("/api/news?wait=25&since=" + cursor(before)));
  });
  begun.get_future().wait();
  server_->stop();
  waiting.get();  // answered, or refused where it came too late
  server_->stop();
}

TEST_F(DashboardServerTest, ForgetsARunInWhosePlaceANewOneBegins) {
  for (int64_t window = 0; window < 5; ++window) run_.write_miner(1, window, 2.0);
  start();
  const Json before = all_news();
  ASSERT_EQ(before.at("windows").at("window").size(), 5u);
  std::filesystem::resize_file(run_.path() / "metrics" / "miner-1.jsonl", 0);
  run_.write_miner(1, 0, 4.0);
  const Json after = json("/api/news?since=" + cursor(before));
  EXPECT_NE(after.at("life"), before.at("life"));
  EXPECT_EQ(after.at("windows").at("loss"), Json(JsonList{4.0}));
}

TEST_F(DashboardServerTest, SaysWhetherTheRunHasFinished) {
  const auto say = [&](const char* name) {
    run_.write("localnet", {.name = name, .tags = {}, .fields = {{"windows", int64_t{1}}}, .time_ns = 1});
  };
  ASSERT_TRUE(write_file_atomically(run_.path() / "summary.json", std::string_view("{\"windows\": 9}")));
  run_.write_miner(1, 0, 2.0);
  say("localnet_begin");
  start();
  EXPECT_EQ(all_news().at("state"), "running") << "the summary is an earlier run's";
  EXPECT_EQ(all_news().at("windows_wanted"), 1);
  say("localnet_call");
  EXPECT_EQ(json("/api/news").at("state"), "finished");
  std::filesystem::remove(run_.path() / "summary.json");
  EXPECT_EQ(json("/api/news").at("state"), "stopped");
  say("localnet_begin");
  EXPECT_EQ(json("/api/news").at("state"), "running") << "resumed";
}

TEST_F(DashboardServerTest, ReadsPastLinesThatAreNoMeasurements) {
  run_.write_miner(1, 0, 2.0);
  std::ofstream(run_.path() / "metrics" / "odd.jsonl") << "{\"broken\n[]\n\n{\"name\":3}\n"
                                                       << std::string(200'000, 'x') << "\n{\"torn";
  std::ofstream(run_.path() / "logs" / "miner-1.log")
      << "12:00:00.000 warning miner: slow window=0\nunfinished warning";
  start();
  const Json news = json("/api/news");
  EXPECT_EQ(news.at("windows").at("window"), Json(JsonList{0}));
  EXPECT_EQ(news.at("malformed_lines"), 4);
  ASSERT_EQ(news.at("faults").size(), 1u);
  EXPECT_EQ(news.at("faults").at(0).at(1), "warning");
}

TEST_F(DashboardServerTest, GivesDetailsOfOldWindowsAndAMinersHistoryWhenAsked) {
  for (int64_t window = 0; window < 300; ++window) {
    run_.write_miner(1, window, 2.0, "root" + std::to_string(window));
    run_.write_score(1, window, 0.5, window == 7 ? "missing" : "accepted",
                     window == 7 ? "nothing stored" : "");
  }
  start();
  const Json news = all_news();
  EXPECT_EQ(news.at("details").size(), 64u);
  EXPECT_EQ(news.at("details").list()->back().at(0), 299);
  const Json details = json("/api/windows?first=7&last=8");
  ASSERT_EQ(details.size(), 2u);
  EXPECT_EQ(details.at(0).at(2).at(0).at(1), "root7");
  EXPECT_EQ(details.at(0).at(3).at(0), Json(JsonList{1, "missing", "nothing stored", 0.5}));
  EXPECT_EQ(json("/api/windows?first=-9223372036854775808&last=9223372036854775807").size(), 0u)
      << "no window is that late";
  EXPECT_EQ(json("/api/windows?first=0&last=299").size(), 256u) << "a bound to what one answer holds";
  const Json miner = json("/api/miner?uid=1");
  EXPECT_EQ(miner.at("window").size(), 300u);
  EXPECT_EQ(miner.at("verdicts").size(), 200u);
  EXPECT_EQ(get("/api/miner?uid=-1")->status, 400);
  EXPECT_EQ(get("/api/windows?first=x")->status, 400);
}

TEST_F(DashboardServerTest, PacksAnswersForWhoTakesThemPacked) {
  for (int64_t window = 0; window < 300; ++window) run_.write_miner(1, window, 2.0);
  start();
  const Json plain = all_news();
  httplib::Client client("127.0.0.1", server_->port());
  client.set_decompress(true);
  const auto packed = client.Get("/api/news", {{"Accept-Encoding", "gzip, br"}});
  ASSERT_TRUE(packed);
  EXPECT_EQ(packed->get_header_value("Content-Encoding"), "gzip");
  EXPECT_EQ(testing::parsed_json(packed->body).at("windows"), plain.at("windows"));
}

TEST_F(DashboardServerTest, RefusesANameThatSomebodyHasPointedAtThisMachine) {
  start();
  EXPECT_EQ(get("/api/run", {{"Host", "evil.example:80"}})->status, 403);
  EXPECT_EQ(get("/api/run", {{"Host", "localhost:9"}})->status, 200);
}

TEST_F(DashboardServerTest, SaysThatAPortIsTaken) {
  start();
  const auto second = DashboardServer::start({.folder = run_.path(), .port = server_->port(), .page = kPage});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(server_->port())));
  EXPECT_THAT(second.error().message, HasSubstr("--port"));
}

TEST(DashboardServer, RefusesAFolderThatHoldsNoRun) {
  const TemporaryFolder folder;
  const auto empty = DashboardServer::start({.folder = folder.path(), .page = kPage});
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, HasSubstr("there is no run in this folder"));
  const auto missing = DashboardServer::start({.folder = folder / "none", .page = kPage});
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("there is no such folder"));
}

}  // namespace
}  // namespace templar::testing
