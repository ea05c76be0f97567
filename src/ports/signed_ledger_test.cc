#include "ports/signed_ledger.h"

#include <functional>

#include "support/contracts/amendment_contract.h"
#include "support/contracts/ledger_contract.h"

namespace templar::testing {
namespace {

struct MemoryLedgerHarness {
  NoticeBoard& board() { return notices; }

  MemoryNoticeBoard notices;
};

// Does what is asked of it, and loses the answer as often as it is told.
class ForgetfulBoard final : public NoticeBoard {
 public:
  [[nodiscard]] Result<std::optional<Notice>> read(std::string_view key) const override {
    return notices.read(key);
  }
  [[nodiscard]] Result<std::vector<Notice>> list(std::string_view prefix) const override {
    return notices.list(prefix);
  }
  [[nodiscard]] Result<std::optional<Notice>> last(std::string_view prefix) const override {
    return notices.last(prefix);
  }
  [[nodiscard]] Result<int64_t> revision() const override { return notices.revision(); }
  [[nodiscard]] bool wait_for_change(int64_t since, std::chrono::milliseconds at_most) const override {
    return notices.wait_for_change(since, at_most);
  }
  [[nodiscard]] Result<bool> write(std::string_view key, ByteView content,
                                   std::span<const NoticeCondition> conditions) override {
    TRY_ASSIGN(const bool written, notices.write(key, content, conditions));
    if (answers_to_lose == 0) return written;
    --answers_to_lose;
    return retry_error("the answer is lost");
  }

  MemoryNoticeBoard notices;
  int answers_to_lose = 0;
};

// Lets somebody else write, once, right before one of its calls.
class InterruptedBoard final : public NoticeBoard {
 public:
  [[nodiscard]] Result<std::optional<Notice>> read(std::string_view key) const override {
    interrupt();
    return notices.read(key);
  }
  [[nodiscard]] Result<std::vector<Notice>> list(std::string_view prefix) const override {
    interrupt();
    return notices.list(prefix);
  }
  [[nodiscard]] Result<std::optional<Notice>> last(std::string_view prefix) const override {
    interrupt();
    return notices.last(prefix);
  }
  [[nodiscard]] Result<int64_t> revision() const override {
    interrupt();
    return notices.revision();
  }
  [[nodiscard]] bool wait_for_change(int64_t since, std::chrono::milliseconds at_most) const override {
    return notices.wait_for_change(since, at_most);
  }
  [[nodiscard]] Result<bool> write(std::string_view key, ByteView content,
                                   std::span<const NoticeCondition> conditions) override {
    interrupt();
    return notices.write(key, content, conditions);
  }

  MemoryNoticeBoard notices;
  std::function<void()> interruption;
  mutable int calls_before_it = 0;
  mutable bool has_interrupted = false;

 private:
  void interrupt() const {
    if (!interruption || has_interrupted || calls_before_it-- > 0) return;
    has_interrupted = true;
    interruption();
  }
};

// A ledger with two validators, of whom the first leads term 0; `late` writes through a board that the other
// one's writes interrupt.
struct TwoAtOnce {
  TwoAtOnce() {
    for (const uint32_t number : {1U, 2U}) {
      EXPECT_TRUE(writer(number).register_node(wanted_node(number, NodeRole::kValidator)));
      EXPECT_TRUE(owner().set_standing(test_key(number).public_key(), {.stake = 1, .is_founder = true}));
    }
    EXPECT_TRUE(timekeeper.make_block(0));
    EXPECT_TRUE(writer(1).begin_term({.state_root = test_run_id()}).value());
  }
  [[nodiscard]] LedgerWriter writer(uint32_t number) { return {board.notices, ledger, test_key(number)}; }
  [[nodiscard]] OwnerWriter owner() { return {board.notices, ledger, test_owner()}; }

