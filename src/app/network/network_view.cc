#include "app/network/network_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/protocol/object_keys.h"
#include "core/run/window_plan.h"
#include "core/scoring/agreed_weights.h"
#include "ports/roster.h"

namespace templar {
namespace {

// Decided windows that are looked at for verdicts and for null rounds.
constexpr int64_t kJudgedWindows = 8;
constexpr int kAlarmWindows = 3;
// A window is over before it is decided: so many may be undecided without anything being wrong.
constexpr int64_t kUndecidedWindows = 2;
constexpr TimestampMs kClockSlackMs = 30'000;
constexpr TimestampMs kShortestBlockAlarmMs = 10'000;
constexpr int64_t kBlocksBeforeAlarm = 5;

class NetworkReading {
 public:
  NetworkReading(const RunSpec& spec, const SignedLedger& ledger, const ObjectReader& stores,
                 TimestampMs now_ms)
      : ledger_(ledger), stores_(stores) {
    view_.spec = spec;
    view_.read_ms = now_ms;
  }

  Result<NetworkView> run() {
    TRY(read_ledger());
    TRY(read_records());
    for (const Registration& node : roster_) {
      NodeView seen{.node = node};
      TRY(read_start(seen));
      if (node.role == NodeRole::kValidator) TRY(read_validator(seen));
      if (node.role == NodeRole::kMiner) read_miner(seen);
      view_.nodes.push_back(std::move(seen));
    }
    TRY(read_pay());
    find_alarms();
    return std::move(view_);
  }

 private:
  Status read_ledger() {
    TRY_ASSIGN(view_.latest, ledger_.latest_block());
    if (view_.latest) view_.window = window_of_block(view_.spec.network, view_.latest->number);
    TRY_ASSIGN(view_.amendments, ledger_.amendments());
    // What this program can't follow it can show all the same.
    network_ =
        spec_in_force(view_.spec, view_.amendments, view_.window.value_or(0)).value_or(view_.spec).network;
    TRY_ASSIGN(roster_, ledger_.registrations());
    TRY_ASSIGN(heartbeats_, ledger_.heartbeats());
    TRY_ASSIGN(starts_, ledger_.starts());
    TRY_ASSIGN(const std::vector<Term> terms, ledger_.terms());
    view_.chain = chain_in_force(terms, heartbeats_, roster_);
    TRY_ASSIGN(view_.decided, newest_decision(ledger_, view_.chain, view_.window.value_or(0)));
    TRY_ASSIGN(const auto standings, ledger_.standings());
    for (const auto& [key, standing] : standings) {
      if (!uid_of(roster_, key)) view_.awaited.emplace_back(key, standing);
    }
    if (view_.chain.empty()) return {};
    if (const auto leader = uid_of(roster_, view_.chain.back().leader)) {
      TRY_ASSIGN(weights_, ledger_.weights(*leader));
    }
    return {};
  }

  // The newest first.
  Status read_records() {
    if (!view_.decided) return {};
    const int64_t newest = view_.decided->record.window;
    for (int64_t window = newest; window >= 0 && window > newest - kJudgedWindows; --window) {
      const Term* term = term_of_window(view_.chain, window);
      if (term == nullptr) break;
      TRY_ASSIGN(std::optional<Decision> decision, ledger_.decision(window, term->number));
      if (!decision) break;
      records_.push_back(std::move(decision->record));
    }
    return {};
  }

  Status read_start(NodeView& seen) const {
    const auto start = std::ranges::find(starts_, seen.node.uid, &NodeStart::uid);
    if (start == starts_.end()) return {};
    seen.start = *start;
    // Who begins the run has started before its first block.
    TRY_ASSIGN(const std::optional<Block> block, ledger_.block(std::max<int64_t>(0, start->block)));
    if (block) seen.start_ms = block->time_ms;
    return {};
  }

  Status read_validator(NodeView& seen) const {
    const auto beat = std::ranges::find(heartbeats_, seen.node.uid, &Heartbeat::uid);
    if (beat == heartbeats_.end()) return {};
    seen.window = beat->window;
    seen.term = beat->term;
    seen.is_alive = view_.latest && is_alive(*beat, view_.latest->number, network_);
    TRY_ASSIGN(const std::optional<Block> block, ledger_.block(beat->block));
    if (block) seen.last_ms = block->time_ms;
    TRY_ASSIGN(const std::optional<Hash256> root, root_of(beat->window));
    if (root) seen.in_sync = *root == beat->state_root && !is_behind(beat->window);
    return {};
  }

