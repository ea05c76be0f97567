#include "base/log/log_sinks.h"

#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>
#include <thread>

#include "base/log/log.h"
#include "support/child_process.h"
#include "support/expect_failure.h"
#include "support/file_content.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

LogEvent numbered(int number, LogLevel level = LogLevel::kInfo) {
  return {level, "room", "fact", {{"number", number}}, 0};
}

std::string line_of(int number) {
  return "1970-01-01T00:00:00.000Z I room: fact number=" + std::to_string(number) + "\n";
}

TEST(FileLogSink, AppendsALineForEachEvent) {
  const TemporaryFolder folder;
  for (int i = 0; i < 2; ++i) file_log_sink({.path = folder / "a.log"}).value()(numbered(i));
  EXPECT_EQ(text_of(folder / "a.log"), line_of(0) + line_of(1));
}

TEST(FileLogSink, WritesJsonIfAskedTo) {
  const TemporaryFolder folder;
  file_log_sink({.path = folder / "a.log", .format = LogFormat::kJson}).value()(numbered(7));
  EXPECT_EQ(text_of(folder / "a.log"), json_log_line(numbered(7)) + "\n");
}

TEST(FileLogSink, LeavesOutWhatIsBelowItsLevel) {
  const TemporaryFolder folder;
  const LogSink sink = file_log_sink({.path = folder / "a.log", .lowest = LogLevel::kWarning}).value();
  sink(numbered(0));
  sink(numbered(1, LogLevel::kError));
  EXPECT_EQ(text_of(folder / "a.log"), "1970-01-01T00:00:00.000Z E room: fact number=1\n");
}

TEST(FileLogSink, KeepsTheNewestFiles) {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.log";
  const LogSink sink =
      file_log_sink({.path = path, .max_file_bytes = 2 * line_of(0).size(), .max_files = 3}).value();
  for (int i = 0; i < 9; ++i) sink(numbered(i));
  EXPECT_EQ(text_of(path), line_of(8));
  EXPECT_EQ(text_of(path.string() + ".1"), line_of(6) + line_of(7));
  EXPECT_EQ(text_of(path.string() + ".2"), line_of(4) + line_of(5));
  EXPECT_FALSE(fs::exists(path.string() + ".3"));
}

TEST(FileLogSink, CountsWhatIsThereAlready) {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.log";
  const FileLogOptions options{.path = path, .max_file_bytes = 2 * line_of(0).size(), .max_files = 2};
  for (int i = 0; i < 3; ++i) file_log_sink(options).value()(numbered(i));
  EXPECT_EQ(text_of(path.string() + ".1"), line_of(0) + line_of(1));
  EXPECT_EQ(text_of(path), line_of(2));
}

TEST(FileLogSink, BeginsAnewWhereOnlyOneFileIsAllowed) {
  const TemporaryFolder folder;
  const LogSink sink =
      file_log_sink({.path = folder / "a.log", .max_file_bytes = line_of(0).size(), .max_files = 1}).value();
  for (int i = 0; i < 3; ++i) sink(numbered(i));
  EXPECT_EQ(text_of(folder / "a.log"), line_of(2));
  EXPECT_FALSE(fs::exists(folder / "a.log.1"));
}

TEST(FileLogSink, CutsOffALineThatIsLongerThanAFile) {
  const TemporaryFolder folder;
  const LogSink sink = file_log_sink({.path = folder / "a.log", .max_file_bytes = 10}).value();
  sink(numbered(0));
  EXPECT_EQ(text_of(folder / "a.log"), "1970-01-0\n");
}

TEST(FileLogSink, CountsWhatAFullDiskTook) {
  const LogSink sink = file_log_sink({.path = "/dev/full"}).value();
  const uint64_t before = log_counts().unwritten;
  sink(numbered(0));
  sink(numbered(1));
  EXPECT_EQ(log_counts().unwritten, before + 2);
}