  InterruptedBoard board;
  SignedLedger ledger{board.notices, test_run_id(), test_owner().public_key()};
  Timekeeper timekeeper{board.notices, ledger, test_owner()};
  SignedLedger late_ledger{board, test_run_id(), test_owner().public_key()};
  LedgerWriter late_first{board, late_ledger, test_key(1)};
  LedgerWriter late_second{board, late_ledger, test_key(2)};
  OwnerWriter late_owner{board, late_ledger, test_owner()};
  Timekeeper late_timekeeper{board, late_ledger, test_owner()};
  const Term next{.number = 1, .previous = 0, .first_window = 0, .state_root = test_run_id()};
  const Decision decision{
      .record = {.run_id = test_run_id(), .state_root = test_run_id(), .leader = test_key(1).public_key()}};
};

// Calls the test with the interruption before each call of the board, as long as there is one.
void interrupt_everywhere(const std::function<void(TwoAtOnce& ledger)>& try_it) {
  for (int calls = 0;; ++calls) {
    TwoAtOnce ledger;
    ledger.board.calls_before_it = calls;
    try_it(ledger);
    if (!ledger.board.has_interrupted) return;
    ASSERT_LT(calls, 100);
  }
}

}  // namespace

TEST(TwoAtOnce, TermIsNotBegunAtAWindowThatIsDecidedMeanwhile) {
  interrupt_everywhere([](TwoAtOnce& two) {
    bool decided = false;
    two.board.interruption = [&] { decided = two.writer(1).decide(two.decision).value(); };
    const bool begun = two.late_second.begin_term(two.next).value();
    EXPECT_NE(begun, decided) << "one of them wins";
  });
}

TEST(TwoAtOnce, WindowIsNotDecidedInATermThatIsFollowedMeanwhile) {
  interrupt_everywhere([](TwoAtOnce& two) {
    bool begun = false;
    two.board.interruption = [&] { begun = two.writer(2).begin_term(two.next).value(); };
    const bool decided = two.late_first.decide(two.decision).value();
    EXPECT_NE(begun, decided) << "one of them wins";
  });
}

TEST(TwoAtOnce, WhatIsDecidedWhileTheOwnerEndsTheTermStays) {
  interrupt_everywhere([](TwoAtOnce& two) {
    bool decided = false;
    two.board.interruption = [&] { decided = two.writer(1).decide(two.decision).value(); };
    const Status ended = two.late_owner.end_term(0);
    EXPECT_EQ(two.ledger.decision(0, 0).value().has_value(), decided) << "ended: " << ended.has_value();
  });
}

TEST(TwoAtOnce, WhatIsBegunWhileTheOwnerRemovesAValidatorStays) {
  interrupt_everywhere([](TwoAtOnce& two) {
    bool begun = false;
    two.board.interruption = [&] { begun = two.writer(2).begin_term(two.next).value(); };
    const Status removed =
        two.late_owner.set_standing(test_key(2).public_key(), {.is_removed = true, .is_founder = true});
    EXPECT_EQ(two.ledger.terms().value().size(), begun ? 2u : 1u) << "removed: " << removed.has_value();
  });
}

TEST(TwoAtOnce, BlocksOfWhoTakesOverWhileTheOwnerRemovesHimStay) {
  interrupt_everywhere([](TwoAtOnce& two) {
    bool made = false;
    two.board.interruption = [&] {
      Timekeeper second(two.board.notices, two.ledger, test_key(2));
      made = second.take_over().value() && second.make_block(7).has_value();
    };
    const Status removed =
        two.late_owner.set_standing(test_key(2).public_key(), {.is_removed = true, .is_founder = true});
    EXPECT_EQ(two.ledger.latest_block().value()->number, made ? 1 : 0) << "removed: " << removed.has_value();
  });
}

TEST(TwoAtOnce, BlockTakesNoOthersPlace) {
  interrupt_everywhere([](TwoAtOnce& two) {
    std::optional<Block> others;
    two.board.interruption = [&] {
      Timekeeper second(two.board.notices, two.ledger, test_key(2));
      ASSERT_TRUE(second.take_over().value());
      others = second.make_block(7).value();
    };
    const auto made = two.late_timekeeper.make_block(9);
    if (!others) return;
    SignedLedger reader(two.board.notices, test_run_id(), test_owner().public_key());
    EXPECT_EQ(reader.block(others->number).value(), others) << "made: " << made.has_value();
  });
}

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, LedgerContract, MemoryLedgerHarness);
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, AmendmentContract, MemoryLedgerHarness);

