// With a real shell.
#include "app/alerts/alert_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/clock.h"
#include "base/files/file.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::chrono::seconds kLong{60};

const Alert kAlert{.kind = AlarmKind::kNobodyLeads,
                   .stands = true,
                   .node = "miner-3",
                   .run = "0699d591",
                   .window = 7,
                   .reason = "$(touch stolen); `touch stolen`\nTo: \"you\" \x1b[2J"};

std::string content_of(const std::filesystem::path& file) {
  const auto bytes = read_file(file, 1 << 20);
  return bytes ? std::string(as_text(*bytes)) : "missing: " + file.string();
}

class AlertCommand : public ::testing::Test {
 protected:
  [[nodiscard]] Status run(const std::string& command, std::chrono::milliseconds at_most = kLong) const {
    return run_alert_command("cd '" + folder_.path().string() + "' && " + command, kAlert, at_most);
  }
  const TemporaryFolder folder_;
};

TEST_F(AlertCommand, GetsWhatIsToldByVariablesAndOnItsInput) {
  ASSERT_TRUE(
      run("printf '%s|' \"$ALERT_STATE\" \"$ALERT_KIND\" \"$ALERT_NODE\" \"$ALERT_RUN\" "
          "\"$ALERT_WINDOW\" > said && echo \"$ALERT_REASON\" > reason && cat > input"));
  EXPECT_EQ(content_of(folder_ / "said"), "begun|nobody_leads|miner-3|0699d591|7|");
  EXPECT_EQ(content_of(folder_ / "input"), alert_text(kAlert));
  EXPECT_EQ(content_of(folder_ / "reason"), "$(touch stolen); `touch stolen` To: \"you\" \\x1b[2J\n")
      << "one line, and nothing in it is a command";
  EXPECT_FALSE(std::filesystem::exists(folder_ / "stolen"));
}

TEST_F(AlertCommand, GetsTheEnvironmentButForTheProgramsOwnVariables) {
  ASSERT_EQ(::setenv("TEMPLAR_INFLUX_PASSWORD", "a secret", 1), 0);
  ASSERT_EQ(::setenv("OPERATORS_OWN", "kept", 1), 0);
  ASSERT_TRUE(run("env > all"));
  ::unsetenv("TEMPLAR_INFLUX_PASSWORD");
  ::unsetenv("OPERATORS_OWN");
  EXPECT_THAT(content_of(folder_ / "all"), HasSubstr("OPERATORS_OWN=kept\n"));
  EXPECT_THAT(content_of(folder_ / "all"), Not(HasSubstr("a secret")));
}

TEST_F(AlertCommand, FailsAsTheCommandDoes) {
  EXPECT_TRUE(fails(run("exit 3"), ErrorKind::kRetry, "exit code 3"));
  EXPECT_TRUE(fails(run("kill -9 $$"), ErrorKind::kRetry, "signal 9"));
  EXPECT_TRUE(fails(run("no-such-program-anywhere"), ErrorKind::kRetry, "exit code 127"));
}

TEST_F(AlertCommand, NeedNotReadItsInput) {
  EXPECT_TRUE(run("exec < /dev/null"));
}

// Whoever holds on to the terminal's other end keeps the pipe open: what was started below is ended too.
TEST_F(AlertCommand, IsEndedWithAllThatItHasStartedWhenItTakesTooLong) {
  const Stopwatch watch;
  EXPECT_TRUE(fails(run("(sleep 300; touch late) & sleep 300", std::chrono::milliseconds(200)),
                    ErrorKind::kRetry, "had not ended after 0 s and was killed"));
  EXPECT_LT(watch.seconds(), 60);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "late"));
}

}  // namespace
}  // namespace templar::testing
