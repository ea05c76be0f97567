#include "node/validator/checkpoint_publisher.h"

#include <gtest/gtest.h>

#include "core/consensus/state_root.h"
#include "support/expect_failure.h"
#include "support/test_key.h"
#include "support/test_run.h"

namespace templar::testing {
namespace {

class Publisher : public ::testing::Test {
 protected:
  void begin(int64_t window, const std::string& bucket = "leader") {
    auto values =
        std::make_shared<ParameterBuffers>(random_values(run_.layout, static_cast<uint64_t>(window)));
    const CheckpointInfo info{
        .window = window,
        .outer_step = window,
        .state_root = compute_state_root(run_.layout, std::as_const(*values).spans(), team_)};
    publisher_.begin(bucket, info, std::move(values));
  }

  TestRun run_;
  VirtualClock clock_;
  MemoryObjectStore store_{clock_};
  ThreadTeam team_{1};
  CheckpointPublisher publisher_{
      run_.spec,
      store_,
      test_key(1),
      {.threads = 2, .retention = {.keep_last = 2, .keep_every = 0}, .tokenizer = {}}};
};

}  // namespace

TEST_F(Publisher, PublishesInTheBackgroundWhatLoadsAgain) {
  EXPECT_FALSE(publisher_.busy());
  EXPECT_EQ(publisher_.outcome(), std::nullopt);
  begin(7);
  EXPECT_TRUE(publisher_.busy()) << "until the outcome is asked for";
  ASSERT_TRUE(publisher_.wait());
  EXPECT_FALSE(publisher_.busy());
  ParameterBuffers loaded(run_.layout);
  const auto info = load_checkpoint(
      store_, "leader", 7, {run_.layout, run_id(run_.spec), test_key(1).public_key()}, loaded.spans(), team_);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->window, 7);
}

TEST_F(Publisher, PublishesOnItsCallersThreadWhereItIsToldTo) {
  CheckpointPublisher publisher(run_.spec, store_, test_key(1), {.in_background = false});
  const auto values = std::make_shared<ParameterBuffers>(random_values(run_.layout, 1));
  const Hash256 root = compute_state_root(run_.layout, std::as_const(*values).spans(), team_);
  publisher.begin("leader", {.window = 1, .outer_step = 1, .state_root = root}, values);
  EXPECT_EQ(list_checkpoints(store_, "leader").value(), std::vector<int64_t>{1}) << "before it returned";
  EXPECT_TRUE(publisher.busy());
  const std::optional<Status> outcome = publisher.outcome();
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_FALSE(publisher.busy());
}

TEST_F(Publisher, GivesTheOutcomeOnce) {
  begin(7);
  std::optional<Status> outcome;
  while (!outcome) outcome = publisher_.outcome();
  EXPECT_TRUE(*outcome);
  EXPECT_EQ(publisher_.outcome(), std::nullopt);
  EXPECT_TRUE(publisher_.wait()) << "nothing is under way";
}

TEST_F(Publisher, SaysWhyItFailed) {
  begin(7, "no bucket's name");
  EXPECT_TRUE(fails(publisher_.wait(), ErrorKind::kFatal, "bucket name"));
  begin(8);
  EXPECT_TRUE(publisher_.wait()) << "the next one is another matter";
}

TEST_F(Publisher, RemovesWhatHasExpired) {
  for (const int64_t window : {2, 4, 6}) {
    begin(window);
    ASSERT_TRUE(publisher_.wait());
  }
  EXPECT_EQ(list_checkpoints(store_, "leader").value(), (std::vector<int64_t>{4, 6}));
  EXPECT_EQ(latest_checkpoint(store_, "leader").value(), 6);
}

TEST_F(Publisher, FinishesBeforeItGoesAway) {
  {
    CheckpointPublisher other(run_.spec, store_, test_key(1), {});
    auto values = std::make_shared<ParameterBuffers>(run_.layout);
    other.begin("other", {.window = 3}, std::move(values));
  }
  EXPECT_EQ(list_checkpoints(store_, "other").value(), std::vector<int64_t>{3});
}

}  // namespace templar::testing