TEST(FileLogSink, GoesOnAfterALineThatWasWrittenInPart) {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.log";
  const int end = run_in_child([&] {
    limit_file_size(100, false);
    const uint64_t before = log_counts().unwritten;
    const LogSink sink = file_log_sink({.path = path}).value();
    for (int i = 0; i < 3; ++i) sink(numbered(i));
    fs::resize_file(path, 60);  // there is room again
    sink(numbered(9));
    return log_counts().unwritten > before ? 0 : 1;
  });
  EXPECT_EQ(end, 0);
  EXPECT_TRUE(text_of(path).starts_with(line_of(0))) << text_of(path);
}

TEST(FileLogSink, SaysThatItCannotOpenItsFile) {
  const TemporaryFolder folder;
  EXPECT_TRUE(fails(file_log_sink({.path = folder / "no/a.log"}), ErrorKind::kFatal, "No such file"));
  EXPECT_TRUE(fails(file_log_sink({.path = folder.path()}), ErrorKind::kFatal, "Is a directory"));
}

TEST(FileLogSink, ComesBackWhenItsFolderDoes) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "logs");
  const LogSink sink =
      file_log_sink({.path = folder / "logs/a.log", .max_file_bytes = line_of(0).size()}).value();
  sink(numbered(0));
  fs::remove_all(folder / "logs");
  const uint64_t before = log_counts().unwritten;
  sink(numbered(1));  // has to rotate, and can't
  EXPECT_EQ(log_counts().unwritten, before + 1);
  fs::create_directory(folder / "logs");
  sink(numbered(2));
  EXPECT_EQ(text_of(folder / "logs/a.log"), line_of(2));
}

TEST(FileLogSink, KeepsLinesWholeWhenManyThreadsSpeak) {
  const TemporaryFolder folder;
  const fs::path path = folder / "a.log";
  const LogSink sink = file_log_sink({.path = path, .max_file_bytes = 4000, .max_files = 100}).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 250; ++i) sink(numbered(1000 * t + i));
    });
  for (std::thread& thread : threads) thread.join();
  size_t lines = 0;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    EXPECT_LE(entry.file_size(), 4000u);
    std::istringstream text(text_of(entry.path()));
    for (std::string line; std::getline(text, line); ++lines)
      EXPECT_TRUE(line.starts_with("1970-01-01T00:00:00.000Z I room: fact number=")) << line;
  }
  EXPECT_EQ(lines, 1000u);
}

TEST(AllLogSinks, GiveEachEventToAllOfThem) {
  const TemporaryFolder folder;
  int others = 0;
  const uint64_t before = log_counts().unwritten;
  const LogSink sink =
      all_log_sinks({file_log_sink({.path = folder / "text"}).value(),
                     [](const LogEvent&) { throw std::runtime_error("away"); },
                     file_log_sink({.path = folder / "json", .format = LogFormat::kJson}).value(),
                     [&](const LogEvent&) { ++others; }});
  sink(numbered(0));
  EXPECT_EQ(text_of(folder / "text"), line_of(0));
  EXPECT_EQ(text_of(folder / "json"), json_log_line(numbered(0)) + "\n");
  EXPECT_EQ(others, 1);
  EXPECT_EQ(log_counts().unwritten, before + 1);
}

TEST(StderrLogSink, WritesTextOrJson) {
  ::testing::internal::CaptureStderr();
  stderr_log_sink()(numbered(1));
  stderr_log_sink({.format = LogFormat::kJson})(numbered(2));
  stderr_log_sink({.lowest = LogLevel::kWarning})(numbered(3));
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find(" I room: fact number=1\n"), std::string::npos) << said;
  EXPECT_NE(said.find("\n" + json_log_line(numbered(2)) + "\n"), std::string::npos) << said;
  EXPECT_EQ(said.find("number=3"), std::string::npos) << said;
}

TEST(StderrLogSink, CountsWhatItCouldNotWrite) {
  const int end = run_in_child([] {
    if (std::freopen("/dev/full", "w", stderr) == nullptr) return 1;
    std::setvbuf(stderr, nullptr, _IONBF, 0);
    const uint64_t before = log_counts().unwritten;
    stderr_log_sink()(numbered(0));
    return log_counts().unwritten == before + 1 ? 0 : 2;
  });
  EXPECT_EQ(end, 0);
}

}  // namespace
}  // namespace templar::testing
