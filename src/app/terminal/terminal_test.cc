#include "app/terminal/terminal.h"

#include <gtest/gtest.h>

namespace templar {
namespace {

TerminalFacts a_terminal() {
  return {.is_terminal = true, .columns = 120, .rows = 50, .term = "xterm-256color"};
}

TEST(Terminal, HasColoursAndItsWindowsSize) {
  const Terminal terminal = judge_terminal(a_terminal());
  EXPECT_TRUE(terminal.is_terminal && terminal.colours && terminal.redraws);
  EXPECT_EQ(terminal.columns, 120);
  EXPECT_EQ(terminal.rows, 50);
}

TEST(Terminal, IsNoneWhereAPipeIs) {
  const Terminal terminal = judge_terminal({.is_terminal = false, .term = "xterm"});
  EXPECT_FALSE(terminal.is_terminal || terminal.colours || terminal.redraws);
  EXPECT_EQ(terminal.columns, 100);
  EXPECT_EQ(terminal.rows, 40);
}

TEST(Terminal, ThatIsDumbOrUnnamedIsWrittenToLineByLine) {
  for (const char* term : {"dumb", ""}) {
    TerminalFacts facts = a_terminal();
    facts.term = term;
    const Terminal terminal = judge_terminal(facts);
    EXPECT_TRUE(terminal.is_terminal) << term;
    EXPECT_FALSE(terminal.colours || terminal.redraws) << term;
  }
}

TEST(Terminal, LosesItsColoursToNoColorAlone) {
  TerminalFacts facts = a_terminal();
  facts.no_color = "0";  // whatever it is set to
  EXPECT_FALSE(judge_terminal(facts).colours);
  EXPECT_TRUE(judge_terminal(facts).redraws);
  facts.clicolor_force = "1";
  EXPECT_FALSE(judge_terminal(facts).colours);
}

TEST(Terminal, IsForcedToHaveColours) {
  EXPECT_TRUE(judge_terminal({.is_terminal = false, .clicolor_force = "1"}).colours);
  EXPECT_FALSE(judge_terminal({.is_terminal = false, .clicolor_force = "1"}).redraws);
  EXPECT_FALSE(judge_terminal({.is_terminal = false, .clicolor_force = "0"}).colours);
  TerminalFacts facts = a_terminal();
  facts.clicolor = "0";
  EXPECT_FALSE(judge_terminal(facts).colours);
  facts.clicolor = "1";
  EXPECT_TRUE(judge_terminal(facts).colours);
}

TEST(Terminal, TakesColumnsAndLinesThatAreNumbers) {
  TerminalFacts facts = a_terminal();
  facts.columns_text = "72";
  facts.lines_text = "20";
  EXPECT_EQ(judge_terminal(facts).columns, 72);
  EXPECT_EQ(judge_terminal(facts).rows, 20);
  for (const char* text : {"0", "-1", "wide", "80x", " 80", "10001", "99999999999999999999"}) {
    facts.columns_text = text;
    EXPECT_EQ(judge_terminal(facts).columns, 120) << text;
  }
}

}  // namespace
}  // namespace templar
