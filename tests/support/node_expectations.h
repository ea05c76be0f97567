// What several tests expect of nodes: how far they come, and what they say on the log.
#pragma once

#include <gtest/gtest.h>

#include "support/test_world.h"

namespace templar::testing {

// EXPECT_TRUE(waits(node)): the node works until it waits for time or others.
template <typename Node>
[[nodiscard]] ::testing::AssertionResult comes_to(Node& node, Progress expected) {
  const Result<Progress> progress = work_until_waiting(node);
  if (!progress) return ::testing::AssertionFailure() << "it failed: " << progress.error().message;
  if (*progress == expected) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << (*progress == Progress::kFinished ? "it has finished" : "it waits");
}
template <typename Node>
[[nodiscard]] ::testing::AssertionResult waits(Node& node) {
  const Result<Progress> progress = work_until_waiting(node);
  if (!progress) return ::testing::AssertionFailure() << "it failed: " << progress.error().message;
  if (*progress != Progress::kFinished) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "it has finished";
}
// The same, and says what it waits for: a block, any entry of the ledger, else an object.
template <typename Node>
[[nodiscard]] ::testing::AssertionResult awaits_block(Node& node) {
  return comes_to(node, Progress::kAwaitsBlock);
}
template <typename Node>
[[nodiscard]] ::testing::AssertionResult awaits_entry(Node& node) {
  return comes_to(node, Progress::kAwaitsEntry);
}
template <typename Node>
[[nodiscard]] ::testing::AssertionResult awaits_object(Node& node) {
  return comes_to(node, Progress::kAwaitsObject);
}
// EXPECT_TRUE(finishes(node)): the node works until it has come to the window that it was to run up to.
template <typename Node>
[[nodiscard]] ::testing::AssertionResult finishes(Node& node) {
  return comes_to(node, Progress::kFinished);
}

// Events that more than one test looks for, by their message; the words stand here alone.
inline constexpr char kWaitsForCheckpoint[] =
    "waiting for the next checkpoint after a window that can't be completed";  // window, reason
inline constexpr char kModelDiffers[] =
    "model is not the run's: healing it from the last checkpoint";                           // window
inline constexpr char kModelHealed[] = "model healed: it differed in";                       // parameter
inline constexpr char kLeftOut[] = "our gather accepted what the leader did not: left out";  // peer
inline constexpr char kTakenOver[] = "the leader accepted what our gather did not: taken";   // peer
inline constexpr char kLeadsFromHere[] = "leads from here on: a new term begins";            // term
inline constexpr char kCheckpointSkipped[] = "skipped";                                      // reason
inline constexpr char kNodeTriesAgain[] = "node will try again";

}  // namespace templar::testing
