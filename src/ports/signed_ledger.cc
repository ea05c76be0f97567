#include "ports/signed_ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "ports/signed_ledger_state.h"

namespace templar {

using State = SignedLedger::State;

std::string numbered_notice(std::string_view prefix, int64_t number) {
  return fmt::format("{}{:010}", prefix, number);
}

std::string decision_notice(int64_t window, int64_t term) {
  return fmt::format("{}{:010}/{:010}", kDecisionNotices, window, term);
}

std::string standing_notice(const PublicKey& subject) {
  return std::string(kStandingNotices) + subject.hex();
}

namespace {

std::optional<AggregateRecord> record_of(const std::optional<LedgerEntry>& entry) {
  const auto* decision = entry ? std::get_if<DecisionEntry>(&entry->content) : nullptr;
  if (decision == nullptr) return std::nullopt;
  auto record = parse_aggregate_record(decision->record);
  if (!record || !check_aggregate_record(
                     *record, {.run_id = entry->run_id, .window = decision->window, .leader = entry->author}))
    return std::nullopt;
  return *std::move(record);
}

}  // namespace

std::optional<LedgerEntry> State::understand(const Notice& notice) {
  const auto known = understood.find(notice.key);
  if (known != understood.end() && known->second.revision == notice.revision) return known->second.entry;
  std::optional<LedgerEntry> entry;
  if (auto parsed = parse_ledger_entry(notice.content); parsed && parsed->run_id == run_id)
    entry = *std::move(parsed);
  // What an author has said is not taken back by an older word of its own, also after something else has lain
  // there.
  std::optional<LedgerEntry> newest = known == understood.end() ? std::nullopt : known->second.newest;
  // Nor is a decision that counts replaced by another one: the window may have been followed.
  const bool has_decided = known != understood.end() && known->second.record;
  if (entry && newest && newest->author == entry->author &&
      (newest->sequence > entry->sequence || (has_decided && newest->sequence == entry->sequence)))
    entry = newest;
  if (entry) newest = entry;
  understood.insert_or_assign(notice.key,
                              Understood{notice.revision, entry, record_of(entry), std::move(newest)});
  return entry;
}

Status State::refresh() {
  TRY_ASSIGN(const int64_t now, board.revision());
  if (now == revision) return {};
  // Should the board change again before they are read, they are newer than the number, and are read once
  // more.
  known_standings.reset();
  known_registrations.reset();
  known_terms.reset();
  known_keepers.reset();
  knows_amendments = false;
  known_latest.reset();
  known_heartbeats.reset();
  known_decisions.clear();
  revision = now;
  return {};
}

Result<std::map<PublicKey, StandingEntry>> State::standings() {
  if (!known_standings) {
    TRY_ASSIGN(known_standings, read_standings());
  }
  return *known_standings;
}

Result<std::vector<Registration>> State::registrations() {
  if (!known_registrations) {
    TRY_ASSIGN(known_registrations, read_registrations());
  }
  return *known_registrations;
}

Result<std::vector<Term>> State::terms() {
  if (!known_terms) {
    TRY_ASSIGN(known_terms, read_terms());
  }
  return *known_terms;
}

Result<std::vector<State::Keeper>> State::keepers() {
  if (!known_keepers) {
    TRY_ASSIGN(known_keepers, read_keepers());
  }
  return *known_keepers;
}

Result<std::map<PublicKey, StandingEntry>> State::read_standings() {
  TRY_ASSIGN(const std::vector<Notice> notices, board.list(kStandingNotices));
  std::map<PublicKey, StandingEntry> found;
  for (const Notice& notice : notices) {
    const auto [entry, standing] = content_of<StandingEntry>(notice);
    if (standing && entry->author == owner && notice.key == standing_notice(standing->subject))
      found.insert_or_assign(standing->subject, *standing);
  }
  return found;
}

Result<std::vector<Registration>> State::read_registrations() {
  TRY_ASSIGN(const auto standing_by_key, standings());
  TRY_ASSIGN(const std::vector<Notice> notices, board.list(kNodeNotices));
  std::vector<Registration> nodes;
  std::set<PublicKey> keys;
  for (const Notice& notice : notices) {
    const auto [entry, said] = content_of<RegistrationEntry>(notice);
    if (!said || notice.key != numbered_notice(kNodeNotices, said->uid)) continue;
    if (!keys.insert(entry->author).second) continue;
    Registration node{.uid = said->uid,
                      .role = said->role,
                      .key = entry->author,
                      .bucket = said->bucket,
                      .store = said->store};
    if (const auto found = standing_by_key.find(node.key); found != standing_by_key.end()) {
      const StandingEntry& standing = found->second;
      node.stake = node.role == NodeRole::kValidator ? standing.stake : 0;
      node.is_removed = !standing.is_admitted;
      node.is_founder = standing.is_founder;
    }
    nodes.push_back(std::move(node));
  }
  // A key's own bucket is nobody else's to register; of two others the later one goes.
  std::map<std::string, const Registration*> owners;
  for (const Registration& node : nodes) {
    const Registration*& owner_of_bucket = owners[node.bucket];
    if (owner_of_bucket == nullptr || node.bucket == bucket_of(node.key)) owner_of_bucket = &node;
  }
  std::vector<Registration> counting;
  for (const Registration& node : nodes) {
    if (owners[node.bucket] == &node) counting.push_back(node);
  }
  return counting;
}

Result<std::vector<Term>> State::read_terms() {
  TRY_ASSIGN(const auto standing_by_key, standings());
  TRY_ASSIGN(const std::vector<Notice> notices, board.list(kTermNotices));
  std::vector<Term> found;
  for (const Notice& notice : notices) {
    const auto [entry, term] = content_of<TermEntry>(notice);
    // Numbers have no holes: a leader's term is over when there is one with the next number.
    const auto next = static_cast<int64_t>(found.size());
    if (!term || term->number != next || notice.key != numbered_notice(kTermNotices, next)) break;
    const auto standing = standing_by_key.find(entry->author);
    if (standing == standing_by_key.end() || standing->second.last_term < term->number ||
        (term->number == 0 && !standing->second.is_founder))
      break;
    found.push_back({.number = term->number,
                     .previous = term->previous,
                     .leader = entry->author,
                     .first_window = term->first_window,
                     .outer_step = term->outer_step,
                     .state_root = term->state_root});
  }
  if (found.empty()) return found;
  TRY_ASSIGN(const std::vector<Notice> ended, board.list(kTermEndNotices));
  for (const Notice& notice : ended) {
    const auto [entry, end] = content_of<TermEndEntry>(notice);
    if (!end || entry->author != owner || notice.key != numbered_notice(kTermEndNotices, end->number))
      continue;
    if (end->number < static_cast<int64_t>(found.size()))
      found[static_cast<size_t>(end->number)].ended_after = end->last_window;
  }
  return found;
}

Result<std::optional<Decision>> State::decision(int64_t window, int64_t number) {
  const std::string key = decision_notice(window, number);
  // What was decided stays; whether its term still counts is asked each time.
  TRY_ASSIGN(const std::vector<Term> begun, terms());
  if (number < 0 || number >= static_cast<int64_t>(begun.size())) return std::nullopt;
  const Term& term = begun[static_cast<size_t>(number)];
  if (window < term.first_window || (term.ended_after && window > *term.ended_after)) return std::nullopt;
  auto known = known_decisions.find(key);
  if (known == known_decisions.end()) {
    if (known_decisions.size() >= kMostRememberedDecisions) known_decisions.clear();
    TRY_ASSIGN(std::optional<Notice> read, board.read(key));
    known = known_decisions.emplace(key, std::move(read)).first;
  }
  const std::optional<Notice>& notice = known->second;
  if (!notice) return std::nullopt;
  const auto [entry, decided] = content_of<DecisionEntry>(*notice);
  const std::optional<AggregateRecord> record = understood.at(key).record;
  forget_old(kDecisionNotices);
  if (!record || entry->author != term.leader || decided->window != window || decided->term != number)
    return std::nullopt;
  return Decision{.term = number, .record = *record};
}

Result<std::vector<State::Keeper>> State::read_keepers() {
  TRY_ASSIGN(const auto standing_by_key, standings());
  TRY_ASSIGN(const std::vector<Notice> notices, board.list(kTimekeeperNotices));
  std::vector<Keeper> found;
  for (const Notice& notice : notices) {
    const auto [entry, keeper] = content_of<TimekeeperEntry>(notice);
    const auto next = static_cast<int64_t>(found.size());
    if (!keeper || keeper->number != next || notice.key != numbered_notice(kTimekeeperNotices, next)) break;
    const auto standing = standing_by_key.find(entry->author);
    const bool may_keep = entry->author == owner || (standing != standing_by_key.end() &&
                                                     standing->second.last_timekeeper >= keeper->number);
    if (!may_keep || (!found.empty() && keeper->first_block < found.back().first_block)) break;
    found.push_back({entry->author, keeper->first_block});
  }
  return found;
}

Result<std::optional<Block>> State::block(int64_t number) {
  if (number < 0) return std::nullopt;
  if (const auto known = blocks.find(number); known != blocks.end()) return known->second;
  TRY_ASSIGN(const std::optional<Notice> notice, board.read(numbered_notice(kBlockNotices, number)));
  if (!notice) return std::nullopt;
  return check_block(*notice);
}

Result<std::optional<Block>> State::check_block(const Notice& notice) {
  const auto parsed = parse_ledger_entry(notice.content);
  if (!parsed || parsed->run_id != run_id) return std::nullopt;
  const auto* made = std::get_if<BlockEntry>(&parsed->content);
  if (made == nullptr || notice.key != numbered_notice(kBlockNotices, made->number)) return std::nullopt;
  if (const auto known = blocks.find(made->number); known != blocks.end()) return known->second;
  TRY_ASSIGN(const std::vector<Keeper> all, keepers());
  const auto keeper = static_cast<size_t>(made->timekeeper);
  if (keeper >= all.size() || all[keeper].key != parsed->author || made->number < all[keeper].first_block)
    return std::nullopt;
  // What a timekeeper makes after another has taken over counts for nothing.
  if (keeper + 1 < all.size() && made->number >= all[keeper + 1].first_block) return std::nullopt;
  // The block before is taken by its beacon alone: it was judged when it was the newest.
  Hash256 previous{};
  if (const auto known = blocks.find(made->number - 1); known != blocks.end()) {
    if (made->time_ms < known->second.time_ms) return std::nullopt;
    previous = known->second.hash;
  } else if (made->number > 0) {
    TRY_ASSIGN(const std::optional<Notice> before,
               board.read(numbered_notice(kBlockNotices, made->number - 1)));
    const auto entry = before ? parse_ledger_entry(before->content) : Result<LedgerEntry>(skip_error(""));
    const auto* block_before = entry ? std::get_if<BlockEntry>(&entry->content) : nullptr;
    if (block_before == nullptr || made->time_ms < block_before->time_ms) return std::nullopt;
    previous = block_hash_of(block_before->beacon);
  }
  if (!verify(parsed->author, beacon_message(run_id, made->number, previous), made->beacon))
    return std::nullopt;
  const Block block{made->number, made->time_ms, block_hash_of(made->beacon)};
  remember(block);
  return block;
}

void State::remember(const Block& block) {
  blocks.insert_or_assign(block.number, block);
  if (blocks.size() > kMostKnownBlocks) blocks.erase(blocks.begin());
}

Result<std::optional<Block>> State::latest_block() {
  if (!known_latest) {
    TRY_ASSIGN(known_latest, read_latest_block());
  }
  return *known_latest;
}

Result<std::vector<Notice>> State::heartbeats() {
  if (!known_heartbeats) {
    TRY_ASSIGN(known_heartbeats, board.list(kHeartbeatNotices));
  }
  return *known_heartbeats;
}

Result<std::optional<Block>> State::read_latest_block() {
  TRY_ASSIGN(const std::optional<Notice> last, board.last(kBlockNotices));
  if (!last) return std::nullopt;
  if (latest && last->key == numbered_notice(kBlockNotices, latest->number)) return latest;
  TRY_ASSIGN(const std::optional<Block> newest, check_block(*last));
  if (newest) {
    latest = newest;
    return latest;
  }
  // Somebody has written what is no block behind the blocks. They have no holes: first in ever longer steps,
  // then by halves to the last one.
  int64_t there = latest ? latest->number : -1;
  int64_t step = 1;
  for (;; step *= 2) {
    TRY_ASSIGN(const std::optional<Block> found, block(there + step));
    if (!found) break;
    there += step;
    latest = found;
  }
  for (; step > 1; step /= 2) {
    TRY_ASSIGN(const std::optional<Block> found, block(there + step / 2));
    if (!found) continue;
    there += step / 2;
    latest = found;
  }
  return latest;
}

void State::forget_old(std::string_view prefix) {
  const auto first = understood.lower_bound(prefix);
  const auto after = understood.lower_bound(std::string(prefix) + '~');
  if (std::distance(first, after) > kMostKnownDecisions) understood.erase(first);
}

SignedLedger::SignedLedger(const NoticeBoard& board, const Hash256& run_id, const PublicKey& owner)
    : state_(std::make_unique<State>(board, run_id, owner)) {}
SignedLedger::~SignedLedger() = default;

Result<std::optional<Block>> SignedLedger::latest_block() const {
  const MutexLock lock(state_->mutex);
  TRY(state_->refresh());
  return state_->latest_block();
}

Result<std::optional<Block>> SignedLedger::block(int64_t number) const {
  const MutexLock lock(state_->mutex);
  TRY(state_->refresh());
  return state_->block(number);
}

Result<std::vector<Registration>> SignedLedger::registrations() const {
  const MutexLock lock(state_->mutex);
  TRY(state_->refresh());
  return state_->registrations();
}

Result<std::vector<WeightEntry>> SignedLedger::weights(uint32_t validator_uid) const {
  const MutexLock lock(state_->mutex);
  TRY(state_->refresh());
  TRY_ASSIGN(const std::vector<Registration> nodes, state_->registrations());
  const auto node = std::ranges::find(nodes, validator_uid, &Registration::uid);
  TRY_ASSIGN(const std::optional<Notice> notice,
             state_->board.read(numbered_notice(kWeightsNotices, validator_uid)));
  if (!notice || node == nodes.end() || node->role != NodeRole::kValidator) return std::vector<WeightEntry>();
  const auto [entry, said] = state_->content_of<WeightsEntry>(*notice);
  if (!said || entry->author != node->key || said->uid != validator_uid) return std::vector<WeightEntry>();
  return said->weights;
}

Result<std::vector<Heartbeat>> SignedLedger::heartbeats() const {
  const MutexLock lock(state_->mutex);
  TRY(state_->refresh());
  TRY_ASSIGN(const std::vector<Registration> nodes, state_->registrations());
  TRY_ASSIGN(const std::vector<Notice> notices, state_->heartbeats());
  std::vector<Heartbeat> found;
  for (const Notice& notice : notices) {
    const auto [entry, said] = state_->content_of<HeartbeatEntry>(notice);
    if (!said || notice.key != numbered_notice(kHeartbeatNotices, said->uid)) continue;
    const auto node = std::ranges::find(nodes, said->uid, &Registration::uid);
    if (node == nodes.end() || node->key != entry->author || node->role != NodeRole::kValidator) continue;
    found.push_back({.uid = said->uid,
                     .block = said->block,
                     .window = said->window,
                     .outer_step = said->outer_step,
                     .state_root = said->state_root,
                     .term = said->term,
                     .software = said->software});
  }
  return found;
}

Result<std::map<PublicKey, StandingEntry>> SignedLedger::standings() const {
  const MutexLock lock(state_->mutex);
  TRY(state_->refresh());
  return state_->standings();
}

Result<std::vector<NodeStart>> SignedLedger::starts() const {
  const MutexLock lock(state_->mutex);
  TRY(state_->refresh());
  TRY_ASSIGN(const std::vector<Registration> nodes, state_->registrations());
  TRY_ASSIGN(const std::vector<Notice> notices, state_->board.list(kStartNotices));
  std::vector<NodeStart> found;
  for (const Notice& notice : notices) {
    const auto [entry, said] = state_->content_of<StartEntry>(notice);
    if (!said || notice.key != numbered_notice(kStartNotices, said->uid)) continue;
    const auto node = std::ranges::find(nodes, said->uid, &Registration::uid);
    if (node == nodes.end() || node->key != entry->author) continue;
    found.push_back({.uid = said->uid,
                     .block = said->block,
                     .protocol = {said->oldest_protocol, said->newest_protocol},
                     .software = said->software});
  }
  return found;
}

Result<std::vector<Term>> SignedLedger::terms() const {
  const MutexLock lock(state_->mutex);
  TRY(state_->refresh());
  return state_->terms();
}

Result<std::optional<Decision>> SignedLedger::decision(int64_t window, int64_t term) const {
  const MutexLock lock(state_->mutex);
  TRY(state_->refresh());
  return state_->decision(window, term);
}

Result<int64_t> SignedLedger::revision() const {
  const MutexLock lock(state_->mutex);
  TRY(state_->refresh());
  return state_->revision;
}

bool SignedLedger::wait_for_change(int64_t since, std::chrono::milliseconds at_most) const {
  return state_->board.wait_for_change(since, at_most);
}

}  // namespace templar