TEST(SignedEntry, IsWrittenOnceThoughItsAnswerIsLost) {
  ForgetfulBoard board;
  const SignedLedger ledger(board, test_run_id(), test_owner().public_key());
  Timekeeper timekeeper(board, ledger, test_owner());
  LedgerWriter writer(board, ledger, test_key(1));
  OwnerWriter owner(board, ledger, test_owner());
  const auto lost = [&](const auto& call) {
    board.answers_to_lose = 1;
    EXPECT_TRUE(fails(call(), ErrorKind::kRetry, "lost"));
    return call();
  };
  EXPECT_EQ(lost([&] { return writer.register_node(wanted_node(1, NodeRole::kValidator)); }).value(), 0u);
  EXPECT_EQ(ledger.registrations().value().size(), 1u);
  EXPECT_TRUE(
      lost([&] { return owner.set_standing(test_key(1).public_key(), {.stake = 1, .is_founder = true}); }));
  // First its entry as a timekeeper, then the block.
  board.answers_to_lose = 1;
  EXPECT_FALSE(timekeeper.make_block(1));
  EXPECT_EQ(lost([&] { return timekeeper.make_block(1); }).value().number, 0);
  EXPECT_EQ(timekeeper.make_block(1).value().number, 1);
  const Term term{.leader = {}, .first_window = 0, .state_root = test_run_id(), .ended_after = {}};
  EXPECT_TRUE(lost([&] { return writer.begin_term(term); }).value());
  const Decision decision{
      .record = {.run_id = test_run_id(), .state_root = test_run_id(), .leader = test_key(1).public_key()}};
  EXPECT_TRUE(lost([&] { return writer.decide(decision); }).value());
  EXPECT_EQ(ledger.decision(0, 0).value(), decision);
}

TEST(SignedEntry, OfTheSameKeysGivesTheSameBlocks) {
  const auto third_hash = [](const KeyPair& key, TimestampMs step_ms) {
    MemoryNoticeBoard board;
    const SignedLedger ledger(board, test_run_id(), key.public_key());
    Timekeeper timekeeper(board, ledger, key);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(timekeeper.make_block(i * step_ms));
    return ledger.latest_block().value()->hash;
  };
  EXPECT_EQ(third_hash(test_owner(), 10), third_hash(test_owner(), 20)) << "its maker can't choose it";
  EXPECT_NE(third_hash(test_owner(), 10), third_hash(test_key(1), 10));
}

// What strangers write over.
class Overwritten : public ::testing::Test {
 protected:
  Overwritten() {
    EXPECT_TRUE(writer_.register_node(wanted_node(1, NodeRole::kValidator)));
    EXPECT_TRUE(owner_.set_standing(test_key(1).public_key(), {.stake = 2, .is_founder = true}));
    EXPECT_TRUE(writer_.begin_term(term(0, 0, -1)).value());
    for (int64_t window = 0; window < 3; ++window) EXPECT_TRUE(writer_.decide(decision(window)).value());
  }
  void overwrite(const std::string& key, ByteView content) {
    EXPECT_TRUE(board_.write(key, content, {}).value());
  }
  static Term term(int64_t number, int64_t window, int64_t previous) {
    return {.number = number,
            .previous = previous,
            .leader = {},
            .first_window = window,
            .state_root = {},
            .ended_after = {}};
  }
  static Decision decision(int64_t window) {
    return {.record = {.run_id = test_run_id(), .window = window, .leader = test_key(1).public_key()}};
  }
  // In term 0, by the leader's own key.
  void overwrite_decision(int64_t window, Bytes record) {
    overwrite(fmt::format("decisions/{:010}/0000000000", window),
              seal_ledger_entry(
                  {.run_id = test_run_id(),
                   .author = {},
                   .content = DecisionEntry{.window = window, .term = 0, .record = std::move(record)}},
                  test_key(1)));
  }

  MemoryNoticeBoard board_;
  SignedLedger ledger_{board_, test_run_id(), test_owner().public_key()};
  LedgerWriter writer_{board_, ledger_, test_key(1)};
  OwnerWriter owner_{board_, ledger_, test_owner()};
};

TEST_F(Overwritten, DecisionsThatAreWithheldLeaveNoRoomForATerm) {
  overwrite("decisions/0000000001/0000000000", as_bytes("rubbish"));
  EXPECT_EQ(ledger_.decision(1, 0).value(), std::nullopt);
  EXPECT_FALSE(writer_.begin_term(term(1, 1, 0)).value()) << "window 2 is decided, so window 1 was";
  EXPECT_TRUE(writer_.begin_term(term(1, 3, 0)).value());
}

