#include "sim/adversaries/attack.h"

#include <gmock/gmock.h>

#include <set>
#include <string>
#include <utility>

#include "support/expect_failure.h"

namespace templar::testing {

TEST(Attacks, StandInTheirTableEachOnce) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < attacks().size(); ++i) {
    const AttackForm& form = attacks()[i];
    EXPECT_EQ(std::to_underlying(form.attack), static_cast<int>(i)) << form.name;
    EXPECT_EQ(form_of(form.attack).name, form.name);
    EXPECT_TRUE(names.insert(form.name).second) << form.name;
    EXPECT_FALSE(form.does.empty());
  }
}

TEST(Attacks, AreNamedWithTheirNumberOfMiners) {
  EXPECT_EQ(parse_attack_group("copycat").value(), (AttackGroup{Attack::kCopycat, 1}));
  EXPECT_EQ(parse_attack_group("sign-flip:3").value(), (AttackGroup{Attack::kSignFlip, 3}));
  EXPECT_EQ(parse_attack_group("sybils").value(), (AttackGroup{Attack::kSybils, 2}));
}

TEST(Attacks, RefuseWhatIsNone) {
  const auto said = [](std::string_view text) {
    const auto group = parse_attack_group(text);
    return group ? std::string() : group.error().message;
  };
  EXPECT_THAT(said("copy"), ::testing::HasSubstr("copycat, noisy-copy"));
  EXPECT_THAT(said(""), ::testing::HasSubstr("none of that name"));
  for (const char* text :
       {"copycat:", "copycat:0", "copycat:-1", "copycat:2x", "copycat:1001", "copycat:99999999999999999999"})
    EXPECT_THAT(said(text), ::testing::HasSubstr("between 1 and 1000")) << text;
  EXPECT_THAT(said("sybils:1"), ::testing::HasSubstr("between 2 and 1000"));
}

}  // namespace templar::testing