  // By the word of the validators that are alive: what the others said last may be long past.
  Status read_pay() {
    std::map<uint32_t, StatedWeights> stated;
    for (const NodeView& seen : view_.nodes) {
      if (seen.node.role != NodeRole::kValidator || seen.node.is_removed || !seen.is_alive) continue;
      TRY_ASSIGN(const std::vector<WeightEntry> entries, ledger_.weights(seen.node.uid));
      if (entries.empty()) continue;
      StatedWeights& word = stated[seen.node.uid];
      word.stake = seen.node.stake;
      for (const WeightEntry& entry : entries) word.weights[entry.uid] = entry.weight;
    }
    std::vector<StatedWeights> words;
    for (const auto& [uid, word] : stated) words.push_back(word);
    const Weights agreed = agreed_weights(words);
    for (NodeView& seen : view_.nodes) {
      if (const auto word = stated.find(seen.node.uid); word != stated.end())
        seen.agreement = agreement(word->second.weights, agreed);
      if (const auto share = agreed.find(seen.node.uid); share != agreed.end()) seen.pay = share->second;
    }
    return {};
  }

  [[nodiscard]] bool is_behind(int64_t window) const {
    return view_.decided && window + kUndecidedWindows < view_.decided->record.window;
  }

  // At a window's start: by its record, by the term that begins there, or by the leader's own word.
  [[nodiscard]] Result<std::optional<Hash256>> root_of(int64_t window) const {
    const Term* term = term_of_window(view_.chain, window);
    if (term == nullptr) return std::nullopt;
    if (term->first_window == window) return term->state_root;
    TRY_ASSIGN(const std::optional<Decision> decision, ledger_.decision(window, term->number));
    if (decision) return decision->record.state_root;
    const auto leader = uid_of(roster_, view_.chain.back().leader);
    const auto beat =
        std::ranges::find_if(heartbeats_, [&](const Heartbeat& each) { return leader == each.uid; });
    if (beat == heartbeats_.end() || beat->window != window) return std::nullopt;
    return beat->state_root;
  }

  void read_miner(NodeView& seen) const {
    read_contributions(seen);
    const auto weight = std::ranges::find(weights_, seen.node.uid, &WeightEntry::uid);
    if (weight != weights_.end()) seen.weight = weight->weight;
    for (const AggregateRecord& record : records_) {
      seen.verdict = verdict_in(record, seen.node.uid);
      if (!seen.verdict) continue;
      seen.verdict_window = record.window;
      break;
    }
    if (!seen.verdict) return;
    if (seen.verdict->accepted()) seen.in_sync = true;
    if (seen.verdict->code == VerdictCode::kInvalid) seen.in_sync = false;
  }

  [[nodiscard]] static std::optional<Verdict> verdict_in(const AggregateRecord& record, uint32_t uid) {
    if (std::ranges::find(record.accepted, uid, &AcceptedContribution::uid) != record.accepted.end())
      return Verdict();
    const auto rejected = std::ranges::find(record.rejected, uid, &RejectedContribution::uid);
    if (rejected == record.rejected.end()) return std::nullopt;
    return rejected->verdict;
  }

  void read_contributions(NodeView& seen) const {
    const auto objects = stores_.list(seen.node.bucket, kContributionPrefix);
    if (!objects) {
      seen.trouble = objects.error().message;
      return;
    }
    for (const ObjectInfo& object : *objects) {
      const auto window = window_in_key(kContributionPrefix, object.key);
      if (!window || (seen.window && *window < *seen.window)) continue;
      seen.window = *window;
      seen.last_ms = object.stored_at_ms;
    }
    seen.is_alive =
        seen.window && view_.window && *seen.window + network_.leader_loss_windows >= *view_.window;
  }

  void alarm(AlarmKind kind, std::string reason) { view_.alarms.push_back({kind, std::move(reason)}); }

  void find_alarms() {
    if (!view_.latest) return;
    if (!view_.spec.network.owner_keeps_time) look_at_blocks();
    look_at_decisions();
    look_at_validators();
    look_at_miners();
  }

