#include "node/miner/miner_state.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/files/file.h"
#include "support/child_process.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// Feedback and moments of a small model, filled from a seed.
struct Values {
  explicit Values(const RunSpec& spec = node_run_spec(), uint64_t seed = 0)
      : layout(parameter_layout(spec.model)), feedback(layout), first(layout), second(layout) {
    if (seed == 0) return;
    feedback = random_values(layout, seed);
    first = random_values(layout, seed + 1);
    second = random_values(layout, seed + 2);
    updates = static_cast<int64_t>(seed);
  }
  // AdamW's, as an engine has it.
  [[nodiscard]] OptimiserState optimiser() {
    OptimiserState state{.moments = {}, .updates = updates};
    for (size_t i = 0; i < layout.size(); ++i) {
      state.moments.push_back({layout[i].name + ".exp_avg", first.spans()[i]});
      state.moments.push_back({layout[i].name + ".exp_avg_sq", second.spans()[i]});
    }
    return state;
  }
  [[nodiscard]] bool equals(const Values& other) const {
    const auto same = [](const ParameterBuffers& a, const ParameterBuffers& b) {
      for (size_t i = 0; i < a.spans().size(); ++i) {
        if (!std::ranges::equal(a.spans()[i], b.spans()[i])) return false;
      }
      return true;
    };
    return same(feedback, other.feedback) && same(first, other.first) && same(second, other.second) &&
           updates == other.updates;
  }

  ParameterLayout layout;
  ParameterBuffers feedback;
  ParameterBuffers first;
  ParameterBuffers second;
  int64_t updates = 0;
};

