#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "ports/object_store.h"
#include "ports/signed_ledger_state.h"
#include "ports/store_address.h"

namespace templar {
namespace {

// Others register at the same moment, and take the uid that was free.
constexpr int kMostRegistrationTries = 1000;

Status check_registration(const Registration& wanted, const PublicKey& key,
                          const std::vector<Registration>& registered) {
  TRY(check_bucket_name(wanted.bucket));
  if (!wanted.store.empty()) {
    TRY_ASSIGN(const StoreAddress store, parse_store_address(wanted.store));
    if (!std::holds_alternative<S3Address>(store))
      return fatal_error(
          fmt::format("store of {}: a folder is no place that others can read", wanted.bucket));
  }
  const auto other = std::ranges::find_if(
      registered, [&](const Registration& node) { return node.bucket == wanted.bucket && node.key != key; });
  // Of its own bucket it is sure: readers pass over who else has registered that.
  if (other == registered.end() || wanted.bucket == bucket_of(key)) return {};
  return fatal_error(
      fmt::format("bucket {} belongs to uid {}, which has another key", wanted.bucket, other->uid));
}

Status check_block_time(const std::optional<Block>& latest, TimestampMs time_ms) {
  if (!latest || time_ms >= latest->time_ms) return {};
  return fatal_error(fmt::format("block {} at {} ms would be before block {} at {} ms", latest->number + 1,
                                 time_ms, latest->number, latest->time_ms));
}

// Above all that anybody has seen of this author, also where an older entry has been put back there: the
// board has counted the writes since.
int64_t sequence_after(const std::optional<LedgerEntry>& entry, const PublicKey& author, int64_t revision) {
  return std::max(entry && entry->author == author ? entry->sequence + 1 : 0, revision + 1);
}

}  // namespace

LedgerWriter::LedgerWriter(NoticeBoard& board, const SignedLedger& ledger, const KeyPair& key)
    : board_(board), ledger_(ledger), key_(key) {}

Result<uint32_t> LedgerWriter::register_node(const Registration& wanted, uint32_t least) {
  for (int attempt = 0; attempt < kMostRegistrationTries; ++attempt) {
    SignedLedger::State& state = *ledger_.state_;
    const MutexLock lock(state.mutex);
    TRY(state.refresh());
    TRY_ASSIGN(const std::vector<Registration> registered, state.registrations());
    TRY(check_registration(wanted, key_.public_key(), registered));
    TRY_ASSIGN(const UidSlot place, find_uid_slot(registered, least));
    const auto& [uid, entry, unchanged] = place;
    const Bytes sealed = seal_ledger_entry(
        {.run_id = state.run_id,
         .author = {},
         .sequence = sequence_after(entry, key_.public_key(), state.revision),
         .content =
             RegistrationEntry{
                 .uid = uid, .role = wanted.role, .bucket = wanted.bucket, .store = wanted.store}},
        key_);
    TRY_ASSIGN(const bool written, board_.write(unchanged.key, sealed, std::array{unchanged}));
    if (written) return uid;
  }
  return retry_error("ledger: too many nodes register at once");
}

// The own one, or the lowest that nobody holds: what is no registration may stand there, and is written over.
Result<LedgerWriter::UidSlot> LedgerWriter::find_uid_slot(const std::vector<Registration>& registered,
                                                          uint32_t least) const {
  SignedLedger::State& state = *ledger_.state_;
  const auto own = std::ranges::find(registered, key_.public_key(), &Registration::key);
  for (uint32_t uid = own != registered.end() ? own->uid : least;; ++uid) {
    const bool is_taken = std::ranges::find(registered, uid, &Registration::uid) != registered.end();
    if (is_taken && (own == registered.end() || own->uid != uid)) continue;
    TRY_ASSIGN(auto slot, state.read_slot<RegistrationEntry>(numbered_notice(kNodeNotices, uid)));
    // A registration that counts for nothing holds its uid all the same.
    const bool is_anothers = slot.first && slot.first->author != key_.public_key() &&
                             std::get<RegistrationEntry>(slot.first->content).uid == uid;
    if (is_anothers && own == registered.end()) continue;
    return UidSlot{uid, std::move(slot.first), std::move(slot.second)};
  }
}

Result<Registration> LedgerWriter::own_registration() const {
  TRY_ASSIGN(const std::vector<Registration> nodes, ledger_.registrations());
  const auto node = std::ranges::find(nodes, key_.public_key(), &Registration::key);
  if (node == nodes.end())
    return fatal_error("key " + key_.public_key().hex() + " is not registered on the ledger");
  return *node;
}

Result<uint32_t> LedgerWriter::validator_uid() const {
  TRY_ASSIGN(const Registration node, own_registration());
  if (node.role != NodeRole::kValidator) return fatal_error(fmt::format("uid {} is no validator", node.uid));
  return node.uid;
}

Status LedgerWriter::write_own(const std::string& key, EntryContent content) {
  TRY(check_entry_content(content));
  SignedLedger::State& state = *ledger_.state_;
  const MutexLock lock(state.mutex);
  for (int attempt = 0; attempt < kMostRegistrationTries; ++attempt) {
    TRY(state.refresh());
    TRY_ASSIGN(const std::optional<Notice> notice, board_.read(key));
    const std::optional<LedgerEntry> entry = notice ? state.understand(*notice) : std::nullopt;
    const Bytes sealed =
        seal_ledger_entry({.run_id = state.run_id,
                           .author = {},
                           .sequence = sequence_after(entry, key_.public_key(), state.revision),
                           .content = content},
                          key_);
    TRY_ASSIGN(const bool written,
               board_.write(key, sealed, std::array{NoticeCondition{key, notice ? notice->revision : 0}}));
    if (written) return {};
  }
  return retry_error(fmt::format("ledger: {} is written by somebody else all the time", key));
}

Status LedgerWriter::set_weights(const std::vector<WeightEntry>& weights) {
  TRY_ASSIGN(const uint32_t uid, validator_uid());
  WeightsEntry entry{.uid = uid, .weights = weights};
  std::ranges::sort(entry.weights, {}, &WeightEntry::uid);
  return write_own(numbered_notice(kWeightsNotices, uid), std::move(entry));
}

Status LedgerWriter::beat(const Heartbeat& heartbeat) {
  TRY_ASSIGN(const uint32_t uid, validator_uid());
  return write_own(numbered_notice(kHeartbeatNotices, uid), HeartbeatEntry{.uid = uid,
                                                                           .block = heartbeat.block,
                                                                           .window = heartbeat.window,
                                                                           .outer_step = heartbeat.outer_step,
                                                                           .state_root = heartbeat.state_root,
                                                                           .term = heartbeat.term,
                                                                           .software = heartbeat.software});
}

Status LedgerWriter::start(const NodeStart& start) {
  TRY_ASSIGN(const Registration node, own_registration());
  return write_own(numbered_notice(kStartNotices, node.uid),
                   StartEntry{.uid = node.uid,
                              .block = start.block,
                              .oldest_protocol = start.protocol.oldest,
                              .newest_protocol = start.protocol.newest,
                              .software = start.software});
}

Result<bool> LedgerWriter::begin_term(const Term& wanted) {
  const TermEntry content{.number = wanted.number,
                          .previous = wanted.previous,
                          .first_window = wanted.first_window,
                          .outer_step = wanted.outer_step,
                          .state_root = wanted.state_root};
  TRY(check_entry_content(content));
  TRY_ASSIGN(const std::vector<Registration> nodes, ledger_.registrations());
  const auto self = std::ranges::find(nodes, key_.public_key(), &Registration::key);
  if (self == nodes.end() || self->role != NodeRole::kValidator)
    return fatal_error("key " + key_.public_key().hex() + " is of no validator that may lead");
  // The owner may say so at any moment: that is no reason to end.
  if (self->is_removed || self->stake <= 0) return false;
  if (wanted.number == 0 && !self->is_founder)
    return fatal_error(fmt::format("uid {} is no founder: it may not begin the run", self->uid));

  SignedLedger::State& state = *ledger_.state_;
  const MutexLock lock(state.mutex);
  // The conditions first, here and below: what is judged after them is at least as new, and what changes
  // later breaks them.
  TRY_ASSIGN(const auto slot, state.read_slot<TermEntry>(numbered_notice(kTermNotices, wanted.number)));
  std::vector<NoticeCondition> conditions = {slot.second};
  if (wanted.previous >= 0) {
    TRY_ASSIGN(const auto decision,
               state.read_slot<DecisionEntry>(decision_notice(wanted.first_window, wanted.previous)));
    conditions.push_back(decision.second);
  }
  TRY(state.refresh());
  TRY_ASSIGN(const std::vector<Term> begun, state.terms());
  if (wanted.number < static_cast<int64_t>(begun.size())) {
    const Term& there = begun[static_cast<size_t>(wanted.number)];
    return there.leader == key_.public_key() && there.previous == wanted.previous &&
           there.first_window == wanted.first_window && there.outer_step == wanted.outer_step &&
           there.state_root == wanted.state_root;
  }
  if (wanted.number > static_cast<int64_t>(begun.size())) return false;
  if (wanted.previous >= 0) {
    TRY_ASSIGN(const auto decided, state.decision(wanted.first_window, wanted.previous));
    // A later one says that this one is there, too, and is withheld.
    TRY_ASSIGN(const auto decided_after, state.decision(wanted.first_window + 1, wanted.previous));
    if (decided || decided_after) return false;
  }
  const Bytes sealed =
      seal_ledger_entry({.run_id = state.run_id, .author = {}, .sequence = 0, .content = content}, key_);
  return board_.write(slot.second.key, sealed, conditions);
}

Result<bool> LedgerWriter::decide(const Decision& wanted) {
  SignedLedger::State& state = *ledger_.state_;
  AggregateRecord record = wanted.record;
  record.run_id = state.run_id;
  const int64_t window = record.window;
  const DecisionEntry content{
      .window = window, .term = wanted.term, .record = seal_aggregate_record(std::move(record), key_)};
  TRY(check_entry_content(content));
  const MutexLock lock(state.mutex);
  TRY_ASSIGN(const auto slot, state.read_slot<DecisionEntry>(decision_notice(window, wanted.term)));
  TRY_ASSIGN(const auto next, state.read_slot<TermEntry>(numbered_notice(kTermNotices, wanted.term + 1)));
  TRY_ASSIGN(const auto end, state.read_slot<TermEndEntry>(numbered_notice(kTermEndNotices, wanted.term)));
  TRY(state.refresh());
  TRY_ASSIGN(const std::vector<Term> begun, state.terms());
  const auto number = static_cast<size_t>(wanted.term);
  if (number >= begun.size()) return false;  // it is withheld
  if (begun[number].leader != key_.public_key() || window < begun[number].first_window)
    return fatal_error(fmt::format("key {} does not lead window {} in term {}", key_.public_key().hex(),
                                   window, wanted.term));
  TRY_ASSIGN(const std::optional<Decision> there, state.decision(window, wanted.term));
  if (there) return seal_aggregate_record(there->record, key_) == content.record;
  if (number + 1 < begun.size()) return false;
  if (begun[number].ended_after && window > *begun[number].ended_after) return false;
  const Bytes sealed =
      seal_ledger_entry({.run_id = state.run_id, .author = {}, .sequence = 0, .content = content}, key_);
  return board_.write(slot.second.key, sealed, std::array{slot.second, next.second, end.second});
}

OwnerWriter::OwnerWriter(NoticeBoard& board, const SignedLedger& ledger, const KeyPair& key)
    : board_(board), ledger_(ledger), key_(key) {}

Status OwnerWriter::check_owner() const {
  const PublicKey owner = ledger_.state_->owner;
  if (key_.public_key() == owner) return {};
  return fatal_error(fmt::format("key {} is not the run's owner {}", key_.public_key().hex(), owner.hex()));
}

Status OwnerWriter::set_standing(const PublicKey& subject, const Standing& standing) {
  TRY(check_owner());
  constexpr int64_t kNoLast = std::numeric_limits<int64_t>::max();
  SignedLedger::State& state = *ledger_.state_;
  const MutexLock lock(state.mutex);
  TRY(state.refresh());
  TRY_ASSIGN(const std::vector<Term> begun, state.terms());
  TRY_ASSIGN(const std::vector<SignedLedger::State::Keeper> keepers, state.keepers());
  if (!begun.empty() && begun.front().leader == subject && !standing.is_founder)
    return fatal_error(fmt::format("key {} has begun the run: it stays a founder", subject.hex()));
  const bool may_lead = standing.stake > 0 && !standing.is_removed;
  const StandingEntry content{
      .subject = subject,
      .stake = standing.stake,
      .is_admitted = !standing.is_removed,
      .is_founder = standing.is_founder,
      .last_term = may_lead ? kNoLast : static_cast<int64_t>(begun.size()) - 1,
      .last_timekeeper = may_lead ? kNoLast : static_cast<int64_t>(keepers.size()) - 1};
  TRY(check_entry_content(content));
  TRY_ASSIGN(const auto slot, state.read_slot<StandingEntry>(standing_notice(subject)));
  const Bytes sealed =
      seal_ledger_entry({.run_id = state.run_id,
                         .author = {},
                         .sequence = sequence_after(slot.first, key_.public_key(), state.revision),
                         .content = content},
                        key_);
  // A term that begins meanwhile would be within what the standing allows, or not: so it must not.
  // Nor may somebody take over the time.
  const std::string term_key = numbered_notice(kTermNotices, static_cast<int64_t>(begun.size()));
  const std::string keeper_key = numbered_notice(kTimekeeperNotices, static_cast<int64_t>(keepers.size()));
  TRY_ASSIGN(const auto next_term, state.read_slot<TermEntry>(term_key));
  TRY_ASSIGN(const auto next_keeper, state.read_slot<TimekeeperEntry>(keeper_key));
  TRY(state.refresh());
  TRY_ASSIGN(const std::vector<Term> begun_now, state.terms());
  TRY_ASSIGN(const std::vector<SignedLedger::State::Keeper> keepers_now, state.keepers());
  if (begun_now.size() == begun.size() && keepers_now.size() == keepers.size()) {
    TRY_ASSIGN(
        const bool written,
        board_.write(slot.second.key, sealed, std::array{slot.second, next_term.second, next_keeper.second}));
    if (written) return {};
  }
  return retry_error("ledger: it has changed meanwhile");
}

Status OwnerWriter::end_term(int64_t number, std::optional<int64_t> after) {
  TRY(check_owner());
  SignedLedger::State& state = *ledger_.state_;
  const MutexLock lock(state.mutex);
  TRY(state.refresh());
  TRY_ASSIGN(const std::vector<Term> begun, state.terms());
  if (number < 0 || number >= static_cast<int64_t>(begun.size()))
    return fatal_error(fmt::format("there is no term {}", number));
  const Term& term = begun[static_cast<size_t>(number)];
  if (term.ended_after && (!after || *term.ended_after <= *after)) return {};
  TRY_ASSIGN(const auto slot, state.read_slot<TermEndEntry>(numbered_notice(kTermEndNotices, number)));
  int64_t undecided = after ? std::max(*after + 1, term.first_window) : term.first_window;
  NoticeCondition stays_undecided = slot.second;
  for (; !after; ++undecided) {
    TRY_ASSIGN(auto decision, state.read_slot<DecisionEntry>(decision_notice(undecided, number)));
    TRY_ASSIGN(const std::optional<Decision> decided, state.decision(undecided, number));
    if (decided) continue;
    stays_undecided = std::move(decision.second);
    break;
  }
  const Bytes sealed =
      seal_ledger_entry({.run_id = state.run_id,
                         .author = {},
                         .sequence = sequence_after(slot.first, key_.public_key(), state.revision),
                         .content = TermEndEntry{.number = number, .last_window = undecided - 1}},
                        key_);
  TRY_ASSIGN(const bool written,
             board_.write(slot.second.key, sealed, std::array{slot.second, stays_undecided}));
  if (written) return {};
  return retry_error("ledger: the term has decided another window meanwhile");
}

Timekeeper::Timekeeper(NoticeBoard& board, const SignedLedger& ledger, const KeyPair& key)
    : board_(board), ledger_(ledger), key_(key) {}

Result<bool> Timekeeper::take_over() {
  SignedLedger::State& state = *ledger_.state_;
  const MutexLock lock(state.mutex);
  TRY(state.refresh());
  if (key_.public_key() != state.owner) {
    TRY_ASSIGN(const std::vector<Registration> nodes, state.registrations());
    const auto self = std::ranges::find(nodes, key_.public_key(), &Registration::key);
    if (self == nodes.end() || self->is_removed || self->stake <= 0)
      return fatal_error("key " + key_.public_key().hex() +
                         " may not make blocks: only the owner and validators with stake do");
  }
  TRY_ASSIGN(const std::vector<SignedLedger::State::Keeper> keepers, state.keepers());
  if (!keepers.empty() && keepers.back().key == key_.public_key()) return true;
  TRY_ASSIGN(const std::optional<Block> latest, state.latest_block());
  const auto number = static_cast<int64_t>(keepers.size());
  const int64_t first_block = latest ? latest->number + 1 : 0;
  TRY_ASSIGN(const auto slot, state.read_slot<TimekeeperEntry>(numbered_notice(kTimekeeperNotices, number)));
  TRY_ASSIGN(const auto block, state.read_slot<BlockEntry>(numbered_notice(kBlockNotices, first_block)));
  TRY(state.refresh());
  TRY_ASSIGN(const std::vector<SignedLedger::State::Keeper> keepers_now, state.keepers());
  TRY_ASSIGN(const std::optional<Block> latest_now, state.latest_block());
  if (keepers_now.size() != keepers.size() || latest_now != latest) return false;
  const Bytes sealed =
      seal_ledger_entry({.run_id = state.run_id,
                         .author = {},
                         .sequence = 0,
                         .content = TimekeeperEntry{.number = number, .first_block = first_block}},
                        key_);
  return board_.write(slot.second.key, sealed, std::array{slot.second, block.second});
}

Result<bool> Timekeeper::keeps_time() const {
  SignedLedger::State& state = *ledger_.state_;
  const MutexLock lock(state.mutex);
  TRY(state.refresh());
  TRY_ASSIGN(const std::vector<SignedLedger::State::Keeper> keepers, state.keepers());
  return !keepers.empty() && keepers.back().key == key_.public_key();
}

Result<Block> Timekeeper::make_block(TimestampMs time_ms) {
  for (;;) {
    TRY_ASSIGN(const std::optional<Block> made, try_to_make_block(time_ms));
    if (made) return *made;
    // Nobody has made a block yet, or there was a change at that moment.
    TRY_ASSIGN(const bool keeps, keeps_time());
    if (keeps) continue;
    SignedLedger::State& state = *ledger_.state_;
    {
      const MutexLock lock(state.mutex);
      TRY_ASSIGN(const std::vector<SignedLedger::State::Keeper> keepers, state.keepers());
      const bool is_anothers = !keepers.empty() && keepers.back().key != key_.public_key();
      if (is_anothers) return skip_error("ledger: somebody else makes the blocks");
    }
    TRY(take_over());
  }
}

Result<std::optional<Block>> Timekeeper::try_to_make_block(TimestampMs time_ms) {
  SignedLedger::State& state = *ledger_.state_;
  const MutexLock lock(state.mutex);
  TRY(state.refresh());
  TRY_ASSIGN(const std::vector<SignedLedger::State::Keeper> keepers, state.keepers());
  if (keepers.empty() || keepers.back().key != key_.public_key()) return std::nullopt;
  TRY_ASSIGN(const std::optional<Block> latest, state.latest_block());
  // The answer to an earlier try was lost, and the block was made all the same.
  if (latest && attempt_ && attempt_->number == latest->number && attempt_->time_ms == time_ms &&
      latest->time_ms == time_ms) {
    attempt_.reset();
    return latest;
  }
  TRY(check_block_time(latest, time_ms));
  const int64_t number = latest ? latest->number + 1 : 0;
  attempt_ = Attempt{number, time_ms};
  const auto keeper = static_cast<int64_t>(keepers.size()) - 1;
  TRY_ASSIGN(const auto slot, state.read_slot<BlockEntry>(numbered_notice(kBlockNotices, number)));
  TRY_ASSIGN(const auto next,
             state.read_slot<TimekeeperEntry>(numbered_notice(kTimekeeperNotices, keeper + 1)));
  TRY(state.refresh());
  TRY_ASSIGN(const std::vector<SignedLedger::State::Keeper> keepers_now, state.keepers());
  TRY_ASSIGN(const std::optional<Block> latest_now, state.latest_block());
  if (keepers_now.size() != keepers.size() || latest_now != latest) return std::nullopt;
  const Signature beacon = key_.sign(beacon_message(state.run_id, number, latest ? latest->hash : Hash256{}));
  const Bytes sealed = seal_ledger_entry(
      {.run_id = state.run_id,
       .author = {},
       .sequence = 0,
       .content = BlockEntry{.number = number, .timekeeper = keeper, .time_ms = time_ms, .beacon = beacon}},
      key_);
  TRY_ASSIGN(const bool written, board_.write(slot.second.key, sealed, std::array{slot.second, next.second}));
  if (!written) return std::nullopt;
  attempt_.reset();
  state.latest = Block{number, time_ms, block_hash_of(beacon)};
  state.remember(*state.latest);
  return state.latest;
}

}  // namespace templar
