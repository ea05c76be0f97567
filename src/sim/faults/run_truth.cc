#include "sim/faults/run_truth.h"

#include <algorithm>
#include <limits>
#include <ranges>

#include "base/check.h"
#include "core/consensus/outer_step.h"
#include "core/consensus/state_root.h"
#include "core/protocol/object_keys.h"
#include "core/protocol/sealed_upload.h"
#include "node/window/window_clock.h"
#include "ports/term_chain.h"

namespace templar {
namespace {

constexpr uint64_t kAnySize = std::numeric_limits<uint64_t>::max();

// Of a validator's objects, and of a decision, so long at least.
constexpr int64_t kCheckedWindows = 5;

}  // namespace

RunTruth::RunTruth(const FaultPlan& plan, const std::vector<NodeIdentity>& nodes,
                   const SimulatedLedger& ledger, const ObjectStore& store,
                   const std::set<std::string>& damaged)
    : plan_(plan),
      nodes_(nodes),
      ledger_(ledger),
      store_(store),
      damaged_(damaged),
      layout_(parameter_layout(plan.spec.model)),
      model_(layout_) {}

const Hash256* RunTruth::root_of(int64_t window) const {
  const auto found = roots_.find(window);
  return found == roots_.end() ? nullptr : &found->second;
}

std::optional<size_t> RunTruth::node_of(const PublicKey& key) const {
  for (const NodeIdentity& node : nodes_) {
    if (node.key.public_key() == key) return node.index;
  }
  return std::nullopt;
}

bool RunTruth::is_damaged(size_t node, const std::string& key) const {
  return damaged_.contains(nodes_[node].bucket + "/" + key);
}

// With those refused that begin with another model than the decisions before them lead to.
Result<std::vector<Term>> RunTruth::chain() const {
  TRY_ASSIGN(const std::vector<Term> terms, ledger_.reader().terms());
  TRY_ASSIGN(const std::vector<Heartbeat> heartbeats, ledger_.reader().heartbeats());
  TRY_ASSIGN(const std::vector<Registration> roster, ledger_.reader().registrations());
  std::set<int64_t> refused;
  for (const Term& term : terms) {
    const Hash256* root = root_of(term.first_window);
    if (root != nullptr && *root != term.state_root) refused.insert(term.number);
  }
  return chain_in_force(terms, heartbeats, roster, refused);
}

Status RunTruth::begin() {
  TRY_ASSIGN(const std::vector<Term> terms, ledger_.reader().terms());
  if (terms.empty()) return {};
  initialise_parameters(layout_, plan_.spec.model, plan_.spec.seed, model_.spans());
  const Hash256 root = compute_state_root(layout_, std::as_const(model_).spans(), team_);
  if (terms.front().state_root != root)
    return fatal_error("the run was begun with another model than the first one");
  knows_model_ = true;
  next_window_ = terms.front().first_window;
  roots_.emplace(*next_window_, root);
  return {};
}

Status RunTruth::follow() {
  if (!next_window_) TRY(begin());
  while (next_window_) {
    TRY_ASSIGN(const bool followed, follow_next());
    if (!followed) break;
  }
  return {};
}

Result<bool> RunTruth::follow_next() {
  const int64_t window = *next_window_;
  TRY_ASSIGN(const std::vector<Term> terms, chain());
  const Term* term = term_of_window(terms, window);
  if (term == nullptr) return false;
  TRY_ASSIGN(const std::optional<Decision> decision, ledger_.reader().decision(window, term->number));
  if (!decision || disowned_.contains({window, term->number})) return false;
  TRY_ASSIGN(const bool is_closed, WindowClock(ledger_.reader(), plan_.spec.network).is_closed(window));
  if (!is_closed)
    return fatal_error(fmt::format("window {} is decided before its put window is over", window));
  const Hash256* root = root_of(window);
  if (root != nullptr && *root != decision->record.state_root) {
    return fatal_error(fmt::format("window {} is decided in term {} for a model {}, all before leads to {}",
                                   window, term->number, decision->record.state_root.brief(), root->brief()));
  }
  roots_.emplace(window, decision->record.state_root);
  const std::optional<size_t> leader = node_of(term->leader);
  if (!leader) return fatal_error(fmt::format("term {} is led by nobody", term->number));
  SettledWindow settled{.decision = *decision, .leader = *leader};
  TRY(apply(settled));
  settled_.emplace(window, std::move(settled));
  ++*next_window_;
  return true;
}

Result<bool> RunTruth::uploads_have_ended(int64_t window) const {
  return WindowClock(ledger_.reader(), plan_.spec.network).uploads_have_ended(window);
}

std::optional<int64_t> RunTruth::next_outer_step() const {
  if (!next_window_) return std::nullopt;
  if (settled_.empty()) return 0;
  const AggregateRecord& last = settled_.rbegin()->second.decision.record;
  return last.outer_step + (last.accepted.empty() ? 0 : 1);
}

std::vector<std::pair<size_t, std::string>> RunTruth::places_of(int64_t window,
                                                                const AcceptedContribution& accepted) const {
  std::vector<std::pair<size_t, std::string>> places;
  for (size_t i = 0; i < plan_.validators; ++i)
    places.emplace_back(i, accepted_contribution_key(window, accepted.uid));
  places.emplace_back(accepted.uid, contribution_key(window));
  return places;
}

// What lies there; of a miner's sealed upload what its key opens.
Result<Bytes> RunTruth::read_contribution(int64_t window, size_t node, const std::string& key) const {
  const std::string& bucket = nodes_[node].bucket;
  TRY_ASSIGN(Bytes stored, store_.get(bucket, key, kAnySize));
  if (!plan_.spec.network.sealed_uploads || !key.starts_with(kContributionPrefix)) return stored;
  TRY_ASSIGN(const Bytes published, store_.get(bucket, upload_key_key(window), kUploadKeyBytes));
  CipherKey upload_key;
  if (published.size() != kUploadKeyBytes) return skip_error("no upload key");
  std::ranges::copy(published, upload_key.bytes.begin());
  return open_whole_upload(stored, upload_key);
}

// By their bytes: signatures were checked when the window was followed.
Status RunTruth::check_contributions_kept(int64_t window, const SettledWindow& settled) const {
  for (size_t i = 0; i < settled.contributions.size(); ++i) {
    const AcceptedContribution& accepted = settled.decision.record.accepted[i];
    const auto places = places_of(window, accepted);
    const bool is_there = std::ranges::any_of(places, [&](const auto& place) {
      const auto bytes = read_contribution(window, place.first, place.second);
      return bytes && blake2b_256(*bytes) == settled.contributions[i];
    });
    if (is_there || is_damaged(settled.leader, accepted_contribution_key(window, accepted.uid))) continue;
    return fatal_error(
        fmt::format("window {}: nobody has the contribution of {} any more", window, accepted.uid));
  }
  return {};
}

Result<std::optional<Contribution>> RunTruth::find_contribution(int64_t window,
                                                                const AcceptedContribution& accepted,
                                                                size_t leader) const {
  for (const auto& [node, key] : places_of(window, accepted)) {
    auto bytes = read_contribution(window, node, key);
    if (!bytes) continue;
    auto contribution = parse_contribution(*std::move(bytes), layout_, plan_.spec.codec);
    if (contribution && contribution->content_hash() == accepted.content_hash)
      return *std::move(contribution);
  }
  if (is_damaged(leader, accepted_contribution_key(window, accepted.uid))) return std::nullopt;
  return fatal_error(fmt::format("window {}: nobody has the contribution of {} that the record names", window,
                                 accepted.uid));
}

Status RunTruth::apply(SettledWindow& settled) {
  const AggregateRecord& record = settled.decision.record;
  const int64_t window = record.window;
  std::vector<Contribution> contributions;
  bool complete = true;
  for (const AcceptedContribution& accepted : record.accepted) {
    TRY_ASSIGN(std::optional<Contribution> found, find_contribution(window, accepted, settled.leader));
    if (!found) complete = false;
    if (!found) continue;
    const ContributionHeader& header = found->header();
    if (header.window != window || header.uid != accepted.uid ||
        header.public_key != nodes_[accepted.uid].key.public_key() || header.state_root != record.state_root)
      return fatal_error(fmt::format("window {}: what is accepted of {} is of window {}, uid {}, model {}",
                                     window, accepted.uid, header.window, header.uid,
                                     header.state_root.brief()));
    const auto [before, is_new] = counted_.emplace(accepted.content_hash, window);
    if (!is_new) {
      return fatal_error(fmt::format("windows {} and {} both count the same contribution of {}",
                                     before->second, window, accepted.uid));
    }
    // Its miner's bucket may be gone at any moment.
    const std::string copy = accepted_contribution_key(window, accepted.uid);
    const auto there = store_.head(nodes_[settled.leader].bucket, copy);
    if (there && !*there && !is_damaged(settled.leader, copy)) {
      return fatal_error(
          fmt::format("window {}: its leader has no copy of the contribution of {}, and has decided", window,
                      accepted.uid));
    }
    contributions.push_back(*std::move(found));
  }
  if (complete) {
    for (const Contribution& one : contributions) settled.contributions.push_back(blake2b_256(one.bytes()));
  }
  knows_model_ = knows_model_ && complete;
  if (!knows_model_) return {};
  if (!contributions.empty()) {
    apply_outer_step(model_.spans(), layout_, plan_.spec, as_list(contributions),
                     plan_.spec.outer.learning_rate, team_);
  }
  roots_.emplace(window + 1, compute_state_root(layout_, std::as_const(model_).spans(), team_));
  return {};
}

std::optional<int64_t> RunTruth::impassable_window() const {
  // Where there is none, the way leads from the first model through all windows.
  const int64_t checkpoint = newest_whole_checkpoint();
  for (const auto& [window, settled] : std::views::reverse(settled_)) {
    if (window < checkpoint) return std::nullopt;
    if (!can_be_passed(settled)) return window;
  }
  return std::nullopt;
}

bool RunTruth::can_be_passed(const SettledWindow& settled) const {
  const AggregateRecord& record = settled.decision.record;
  return std::ranges::all_of(record.accepted, [&](const AcceptedContribution& accepted) {
    const auto found = find_contribution(record.window, accepted, settled.leader);
    return found && *found;
  });
}

// By its files, as far as faults have not touched them; -1: none.
int64_t RunTruth::newest_whole_checkpoint() const {
  int64_t newest = -1;
  for (size_t i = 0; i < plan_.validators; ++i) {
    const auto objects = store_.list(nodes_[i].bucket, kCheckpointsPrefix);
    if (!objects) continue;
    for (const ObjectInfo& object : *objects) {
      const auto window = window_in_key(kCheckpointsPrefix, object.key);
      if (!window || !object.key.ends_with("manifest.json")) continue;
      // Only a decision says for everybody that its model is right.
      if (!next_window_ || *window >= *next_window_) continue;
      const std::string prefix = nodes_[i].bucket + "/" + checkpoint_prefix(*window);
      const auto touched = damaged_.lower_bound(prefix);
      if (touched == damaged_.end() || !touched->starts_with(prefix)) newest = std::max(newest, *window);
    }
  }
  return newest;
}

void RunTruth::take_model(int64_t window, const Hash256& root, ConstParameterSpans parameters) {
  if (knows_model_ || next_window_ != window) return;
  model_.copy_from(parameters);
  roots_.emplace(window, root);
  knows_model_ = true;
}

Status RunTruth::check_kept() const {
  TRY_ASSIGN(const std::vector<Term> terms, chain());
  const SignedLedger newcomer = ledger_.newcomer();
  int64_t checked = 0;
  for (const auto& [window, settled] : std::views::reverse(settled_)) {
    if (++checked > kCheckedWindows) break;
    const Term* term = term_of_window(terms, window);
    if (term == nullptr || term->number != settled.decision.term) {
      return fatal_error(fmt::format("window {} was decided in term {}, which now counts no more", window,
                                     settled.decision.term));
    }
    TRY_ASSIGN(const std::optional<Decision> decision, newcomer.decision(window, term->number));
    if (decision != settled.decision)
      return fatal_error(fmt::format("the decision of window {} has changed", window));
    TRY(check_contributions_kept(window, settled));
  }
  return {};
}

}  // namespace templar