class MinerStateTest : public ::testing::Test {
 protected:
  [[nodiscard]] Status save(Values& values, const MinerState& state = {12, 7, {1, 2, 3}}) const {
    return save_miner_state({path_, run_, values.layout}, state, values.feedback.spans(), values.optimiser(),
                            Durability::kKilledProcess);
  }
  [[nodiscard]] auto load(Values& values) const {
    OptimiserState optimiser = values.optimiser();
    auto loaded = load_miner_state({path_, run_, values.layout}, values.feedback.spans(), optimiser);
    values.updates = optimiser.updates;
    return loaded;
  }
  // The file as it was before there was a contribution in it.
  void save_without_contribution(Values& values) const {
    ASSERT_TRUE(save(values, {12, 7, {}}));
    Bytes content = this->content();
    content.resize(content.size() - sizeof(Hash256));
    content[7] = '2';
    const size_t before_contribution = 8 + sizeof(Hash256) + 3 * sizeof(int64_t);
    content.erase(content.begin() + before_contribution,
                  content.begin() + before_contribution + sizeof(uint64_t));
    write_with_hash(std::move(content));
  }
  // And as it was before tensors had names.
  void save_in_oldest_form(Values& values) const {
    ByteWriter file;
    file.put_bytes(as_bytes(std::string_view("TMINER01")));
    file.put_bytes(run_.bytes);
    file.put(int64_t{12});
    file.put(int64_t{7});
    file.put(values.updates);
    for (ParameterBuffers* section : {&values.feedback, &values.first, &values.second}) {
      for (const std::span<float> parameter : section->spans())
        file.put_bytes(as_bytes(std::span<const float>(parameter)));
    }
    write_with_hash(file.take());
  }
  void write_with_hash(Bytes content) const {
    const Hash256 hash = blake2b_256(content);
    content.insert(content.end(), hash.bytes.begin(), hash.bytes.end());
    CHECK(write_file_atomically(path_, content).has_value());
  }
  [[nodiscard]] Bytes content() const { return read_file(path_, 1 << 24).value(); }
  void expect_refused(std::string_view reason) {
    Values values(node_run_spec(), 50);
    EXPECT_TRUE(fails(load(values), ErrorKind::kSkip, reason));
    EXPECT_TRUE(values.equals(Values(node_run_spec(), 50))) << "it was changed";
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "state";
  Hash256 run_ = blake2b_256(as_bytes("run"));
};

TEST_F(MinerStateTest, IsReadBackExactly) {
  Values saved(node_run_spec(), 10);
  ASSERT_TRUE(save(saved));
  Values loaded;
  const auto state = load(loaded);
  ASSERT_TRUE(state && *state);
  EXPECT_EQ((*state)->window, 12);
  EXPECT_EQ((*state)->iterations, 7);
  EXPECT_EQ((*state)->contribution, (Bytes{1, 2, 3}));
  EXPECT_TRUE(loaded.equals(saved));
}

TEST_F(MinerStateTest, IsReadFromTheOlderForms) {
  Values saved(node_run_spec(), 10);
  for (const bool oldest : {false, true}) {
    oldest ? save_in_oldest_form(saved) : save_without_contribution(saved);
    Values loaded;
    const auto state = load(loaded);
    ASSERT_TRUE(state && *state) << (state ? "no file" : state.error().message);
    EXPECT_EQ((*state)->window, 12);
    EXPECT_EQ((*state)->iterations, 7);
    EXPECT_TRUE((*state)->contribution.empty());
    EXPECT_TRUE(loaded.equals(saved));
  }
}

TEST_F(MinerStateTest, IsRefusedWithAContributionLongerThanTheFile) {
  Values saved(node_run_spec(), 10);
  ASSERT_TRUE(save(saved));
  Bytes content = this->content();
  content.resize(content.size() - sizeof(Hash256));
  content[8 + sizeof(Hash256) + 3 * sizeof(int64_t) + 7] = 0xff;
  write_with_hash(std::move(content));
  expect_refused("contribution");
}

TEST_F(MinerStateTest, IsRefusedOfAnotherOptimiser) {
  Values values(node_run_spec(), 50);
  OptimiserState of_muon;
  for (size_t i = 0; i < values.layout.size(); ++i)
    of_muon.moments.push_back({values.layout[i].name + ".momentum_buffer", values.first.spans()[i]});
  const auto refused = [&] {
    return load_miner_state({path_, run_, values.layout}, values.feedback.spans(), of_muon);
  };
  Values saved(node_run_spec(), 10);
  save_in_oldest_form(saved);
  EXPECT_TRUE(fails(refused(), ErrorKind::kSkip, "of a miner with AdamW"));
  ASSERT_TRUE(save(saved));
  EXPECT_TRUE(fails(refused(), ErrorKind::kSkip, "a state of this run has"));
  // The same number of moments with other names.
  of_muon.moments.insert(of_muon.moments.end(), of_muon.moments.begin(), of_muon.moments.end());
  EXPECT_TRUE(fails(refused(), ErrorKind::kSkip, "momentum_buffer"));
  EXPECT_TRUE(values.equals(Values(node_run_spec(), 50))) << "it was changed";
}

TEST_F(MinerStateTest, IsNothingWithoutAFile) {
  Values values;
  const auto state = load(values);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_FALSE(*state);
}

TEST_F(MinerStateTest, IsRefusedTornOrLonger) {
  Values saved(node_run_spec(), 10);
  ASSERT_TRUE(save(saved));
  const Bytes whole = content();
  for (const size_t size : {size_t{0}, size_t{1}, whole.size() / 2, whole.size() - 1}) {
    ASSERT_TRUE(write_file_atomically(path_, ByteView(whole).first(size)));
    expect_refused(size < 40 ? "too short" : "content does not fit its hash");
  }
  Bytes longer = whole;
  longer.push_back(0);
  ASSERT_TRUE(write_file_atomically(path_, longer));
  expect_refused("content does not fit its hash");
  // Longer, with a hash that says so.
  longer = Bytes(whole.begin(), whole.end() - sizeof(Hash256));
  longer.push_back(0);
  const Hash256 hash = blake2b_256(longer);
  longer.insert(longer.end(), hash.bytes.begin(), hash.bytes.end());
  ASSERT_TRUE(write_file_atomically(path_, longer));
  expect_refused("1 bytes more than a state of this model has");
}

TEST_F(MinerStateTest, IsRefusedWithAnyBitFlipped) {
  Values saved(node_run_spec(), 10);
  ASSERT_TRUE(save(saved));
  const Bytes whole = content();
  for (size_t i = 0; i < whole.size(); i += 1 + whole.size() / 50) {
    Bytes flipped = whole;
    flipped[i] ^= 16;
    ASSERT_TRUE(write_file_atomically(path_, flipped));
    expect_refused("content does not fit its hash");
  }
}

TEST_F(MinerStateTest, IsRefusedFromAnotherRun) {
  Values saved(node_run_spec(), 10);
  ASSERT_TRUE(save(saved));
  run_ = blake2b_256(as_bytes("another run"));
  expect_refused("of another run");
}

TEST_F(MinerStateTest, IsRefusedFromAnotherModel) {
  RunSpec larger = node_run_spec();
  larger.model.vocab_size = 33;
  Values saved(larger, 10);
  ASSERT_TRUE(save(saved));
  expect_refused("has no model.embed_tokens.weight.feedback, or one of another size");
}

TEST_F(MinerStateTest, KeepsTheOldFileWhereTheDiskIsFull) {
  Values old(node_run_spec(), 10);
  ASSERT_TRUE(save(old));
  const int outcome = run_in_child([&] {
    limit_file_size(1000, /*deadly=*/false);
    Values next(node_run_spec(), 20);
    return fails(save(next), ErrorKind::kFatal, path_.string()) ? 0 : 1;
  });
  EXPECT_EQ(outcome, 0);
  Values loaded;
  ASSERT_TRUE(load(loaded));
  EXPECT_TRUE(loaded.equals(old));
}

}  // namespace
}  // namespace templar::testing