  void look_at_blocks() {
    const TimestampMs age_ms = view_.read_ms - view_.latest->time_ms;
    const TimestampMs due_ms =
        std::max(kShortestBlockAlarmMs, kBlocksBeforeAlarm * view_.spec.network.block_seconds * 1000);
    if (age_ms > due_ms) {
      alarm(AlarmKind::kNoBlocks, fmt::format("the newest block, {}, is {} s old by this machine's clock",
                                              view_.latest->number, age_ms / 1000));
    }
    if (age_ms < -kClockSlackMs) {
      alarm(AlarmKind::kClockOff, fmt::format("the newest block, {}, is {} s ahead of this machine's clock",
                                              view_.latest->number, -age_ms / 1000));
    }
  }

  void look_at_decisions() {
    const int64_t decided = view_.decided ? view_.decided->record.window : -1;
    const int64_t over = view_.window.value_or(0) - 1;
    if (over - decided > kUndecidedWindows) {
      alarm(AlarmKind::kNobodyLeads,
            fmt::format("windows {} to {} are over and undecided", decided + 1, over));
    }
    const auto is_null = [](const AggregateRecord& record) { return record.accepted.empty(); };
    if (std::ssize(records_) >= kAlarmWindows &&
        std::all_of(records_.begin(), records_.begin() + kAlarmWindows, is_null)) {
      alarm(AlarmKind::kNullRounds, fmt::format("nothing was accepted in windows {} to {}",
                                                records_[kAlarmWindows - 1].window, records_[0].window));
    }
  }

  void look_at_validators() {
    std::map<int64_t, const Heartbeat*> first;  // of each window
    for (const NodeView& seen : view_.nodes) {
      if (seen.node.role != NodeRole::kValidator || seen.node.is_removed || !seen.is_alive) continue;
      const auto beat = std::ranges::find(heartbeats_, seen.node.uid, &Heartbeat::uid);
      const auto [other, is_first] = first.emplace(beat->window, &*beat);
      if (!is_first && other->second->state_root != beat->state_root) {
        alarm(AlarmKind::kApart, fmt::format("uid {} and uid {} name different models for window {}",
                                             other->second->uid, beat->uid, beat->window));
      }
      if (seen.in_sync == false) {
        alarm(AlarmKind::kOutOfSync,
              fmt::format("validator uid {} stands at window {}", seen.node.uid, beat->window));
      }
    }
  }

  // Of who still sends something.
  void look_at_miners() {
    for (const NodeView& seen : view_.nodes) {
      if (seen.node.role != NodeRole::kMiner || !seen.is_alive || seen.node.is_removed) continue;
      int refused = 0;
      for (const AggregateRecord& record : records_) {
        const auto verdict = verdict_in(record, seen.node.uid);
        if (!verdict) continue;
        if (verdict->accepted() || ++refused == kAlarmWindows) break;
      }
      if (refused < kAlarmWindows) continue;
      alarm(AlarmKind::kExcluded, fmt::format("miner uid {}: {} {}", seen.node.uid,
                                              verdict_name(seen.verdict->code), seen.verdict->reason));
    }
  }

  const SignedLedger& ledger_;
  const ObjectReader& stores_;
  NetworkView view_;
  NetworkSpec network_;  // in force in the newest block's window
  std::vector<Registration> roster_;
  std::vector<Heartbeat> heartbeats_;
  std::vector<NodeStart> starts_;
  std::vector<WeightEntry> weights_;      // the leader's
  std::vector<AggregateRecord> records_;  // in force, the newest first
};

}  // namespace

Result<std::optional<Decision>> newest_decision(const LedgerReader& ledger, const std::vector<Term>& chain,
                                                int64_t current_window) {
  int64_t last = current_window;
  for (auto term = chain.rbegin(); term != chain.rend(); ++term) {
    // Windows are decided one after the other: all up to some window, and none behind it.
    std::optional<Decision> newest;
    int64_t begin = term->first_window;
    for (int64_t end = last + 1; begin < end;) {
      const int64_t middle = begin + (end - begin) / 2;
      TRY_ASSIGN(std::optional<Decision> decision, ledger.decision(middle, term->number));
      if (decision) {
        newest = std::move(decision);
        begin = middle + 1;
      } else {
        end = middle;
      }
    }
    if (newest) return newest;
    last = term->first_window - 1;
  }
  return std::nullopt;
}

Result<NetworkView> read_network(const RunSpec& spec, const SignedLedger& ledger, const ObjectReader& stores,
                                 TimestampMs now_ms) {
  return NetworkReading(spec, ledger, stores, now_ms).run();
}

}  // namespace templar