// A leader that does not run our code: who comes next is not kept from deciding.
TEST_F(Overwritten, DecisionsOfNoRecordOfTheirWindowDecideNothing) {
  const AggregateRecord right = decision(3).record;
  AggregateRecord of_another_window = right;
  of_another_window.window = 2;
  AggregateRecord of_another_run = right;
  of_another_run.run_id.bytes[0] ^= 1;
  for (const Bytes& wrong :
       {Bytes(), Bytes(100, 7), seal_aggregate_record(of_another_window, test_key(1)),
        seal_aggregate_record(of_another_run, test_key(1)), seal_aggregate_record(right, test_key(2))}) {
    overwrite_decision(3, wrong);
    EXPECT_EQ(ledger_.decision(3, 0).value(), std::nullopt);
  }
  EXPECT_TRUE(writer_.begin_term(term(1, 3, 0)).value());
}

TEST_F(Overwritten, DecisionsAreTheFirstThatWasSeen) {
  EXPECT_EQ(ledger_.decision(2, 0).value(), decision(2));
  AggregateRecord other = decision(2).record;
  other.gather_peers = {4};
  overwrite_decision(2, seal_aggregate_record(other, test_key(1)));
  EXPECT_EQ(ledger_.decision(2, 0).value(), decision(2));
}

// By a leader that writes without asking: who reads looks at the term first.
TEST_F(Overwritten, DecisionsOfATermThatHasEndedDecideNothing) {
  ASSERT_TRUE(owner_.end_term(0));
  overwrite_decision(3, seal_aggregate_record(decision(3).record, test_key(1)));
  EXPECT_EQ(ledger_.decision(3, 0).value(), std::nullopt);
  EXPECT_EQ(ledger_.decision(2, 0).value(), decision(2)) << "what it had decided before stays";
  EXPECT_TRUE(fails(LedgerWriter(board_, ledger_, test_key(2)).decide(decision(3)), ErrorKind::kFatal,
                    "does not lead window 3 in term 0"));
}

TEST_F(Overwritten, EntriesAreNotTakenBackByWayOfRubbish) {
  const std::string key = "standings/" + test_key(1).public_key().hex();
  const Bytes old = board_.read(key).value()->content;
  EXPECT_TRUE(owner_.set_standing(test_key(1).public_key(), {.stake = 5, .is_founder = true}));
  EXPECT_EQ(ledger_.registrations().value()[0].stake, 5);
  overwrite(key, as_bytes("rubbish"));
  EXPECT_EQ(ledger_.registrations().value()[0].stake, 0);
  overwrite(key, old);
  EXPECT_EQ(ledger_.registrations().value()[0].stake, 5);
  // The owner's program has seen nothing of this, and is heard all the same.
  const SignedLedger fresh(board_, test_run_id(), test_owner().public_key());
  OwnerWriter owner(board_, fresh, test_owner());
  EXPECT_TRUE(owner.set_standing(test_key(1).public_key(), {.stake = 7, .is_founder = true}));
  EXPECT_EQ(ledger_.registrations().value()[0].stake, 7);
}

TEST_F(Overwritten, TermsThatAreWithheldEndNobody) {
  overwrite("terms/0000000000", as_bytes("rubbish"));
  EXPECT_FALSE(writer_.decide(decision(3)).value());
  EXPECT_FALSE(writer_.begin_term(term(1, 3, 0)).value());
}

TEST_F(Overwritten, BucketsOfAKeyAreItsOwnToRegister) {
  Registration thief = wanted_node(9);
  thief.bucket = bucket_of(test_key(2).public_key());
  ASSERT_TRUE(LedgerWriter(board_, ledger_, test_key(9)).register_node(thief));
  Registration rightful = wanted_node(2);
  rightful.bucket = thief.bucket;
  ASSERT_TRUE(LedgerWriter(board_, ledger_, test_key(2)).register_node(rightful));
  const auto roster = ledger_.registrations().value();
  ASSERT_EQ(roster.size(), 2u);
  EXPECT_EQ(roster[1].key, test_key(2).public_key());
}

TEST_F(Overwritten, DecisionsNobodyCanFollowAreTakenBackByTheOwner) {
  ASSERT_TRUE(owner_.end_term(0, 1));
  EXPECT_EQ(ledger_.decision(1, 0).value(), decision(1));
  EXPECT_EQ(ledger_.decision(2, 0).value(), std::nullopt);
  EXPECT_TRUE(writer_.begin_term(term(1, 2, 0)).value());
}

}  // namespace templar::testing
