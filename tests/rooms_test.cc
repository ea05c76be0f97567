// The source tree against its rules, and the rules against files made up to break them.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "source_rules.h"
#include "source_tree.h"

namespace templar::testing {
namespace {

void expect_kept(Violations (*rule)(const SourceFile&)) {
  const auto files = source_tree();
  ASSERT_GT(files.size(), 50u) << "the tree was not found";
  for (const SourceFile& file : files) {
    for (const Violation& violation : rule(file)) {
      ADD_FAILURE() << violation.path << ":" << violation.line << ": " << violation.what;
    }
  }
}

TEST(Rooms, IncludeOnlyWhatTheTableAllows) {
  expect_kept(check_rooms);
}
TEST(Rooms, IncludeFromTheRootOnly) {
  expect_kept(check_include_paths);
}
TEST(Rooms, LeaveComputeLibrariesToTheEngine) {
  expect_kept(check_compute_libraries);
}
TEST(Rooms, LeaveTheEnvironmentToTheApp) {
  expect_kept(check_environment);
}
TEST(Rooms, LeaveTheRealClockToBaseAndApp) {
  expect_kept(check_clock);
}
TEST(Rooms, LeaveRandomNumbersToBase) {
  expect_kept(check_randomness);
}
TEST(Rooms, CallNothingThatThrowsAtAMissingFile) {
  expect_kept(check_throwing_calls);
}
TEST(Rooms, NeverSwallowAnUnknownException) {
  expect_kept(check_catch_all);
}
TEST(Rooms, KeepFilesShort) {
  expect_kept(check_length);
}
TEST(Rooms, KeepLinesShort) {
  expect_kept(check_line_length);
}
TEST(Rooms, TakeLocksThatTheCompilerChecks) {
  expect_kept(check_locks);
}
TEST(Rooms, GiveTestsAClockThatStandsStill) {
  expect_kept(check_test_clock);
}
TEST(Rooms, GuardEveryHeader) {
  expect_kept(check_header_guard);
}

// What a rule says of a file made up of these lines, as "line: what".
std::vector<std::string> said(Violations (*rule)(const SourceFile&), const std::string& path,
                              const std::string& text) {
  std::vector<std::string> sentences;
  for (const Violation& violation : rule({path, text})) {
    EXPECT_EQ(violation.path, path);
    sentences.push_back(std::to_string(violation.line) + ": " + violation.what);
  }
  return sentences;
}

using Said = std::vector<std::string>;

TEST(RoomRules, KnowTheRoomOfAPath) {
  EXPECT_EQ(room_of("core/codec/dct.h"), "core/codec");
  EXPECT_EQ(room_of("adapters/s3/s3.h"), "adapters");
  EXPECT_EQ(room_of("core/secret/dct.h"), "");
  EXPECT_EQ(room_of("basement/x.h"), "");
  EXPECT_EQ(room_of("base"), "");
}

TEST(RoomRules, RefuseAnIncludeOfAnotherRoom) {
  const std::string text =
      "#include <vector>\n#include \"base/hash.h\"\n  #  include \"ports/ledger.h\" // why\n";
  EXPECT_EQ(said(check_rooms, "src/core/codec/x.cc", text), Said{"3: ports/ledger.h"});
  EXPECT_EQ(said(check_rooms, "src/node/x.cc", text), Said{});
  EXPECT_EQ(said(check_rooms, "src/base/x.cc", "#include \"core/run/run_spec.h\"\n"),
            Said{"1: core/run/run_spec.h"});
  EXPECT_EQ(said(check_rooms, "src/sim/x.cc", "#include \"adapters/x.h\"\n"), Said{"1: adapters/x.h"});
  EXPECT_EQ(said(check_rooms, "src/adapters/x.cc", "#include \"core/data/x.h\"\n"), Said{"1: core/data/x.h"});
  EXPECT_EQ(said(check_rooms, "src/engine/x.cc", "#include \"core/data/x.h\"\n"), Said{});
}

TEST(RoomRules, RefuseAnIncludeFromNowhereAndAFileInNoRoom) {
  EXPECT_EQ(said(check_rooms, "src/base/x.cc", "#include \"hash.h\"\n"), Said{"1: hash.h"});
  EXPECT_EQ(said(check_rooms, "src/extra/x.cc", ""), Said{"1: is in no room"});
}

TEST(RoomRules, LetTestsAloneUseTheTestSupport) {
  const std::string text = "#include \"support/vectors.h\"\n";
  EXPECT_EQ(said(check_rooms, "src/base/x_test.cc", text), Said{});
  EXPECT_EQ(said(check_rooms, "src/base/x.cc", text), Said{"1: support/vectors.h"});
}

TEST(RoomRules, RefuseAnIncludeThatClimbs) {
  EXPECT_EQ(
      said(check_include_paths, "src/base/x.cc", "#include \"../base/x.h\"\n#include \"base/../x.h\"\n"),
      (Said{"1: ../base/x.h", "2: base/../x.h"}));
  EXPECT_EQ(said(check_include_paths, "src/base/x.cc", "#include \"base/x..h\"\n"), Said{});
}

TEST(RoomRules, RefuseComputeLibrariesOutsideTheEngine) {
  const std::string text =
      "#include <dnnl.hpp>\n#include <omp.h>\n#pragma omp parallel\n#include <torch/torch.h>\n";
  EXPECT_EQ(said(check_compute_libraries, "src/node/x.cc", text),
            (Said{"1: dnnl.hpp", "2: omp.h", "4: torch/torch.h", "3: pragma"}));
  EXPECT_EQ(said(check_compute_libraries, "src/engine/x.cc", text), Said{});
}

TEST(RoomRules, RefuseTheEnvironmentOutsideTheApp) {
  EXPECT_EQ(said(check_environment, "src/node/x.cc", "\nauto* home = std::getenv(\"HOME\");\n"),
            Said{"2: getenv"});
  EXPECT_EQ(said(check_environment, "src/app/x.cc", "std::getenv(\"HOME\");\n"), Said{});
  EXPECT_EQ(said(check_environment, "tests/rooms.cc", "::getenv(name);\n"), Said{"1: getenv"});
}

TEST(RoomRules, RefuseTheRealClockOutsideBaseAndApp) {
  const std::string text =
      "auto now = std::chrono::system_clock::now();\ntime_t t = time(nullptr);\nblock.time(0);\n";
  EXPECT_EQ(said(check_clock, "src/node/x.cc", text), (Said{"1: system_clock", "2: time"}));
  EXPECT_EQ(said(check_clock, "src/base/clock.cc", text), Said{});
}

TEST(RoomRules, RefuseSleepInEveryTest) {
  const std::string text = "std::this_thread::sleep_for(1s);\nsleep(1);\nworker.sleep(1);\n";
  EXPECT_EQ(said(check_clock, "src/base/x_test.cc", text), (Said{"1: sleep_for", "2: sleep"}));
  EXPECT_EQ(said(check_clock, "tests/support/x.cc", text), (Said{"1: sleep_for", "2: sleep"}));
  EXPECT_EQ(said(check_clock, "src/app/x.cc", text), Said{});
}

TEST(RoomRules, RefuseForeignRandomNumbers) {
  EXPECT_EQ(said(check_randomness, "src/sim/x.cc",
                 "std::mt19937 g(rand());\nRandom random(seed);\nint brand(int);\n"),
            (Said{"1: mt19937", "1: rand"}));
  EXPECT_EQ(said(check_randomness, "src/base/x.cc", "std::random_device d;\n"), Said{});
}

TEST(RoomRules, RefuseCallsThatThrowAtAMissingFile) {
  const std::string text =
      "if (fs::exists(path)) return;\n"
      "if (std::filesystem::exists(path / name(x), error)) return;\n"
      "for (fs::directory_iterator entry(folder), end; entry != end;) {}\n"
      "for (fs::directory_iterator entry(folder, error), end; entry != end;) {}\n"
      "fs::remove_all(std::exchange(a, {}), ignored);\nfmt::print(text);\nfs::path path(x);\n";
  EXPECT_EQ(said(check_throwing_calls, "src/app/x.cc", text),
            (Said{"6: fmt", "1: exists", "3: directory_iterator"}));
  EXPECT_EQ(said(check_throwing_calls, "src/app/x_test.cc", text), Said{});
}

TEST(RoomRules, RefuseCatchAll) {
  EXPECT_EQ(said(check_catch_all, "src/base/x.cc", "try { f(); }\ncatch ( ... ) {}\ncatch (const E&) {}\n"),
            Said{"2: catch"});
}

TEST(RoomRules, RefuseALongFile) {
  std::string text;
  for (size_t i = 0; i < kMaxFileLines; ++i) text += "\n";
  EXPECT_EQ(said(check_length, "src/base/x.cc", text), Said{});
  EXPECT_EQ(said(check_length, "src/base/x.cc", text + "int x;"), Said{"451: more than 450 lines"});
}

TEST(RoomRules, RefuseALongLineOutsideOfRawLiterals) {
  const std::string words(kMaxColumns - 2, 'a');
  EXPECT_EQ(said(check_line_length, "src/base/x.cc", "int x;\n//" + words + "\n//" + words + "b\n"),
            Said{"3: 111 columns"});
  std::string umlauts;
  for (size_t i = 0; i < words.size(); ++i) umlauts += "\u00e4";
  EXPECT_EQ(said(check_line_length, "src/base/x.cc", "//" + umlauts + "\n"), Said{})
      << "bytes are no columns";
  EXPECT_EQ(
      said(check_line_length, "src/base/x.cc", "auto a = R\"(" + words + "\n" + words + words + ")\";\n"),
      Said{});
  EXPECT_EQ(said(check_line_length, "src/base/x.cc", "auto a = \"" + words + "\";\n"),
            Said{"1: 120 columns"});
}

TEST(RoomRules, RefuseTheStandardLibrarysLocks) {
  const std::string text =
      "#include <mutex>\nstd::mutex mutex_;\nconst std::lock_guard lock(mutex_);\nMutex "
      "mutex;\nmutex.lock();\n"
      "std::condition_variable changed;\n";
  EXPECT_EQ(said(check_locks, "src/node/x.cc", text),
            (Said{"1: mutex", "2: std", "3: lock_guard", "6: condition_variable"}));
  EXPECT_EQ(said(check_locks, "src/base/threads/mutex.h", text), Said{});
}

TEST(RoomRules, RefuseTheMachinesClockInTests) {
  EXPECT_EQ(said(check_test_clock, "src/node/x_test.cc", "const SystemClock clock;\n"),
            Said{"1: SystemClock"});
  EXPECT_EQ(said(check_test_clock, "tests/support/x.h", "SystemClock clock_;\n"), Said{"1: SystemClock"});
  EXPECT_EQ(said(check_test_clock, "src/app/x.cc", "const SystemClock clock;\n"), Said{});
  EXPECT_EQ(said(check_test_clock, "src/node/x_test.cc", "TEST(SystemClock, Ticks) {}\n"),
            Said{"1: SystemClock"});
}

TEST(RoomRules, RefuseAHeaderWithoutGuard) {
  EXPECT_EQ(said(check_header_guard, "src/base/x.h", "// #pragma once\n"), Said{"1: no #pragma once"});
  EXPECT_EQ(said(check_header_guard, "src/base/x.h", "// What it is.\n#pragma once\n"), Said{});
  EXPECT_EQ(said(check_header_guard, "src/base/x.cc", ""), Said{});
}

TEST(RoomRules, LookAtCodeAloneAndNotAtCommentsOrLiterals) {
  const std::string text =
      "// getenv\n/* getenv\n getenv */ const char* a = \"getenv \\\" getenv\";\nauto b = R\"x(getenv\n\" "
      "getenv)x\";\n"
      "char c = '\"'; int d = 1'000; f(getenv);\nchar e = '\\''; getenv(0);\n";
  EXPECT_EQ(said(check_environment, "src/node/x.cc", text), (Said{"6: getenv", "7: getenv"}));
}

}  // namespace
}  // namespace templar::testing
