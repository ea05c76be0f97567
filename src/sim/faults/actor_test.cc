#include "sim/faults/actor.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace templar::testing {
namespace {

TEST(Actor, TakesTurnsWithWhoResumesIt) {
  std::vector<std::string> story;
  std::unique_ptr<Actor> actor;
  actor = std::make_unique<Actor>([&] {
    story.emplace_back("begins");
    actor->park();
    story.emplace_back("goes on");
  });
  EXPECT_TRUE(story.empty());
  actor->resume();
  story.emplace_back("is parked");
  EXPECT_FALSE(actor->has_ended());
  actor->resume();
  EXPECT_TRUE(actor->has_ended());
  actor->resume();
  EXPECT_EQ(story, (std::vector<std::string>{"begins", "is parked", "goes on"}));
}

TEST(Actor, UnwindsWhereItIsParkedWhenItIsEnded) {
  bool unwound = false;
  bool went_on = false;
  std::unique_ptr<Actor> actor;
  actor = std::make_unique<Actor>([&] {
    const std::unique_ptr<bool, void (*)(bool*)> local(&unwound, [](bool* flag) { *flag = true; });
    actor->park();
    went_on = true;
  });
  actor->resume();
  actor->end();
  EXPECT_TRUE(actor->has_ended());
  EXPECT_TRUE(unwound);
  EXPECT_FALSE(went_on);
}

TEST(Actor, DoesNothingIfItIsEndedBeforeItBegins) {
  bool ran = false;
  {
    Actor actor([&] { ran = true; });
    actor.end();
    EXPECT_TRUE(actor.has_ended());
    actor.resume();
  }
  EXPECT_FALSE(ran);
}

TEST(Actor, HasAThreadOfItsOwn) {
  std::thread::id ran_on;
  Actor actor([&] { ran_on = std::this_thread::get_id(); });
  actor.resume();
  EXPECT_NE(ran_on, std::this_thread::get_id());
}

}  // namespace
}  // namespace templar::testing
