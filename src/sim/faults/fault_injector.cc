#include "sim/faults/fault_injector.h"

#include <algorithm>
#include <limits>

#include "base/random.h"
#include "core/protocol/object_keys.h"
#include "ports/term_chain.h"

namespace templar {
namespace {

constexpr std::string_view kNetwork = "network";
constexpr uint64_t kAnySize = std::numeric_limits<uint64_t>::max();

// Up to two minutes, which is more than a put window; or an hour, as where somebody set a time zone.
int64_t clock_offset(uint64_t lot) {
  constexpr int64_t kHourMs = 3'600'000;
  if (lot % 4 == 0) return lot % 8 == 0 ? kHourMs : -kHourMs;
  return static_cast<int64_t>(lot % 240'000) - 120'000;
}

}  // namespace

void FaultInjector::schedule(std::function<void()> on_end) {
  for (const PlannedFault& fault : plan_.timeline) events_.at(fault.at_ms, [this, fault] { inject(fault); });
  if (plan_.late_wrong_term) {
    events_.at(plan_.late_wrong_term->at_ms, [this] { begin_late_wrong_term(*plan_.late_wrong_term); });
  }
  events_.at(plan_.calm_from_ms(), [this, on_end = std::move(on_end)] {
    end();
    on_end();
  });
}

void FaultInjector::inject(const PlannedFault& fault) {
  NodeHost& host = *hosts_[fault.node];
  const std::string& name = host.identity().name;
  switch (fault.kind) {
    case FaultKind::kKilled:
    case FaultKind::kPowerCut:
      return kill(host, fault);
    case FaultKind::kLost:
      return lose(host, fault);
    case FaultKind::kPaused:
      log_.inject(fault.kind, name, "for {} ms", fault.for_ms);
      return host.pause(fault.for_ms);
    case FaultKind::kDiskFull:
      return fill_disk(host, fault);
    case FaultKind::kDiskLost:
      if (!host.lives()) return;
      log_.inject(fault.kind, name, "it comes back in {} ms", fault.for_ms);
      host.kill(true, fault.for_ms);
      return host.lose_disk();
    case FaultKind::kCutOff:
    case FaultKind::kLedgerAway:
      return cut_off(host, fault);
    case FaultKind::kRottenObject:
    case FaultKind::kObjectDeleted:
      return damage_object(host, fault);
    case FaultKind::kBucketLost:
      return lose_bucket(host);
    case FaultKind::kClockOff:
    case FaultKind::kNodeClockOff: {
      const bool is_nodes = fault.kind == FaultKind::kNodeClockOff;
      const auto set = is_nodes ? &NodeHost::set_own_clock_offset : &NodeHost::set_store_clock_offset;
      const int64_t offset_ms = clock_offset(fault.lot);
      log_.inject(fault.kind, name, "by {} ms for {} ms", offset_ms, fault.for_ms);
      (host.*set)(offset_ms);
      events_.after(fault.for_ms, [&host, set] { (host.*set)(0); });
      return;
    }
    case FaultKind::kTimeJumped: {
      const int64_t offset_ms = static_cast<int64_t>(fault.lot % 120'000) - 60'000;
      log_.inject(fault.kind, kNetwork, "by {} ms for {} ms", offset_ms, fault.for_ms);
      block_time_.offset_ms = offset_ms;
      events_.after(fault.for_ms, [this] { block_time_.offset_ms = 0; });
      return;
    }
    case FaultKind::kTimekeeperStopped:
      return stop_time(fault);
    case FaultKind::kTermEnded:
      return end_term();
    case FaultKind::kWrongTerm:
      return begin_wrong_term(fault);
    case FaultKind::kNodeRemoved:
      return remove_node(host);
    case FaultKind::kWrongDecision:
      return decide_wrongly(fault);
    case FaultKind::kDecidedAgain:
      return decide_again();
    default:  // faults of calls, which no plan has
      return;
  }
}

void FaultInjector::stop_time(const PlannedFault& fault) {
  block_time_.stopped_until_ms = events_.now_ms() + fault.for_ms;
  const size_t validator = fault.lot / 2 % plan_.validators;
  const bool is_taken_over = fault.lot % 2 == 0 && !removed_.contains(validator);
  if (is_taken_over) block_time_.next_maker = validator;
  log_.inject(
      fault.kind, kNetwork, "for {} ms{}", fault.for_ms,
      is_taken_over ? fmt::format(", then {} makes the blocks", hosts_[validator]->identity().name) : "");
}

void FaultInjector::kill(NodeHost& host, const PlannedFault& fault) {
  if (!host.lives()) return;
  log_.inject(fault.kind, host.identity().name, "while it waits, for {} ms", fault.for_ms);
  host.kill(fault.kind == FaultKind::kPowerCut, fault.for_ms);
}

// One validator must be able to lead, and one miner to train.
bool FaultInjector::spare(const NodeHost& host) {
  const NodeRole role = host.identity().role;
  if (host.is_lost() || removed_.contains(host.identity().index)) return false;
  if (role == NodeRole::kEvaluator) return true;
  if (role == NodeRole::kValidator) return leaders_to_spare_ > 0 && leaders_to_spare_-- > 0;
  return std::ranges::count_if(hosts_, [&](const auto& other) {
           return other->identity().role == role && !other->is_lost() &&
                  !removed_.contains(other->identity().index);
         }) > 1;
}

void FaultInjector::lose(NodeHost& host, const PlannedFault&) {
  if (!spare(host)) return;
  log_.inject(FaultKind::kLost, host.identity().name, "for good");
  host.kill(false, std::nullopt);
}

void FaultInjector::remove_node(NodeHost& host) {
  if (host.identity().role == NodeRole::kEvaluator || !spare(host)) return;
  log_.inject(FaultKind::kNodeRemoved, host.identity().name, "by the owner");
  removed_.insert(host.identity().index);
  if (block_time_.next_maker == host.identity().index) block_time_.next_maker.reset();
  const bool is_validator = host.identity().role == NodeRole::kValidator;
  static_cast<void>(ledger_.owner().set_standing(host.identity().key.public_key(),
                                                 {.is_removed = true, .is_founder = is_validator}));
}

void FaultInjector::end_term() {
  const auto chain = truth_.chain();
  if (!chain || chain->empty() || leaders_to_spare_ == 0) return;
  --leaders_to_spare_;
  log_.inject(FaultKind::kTermEnded, kNetwork, "term {}", chain->back().number);
  static_cast<void>(ledger_.owner().end_term(chain->back().number));
}

std::optional<size_t> FaultInjector::minor_validator(size_t from) const {
  const auto roster = ledger_.reader().registrations();
  if (!roster) return std::nullopt;
  for (size_t i = 0; i < plan_.validators; ++i) {
    const size_t validator = (from + i) % plan_.validators;
    // Who has most of the stake decides what the model is.
    if (!removed_.contains(validator) && 2 * plan_.stakes[validator] < total_stake(*roster)) return validator;
  }
  return std::nullopt;
}

void FaultInjector::begin_wrong_term(const PlannedFault& fault) {
  const std::optional<size_t> validator = minor_validator(fault.node);
  if (!validator || leaders_to_spare_ == 0) return;
  if (write_wrong_term(*validator, fault)) --leaders_to_spare_;
}

// The run has recovered: who leads it begins the next term at once, so there is nobody to spare.
void FaultInjector::begin_late_wrong_term(const PlannedFault& fault) {
  if (const std::optional<size_t> validator = minor_validator(fault.node))
    static_cast<void>(write_wrong_term(*validator, fault));
}

// Somebody has a validator's key, or the validator does not run our code.
bool FaultInjector::write_wrong_term(size_t validator, const PlannedFault& fault) {
  const NodeIdentity& node = hosts_[validator]->identity();
  const auto chain = truth_.chain();
  const auto terms = ledger_.reader().terms();
  if (!chain || chain->empty() || !terms || !truth_.next_window()) return false;
  Term term = chain->back();
  term.previous = term.number;
  term.number = static_cast<int64_t>(terms->size());
  term.first_window = *truth_.next_window();
  term.state_root = blake2b_256(as_bytes(fmt::format("wrong {}", fault.lot)));
  LedgerWriter writer = ledger_.writer(node);
  const auto begun = writer.begin_term(term);
  if (!begun || !*begun) return false;
  log_.inject(FaultKind::kWrongTerm, node.name, "term {} from window {} on", term.number, term.first_window);
  if (fault.lot % 2 == 0) return true;
  static_cast<void>(writer.decide(
      {.term = term.number,
       .record = {
           .window = term.first_window, .outer_step = term.outer_step, .state_root = term.state_root}}));
  return true;
}

// Whoever has most of the stake decides what the model is: not by such a leader. One whose term the owner has
// ended does not lead the next one.
void FaultInjector::decide_wrongly(const PlannedFault& fault) {
  const auto chain = truth_.chain();
  const auto roster = ledger_.reader().registrations();
  const std::optional<int64_t> window = truth_.next_window();
  const std::optional<int64_t> outer_step = truth_.next_outer_step();
  if (!chain || !roster || !window || !outer_step || leaders_to_spare_ == 0) return;
  const Hash256* root = truth_.root_of(*window);
  const Term* term = term_of_window(*chain, *window);
  if (root == nullptr || term == nullptr) return;
  const auto leader = std::ranges::find_if(
      hosts_, [&](const auto& host) { return host->identity().key.public_key() == term->leader; });
  if (leader == hosts_.end()) return;
  const NodeIdentity& node = (*leader)->identity();
  if (removed_.contains(node.index) || 2 * plan_.stakes[node.index] >= total_stake(*roster)) return;
  const bool is_other_model = fault.lot % 2 != 0;
  const Hash256 made_up = blake2b_256(as_bytes(fmt::format("wrong {}", fault.lot)));
  Decision decision{.term = term->number,
                    .record = {.window = *window, .outer_step = *outer_step, .state_root = *root}};
  if (is_other_model) {
    decision.record.state_root = made_up;
  } else {
    decision.record.accepted = {{static_cast<uint32_t>(plan_.validators), made_up, 100}};
  }
  const auto decided = ledger_.writer(node).decide(decision);
  if (!decided || !*decided) return;
  --leaders_to_spare_;
  truth_.disown(*window, term->number);
  log_.inject(fault.kind, node.name, "window {} in term {}{}, for {} ms", *window, term->number,
              is_other_model ? " for another model" : ", with a contribution that nobody has", fault.for_ms);
  events_.after(fault.for_ms, [this, number = term->number, last = *window - 1] {
    log_.tell(kNetwork, "the owner ends term {} after window {}", number, last);
    static_cast<void>(ledger_.owner().end_term(number, last));
  });
}

void FaultInjector::decide_again() {
  if (truth_.settled().empty()) return;
  const auto& [window, settled] = *truth_.settled().rbegin();
  const NodeIdentity& leader = hosts_[settled.leader]->identity();
  Decision other = settled.decision;
  // Of a uid after all others.
  other.record.rejected.push_back(
      {static_cast<uint32_t>(plan_.nodes()), {VerdictCode::kMissing, "a second process has not seen it"}});
  log_.inject(FaultKind::kDecidedAgain, leader.name, "window {}", window);
  static_cast<void>(ledger_.writer(leader).decide(other));
}

void FaultInjector::fill_disk(NodeHost& host, const PlannedFault& fault) {
  if (!host.lives()) return;
  log_.inject(fault.kind, host.identity().name, "for {} ms", fault.for_ms);
  host.set_disk_full(true);
  host.kill(false, 1);
  events_.after(fault.for_ms, [&host] {
    host.set_disk_full(false);
    if (!host.is_lost()) host.kill(false, 1);
  });
}

void FaultInjector::cut_off(NodeHost& host, const PlannedFault& fault) {
  std::vector<std::string> places;
  if (fault.kind == FaultKind::kLedgerAway) {
    places.emplace_back(kLedgerPlace);
  } else {
    // Of others' buckets each with probability one half; in one of four cases its own as well.
    Random random(fault.lot);
    for (const auto& other : hosts_) {
      const bool is_own = other.get() == &host;
      if (random.below(is_own ? 4 : 2) == 0) places.push_back(other->identity().bucket);
    }
  }
  log_.inject(fault.kind, host.identity().name, "from {} for {} ms", fmt::join(places, ", "), fault.for_ms);
  for (const std::string& place : places) host.calls().cut_off(place);
  events_.after(fault.for_ms, [&host, places] {
    for (const std::string& place : places) host.calls().reconnect(place);
  });
}

void FaultInjector::damage_object(NodeHost& host, const PlannedFault& fault) {
  const std::string& bucket = host.identity().bucket;
  const auto objects = store_.list(bucket, "");
  if (!objects || objects->empty()) return;
  Random random(fault.lot);
  const ObjectInfo& object = (*objects)[random.below(objects->size())];
  log_.inject(fault.kind, host.identity().name, "{}/{}", bucket, object.key);
  damaged_.insert(bucket + "/" + object.key);
  if (fault.kind == FaultKind::kObjectDeleted) {
    static_cast<void>(store_.remove(bucket, object.key));
    return;
  }
  auto content = store_.get(bucket, object.key, kAnySize);
  if (!content || content->empty()) return;
  (*content)[random.below(content->size())] ^= static_cast<uint8_t>(1U << random.below(8));
  // It is the same object, only that its bytes are others.
  stamps_.set_offset(object.stored_at_ms - events_.now_ms());
  static_cast<void>(store_.put(bucket, object.key, *content));
}

void FaultInjector::lose_bucket(NodeHost& host) {
  const std::string& bucket = host.identity().bucket;
  const auto objects = store_.list(bucket, "");
  if (!objects) return;
  log_.inject(FaultKind::kBucketLost, host.identity().name, "{} objects", objects->size());
  for (const ObjectInfo& object : *objects) {
    damaged_.insert(bucket + "/" + object.key);
    static_cast<void>(store_.remove(bucket, object.key));
  }
}

void FaultInjector::end() {
  log_.tell(kNetwork, "the faults end");
  block_time_ = {};
  for (const auto& host : hosts_) {
    host->calls().end_chances();
    host->calls().reconnect_all();
    host->set_store_clock_offset(0);
    host->set_own_clock_offset(0);
  }
}

}  // namespace templar
