#include "core/run/amendment.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/expect_failure.h"
#include "support/run_specs.h"

namespace templar {
namespace {

using testing::fails;
using testing::node_run_spec;
using Changes = std::vector<std::string>;

Amendment amendment(int64_t number, int64_t first_window, Changes changes) {
  return {.number = number,
          .first_window = first_window,
          .before_block = amendment_deadline(node_run_spec().network, first_window),
          .changes = std::move(changes),
          .hash = blake2b_256(as_bytes(std::to_string(number)))};
}

std::vector<Amendment> three_amendments() {
  return {amendment(1, 4, {"inner.learning_rate=0.0005"}),
          amendment(2, 7, {"codec.topk=3", "inner.learning_rate=0.00025"}),
          amendment(3, 7, {"scoring.penalty=1"})};
}

TEST(Amendments, ChangeTheSpecFromTheirWindowOn) {
  const RunSpec own = node_run_spec();
  const std::vector<Amendment> all = three_amendments();
  const std::span<const Amendment> two(all.data(), 2);
  EXPECT_EQ(canonical_json(spec_in_force(own, two, 3).value()), canonical_json(own));
  const RunSpec at_4 = spec_in_force(own, two, 4).value();
  EXPECT_EQ(at_4.inner.learning_rate, 0.0005);
  EXPECT_EQ(at_4.codec.topk, own.codec.topk);
  EXPECT_EQ(canonical_json(spec_in_force(own, two, 6).value()), canonical_json(at_4));
  const RunSpec at_7 = spec_in_force(own, two, 7).value();
  EXPECT_EQ(at_7.inner.learning_rate, 0.00025);
  EXPECT_EQ(at_7.codec.topk, 3);
  EXPECT_EQ(canonical_json(spec_in_force(own, two, 1000).value()), canonical_json(at_7));
}

TEST(Amendments, AreNamedByTheNewestThatIsInForce) {
  const std::vector<Amendment> all = three_amendments();
  EXPECT_EQ(amendments_in_force(all, 3), AmendmentsInForce());
  EXPECT_EQ(amendments_in_force(all, 4), (AmendmentsInForce{1, all[0].hash}));
  EXPECT_EQ(amendments_in_force(all, 6), (AmendmentsInForce{1, all[0].hash}));
  EXPECT_EQ(amendments_in_force(all, 7), (AmendmentsInForce{3, all[2].hash}));
}

TEST(Amendments, ThatThisProgramDoesNotKnowStopItAtTheirWindowOnly) {
  const RunSpec own = node_run_spec();
  EXPECT_TRUE(spec_in_force(own, three_amendments(), 6));
  EXPECT_TRUE(fails(spec_in_force(own, three_amendments(), 7), ErrorKind::kFatal,
                    "amendment 3, in force from window 7 on, can't be followed: scoring.penalty: unknown"));
  const std::vector<Amendment> a_shape = {amendment(1, 2, {"model.vocab_size=5"})};
  EXPECT_TRUE(fails(spec_in_force(own, a_shape, 2), ErrorKind::kFatal, "can't be amended"));
  const std::vector<Amendment> no_change = {amendment(1, 2, {"inner.learning_rate"})};
  EXPECT_TRUE(fails(spec_in_force(own, no_change, 2), ErrorKind::kFatal, "is no FIELD=VALUE"));
  std::vector<Amendment> late = {amendment(1, 2, {"codec.topk=3"})};
  ++late.front().before_block;
  EXPECT_TRUE(fails(spec_in_force(own, late, 2), ErrorKind::kFatal, "later than window 2 allows"));
}

TEST(Amendments, MustBeThereBeforeTheWindowBeforeTheirsBegins) {
  NetworkSpec network;
  network.blocks_per_window = 5;
  EXPECT_EQ(amendment_deadline(network, 1), 0);
  EXPECT_EQ(amendment_deadline(network, 4), 15);
  EXPECT_EQ(first_amendable_window(network, std::nullopt), 1);
  EXPECT_EQ(first_amendable_window(network, 0), 2);
  // Block 15 is not made yet, so window 4 can still be amended.
  EXPECT_EQ(first_amendable_window(network, 14), 4);
  EXPECT_EQ(first_amendable_window(network, 15), 5);
}

TEST(AmendmentChanges, AreSpeltInOneWay) {
  const RunSpec own = node_run_spec();
  EXPECT_EQ(canonical_changes(own, {{"outer.learning_rate", "5e-1"},
                                    {"codec.topk", "3"},
                                    {"outer.aggregation", "mean_shrunk"},
                                    {"inner.learning_rate", "0.000500"}})
                .value(),
            (Changes{"codec.topk=3", "inner.learning_rate=0.0005", "outer.aggregation=mean_shrunk",
                     "outer.learning_rate=0.5"}));
}

TEST(AmendmentChanges, ArePossibleForWhatTheTableNames) {
  const std::vector<FieldDocumentation> fields = run_spec_fields();
  for (const AmendableField& field : amendable_fields()) {
    const auto known = std::ranges::find(fields, field.path, &FieldDocumentation::path);
    ASSERT_NE(known, fields.end()) << field.path;
    EXPECT_GT(field.why.size(), 10u) << field.path;
    EXPECT_EQ(std::ranges::count(amendable_fields(), field.path, &AmendableField::path), 1) << field.path;
  }
  for (const char* path :
       {"name", "seed", "algorithm", "model.hidden_size", "inner.sequence_length", "inner.batch_size",
        "inner.steps", "inner.optimiser", "inner.beta1", "inner.weight_decay", "codec.chunk", "codec.use_dct",
        "codec.quantiser", "codec.quantiser_bins", "network.blocks_per_window", "network.block_seconds",
        "network.owner", "network.owner_keeps_time", "bootstrap.window"}) {
    EXPECT_EQ(std::ranges::count(amendable_fields(), path, &AmendableField::path), 0) << path;
  }
}

TEST(AmendmentChanges, AreRefusedWithWhatToDo) {
  const RunSpec own = node_run_spec();
  const auto refused = [&](const std::vector<FieldChange>& changes, const char* reason) {
    return fails(canonical_changes(own, changes), ErrorKind::kFatal, reason);
  };
  EXPECT_TRUE(refused({}, "name at least one FIELD=VALUE"));
  EXPECT_TRUE(refused({{"inner.lr", "1"}}, "inner.lr: unknown field; `templar run fields`"));
  EXPECT_TRUE(refused({{"inner.steps", "3"}}, "inner.steps: can't be amended"));
  EXPECT_TRUE(refused({{"inner.steps", "3"}}, "a new run may begin with this one's model"));
  EXPECT_TRUE(refused({{"codec.topk", "3"}, {"codec.topk", "4"}}, "codec.topk: named twice"));
  EXPECT_TRUE(refused({{"codec.topk", std::to_string(own.codec.topk)}}, "already at that window"));
  EXPECT_TRUE(refused({{"inner.learning_rate", "fast"}}, "inner.learning_rate"));
  EXPECT_TRUE(refused({{"inner.learning_rate", "11"}}, "out of range"));
  EXPECT_TRUE(refused({{"network.checkpoint_interval", "1000000"}}, "contribution_retention_windows"));
}

}  // namespace
}  // namespace templar
