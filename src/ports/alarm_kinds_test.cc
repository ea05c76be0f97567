#include "ports/alarm_kinds.h"

#include <gtest/gtest.h>

#include <set>

namespace templar::testing {
namespace {

TEST(AlarmKinds, HaveEachANameATitleAndWhatToDo) {
  std::set<std::string_view> names;
  std::set<AlarmKind> kinds;
  for (const AlarmForm& form : kAlarmForms) {
    EXPECT_TRUE(names.insert(form.name).second) << form.name;
    EXPECT_TRUE(kinds.insert(form.kind).second) << form.name;
    EXPECT_FALSE(form.title.empty()) << form.name;
    EXPECT_FALSE(form.advice.empty()) << form.name;
    EXPECT_EQ(find_alarm(form.name), &form);
    EXPECT_EQ(name_of(form.kind), form.name);
  }
  EXPECT_EQ(kinds.size(), static_cast<size_t>(AlarmKind::kClockOff) + 1) << "no kind is left out";
  EXPECT_EQ(find_alarm("nobody"), nullptr);
}

}  // namespace
}  // namespace templar::testing
