#include "node/miner/miner.h"

#include <algorithm>
#include <utility>

#include "base/log/log.h"
#include "core/consensus/possession.h"
#include "core/protocol/object_keys.h"
#include "core/protocol/sealed_upload.h"
#include "node/miner/pseudo_gradient_dump.h"
#include "node/window/object_retention.h"
#include "node/window/window_clock.h"
#include "ports/metric_fields.h"

namespace templar {
namespace {

constexpr std::string_view kRole = name_of(NodeRole::kMiner);

// Whose contributions the leader has taken and whose it has not.
void add_gathered(Measurement& measurement, const AggregateRecord& record) {
  std::vector<int64_t> accepted;
  std::vector<int64_t> rejected;
  for (const AcceptedContribution& one : record.accepted) accepted.push_back(one.uid);
  for (const RejectedContribution& one : record.rejected) rejected.push_back(one.uid);
  const size_t all = accepted.size() + rejected.size();
  add_fields(measurement, {{"gather_accepted", static_cast<int64_t>(accepted.size())},
                           {"gather_rejected", static_cast<int64_t>(rejected.size())}});
  if (all > 0) {
    add_fields(measurement, {{"gather_success_rate",
                              100.0 * static_cast<double>(accepted.size()) / static_cast<double>(all)}});
  }
  add_list_field(measurement, "gather_peers", accepted);
  add_list_field(measurement, "skipped_peers", rejected);
}

// Why the leader has refused that miner's contribution, or missed it; empty if it was accepted. nullopt if it
// was not asked for: a reserve peer whose place nobody needed.
std::optional<std::string> refusal_of(const AggregateRecord& record, uint32_t uid) {
  if (std::ranges::find(record.accepted, uid, &AcceptedContribution::uid) != record.accepted.end()) return "";
  const auto rejected = std::ranges::find(record.rejected, uid, &RejectedContribution::uid);
  if (rejected == record.rejected.end()) return std::nullopt;
  const Verdict& verdict = rejected->verdict;
  const std::string word(verdict_name(verdict.code));
  return verdict.reason.empty() ? word : word + ": " + verdict.reason;
}

}  // namespace

Miner::Miner(const NodeEnvironment& environment, ObjectStore& store, Engine& engine, const KeyPair& key,
             const MinerOptions& options)
    : environment_(environment),
      store_(store),
      key_(key),
      options_(options),
      replica_(environment, engine, options.threads),
      catch_up_(environment, replica_, NodeRole::kMiner, key.public_key()),
      own_(environment, replica_, timeline_, options.state_file) {
  if (!options.dump_folder.empty()) dump_what_is_compressed();
}

// A dump that fails is logged, and the window goes on without it.
void Miner::dump_what_is_compressed() {
  own_.trainer().observe = [this](int64_t window, ConstParameterSpans pseudo_gradient,
                                  ConstParameterSpans feedback) {
    const Status dumped = dump_pseudo_gradient(options_.dump_folder, window, self().uid, environment_.layout,
                                               pseudo_gradient, feedback);
    if (dumped) return;
    log(LogLevel::kWarning, kRole, "pseudo-gradient not dumped",
        {{"uid", self().uid}, {"window", window}, {"reason", dumped.error().message}});
  };
}

Result<Progress> Miner::advance() {
  if (auto* joining = std::get_if<Joining>(&stage_)) return come_into_run(*joining);
  if (options_.until_window && replica_.window() >= *options_.until_window) return Progress::kFinished;
  TRY_ASSIGN(const ChainView view, catch_up_.leadership().look(replica_));
  // Only in the window that is going on: in an earlier one the contribution would come too late.
  if (view.latest && window_of_block(environment_.spec.network, view.latest->number) == replica_.window()) {
    if (std::holds_alternative<Untrained>(stage_)) return train();
    if (auto* sealed = std::get_if<Sealed>(&stage_)) return publish(*sealed);
  }
  if (auto* contributed = std::get_if<Contributed>(&stage_); contributed && contributed->awaits_key) {
    const WindowClock clock(environment_.ledger, replica_.spec().network);
    TRY_ASSIGN(const bool is_due, clock.uploads_have_ended(replica_.window()));
    TRY_ASSIGN(const bool is_too_late, clock.is_closed(replica_.window()));
    // A store that is away must not keep the miner from following the run.
    contributed->awaits_key = !is_too_late;
    if (is_due && !is_too_late) return publish_key(*contributed);
  }
  TRY_ASSIGN(const bool is_late, fell_behind(view));
  if (is_late) return leave_run();
  const Stopwatch watch;
  TRY_ASSIGN(const WindowDecision outcome, catch_up_.decide(view));
  if (const auto* awaited = std::get_if<Awaited>(&outcome)) return awaited->what;
  if (catch_up_.take_over(outcome)) return leave_run();
  timeline_.add("gather", watch);
  return apply(std::get<DecidedWindow>(outcome));
}

// If the next window is decided too, the miner is late: reading ahead leads faster to the present.
Result<bool> Miner::fell_behind(const ChainView& view) const {
  const int64_t next = replica_.window() + 1;
  const Term* term = view.term_of(next);
  if (term == nullptr) return false;
  TRY_ASSIGN(const auto decision, environment_.ledger.decision(next, term->number));
  return decision.has_value();
}

Result<Progress> Miner::leave_run() {
  own_.leave_run(first_untrained_window());
  stage_ = Joining{};
  return Progress::kWorked;
}

Result<Progress> Miner::come_into_run(Joining& joining) {
  const Stopwatch watch;
  TRY_ASSIGN(const CatchUpState state, catch_up_.advance(options_.until_window));
  if (state == CatchUpState::kWorking) timeline_.add("catch_up", watch);
  if (state == CatchUpState::kWorking) return Progress::kWorked;
  if (state != CatchUpState::kInSync) return Progress::kAwaitsObject;
  // Where the own state was lost: an upload's key is due even if its window is over.
  TRY_ASSIGN(const auto published, store_.head(self().bucket, contribution_key(replica_.window())));
  joining.report.add(catch_up_.report());
  const CatchUpReport report = joining.report;
  TRY_ASSIGN(OwnState::Standing standing, own_.settle(report, self(), store_));
  if (standing.unpublished) {
    stage_ = Sealed{*std::move(standing.unpublished), std::nullopt};
  } else if (standing.has_contributed) {
    stage_ = contributed();
  } else if (published) {
    own_.trainer().forget_feedback();  // see train()
    stage_ = contributed();
  } else {
    stage_ = Untrained{};
  }
  drop_contributions_before(replica_.window() - replica_.spec().network.contribution_retention_windows);
  log(LogLevel::kInfo, kRole, "in sync",
      {{"uid", self().uid},
       {"window", replica_.window()},
       {"checkpoint_window", report.checkpoint_window.value_or(-1)},
       {"replayed_windows", report.replayed_windows},
       {"state_root", replica_.state_root().brief()}});
  return Progress::kWorked;
}

Result<Progress> Miner::train() {
  const WindowPlan plan = replica_.plan();
  // A contribution is written once. Where the own state was lost there may be one that a record already
  // names, and a second one would have another hash.
  TRY_ASSIGN(const auto published, store_.head(self().bucket, contribution_key(plan.window)));
  if (published) {
    own_.trainer().forget_feedback();  // of before that contribution: it still holds what was sent with it
    stage_ = contributed();
    return Progress::kWorked;
  }
  TRY_ASSIGN(std::optional<Sealed> sealed, make_contribution(plan));
  if (sealed) {
    stage_ = *std::move(sealed);
  } else {
    stage_ = Contributed{};  // given up: the window goes on without this miner
  }
  // Before others can see the contribution: whoever is killed from here on goes on with the feedback and the
  // moments that belong to it, and the run becomes what it would have become.
  save_where_it_stands();
  return Progress::kWorked;
}

// Training twice for one window would enter it twice into the feedback: if the store was away, or the process
// ended between training and publishing, only the put is made up for.
Result<Progress> Miner::publish(Sealed& sealed) {
  const auto phase = timeline_.phase("publish");
  const Unpublished& contribution = sealed.contribution;
  // Another process with this key may have been faster: then its contribution is the one that counts.
  const std::string key = contribution_key(contribution.window);
  const TimestampMs began_ms = catch_up_.leadership().clocks().now_ms();
  TRY_ASSIGN(const bool is_ours, store_.put_if(self().bucket, key, contribution.bytes, {}));
  if (is_ours) catch_up_.leadership().see_put(key, began_ms);
  if (!is_ours) own_.trainer().forget_feedback();
  stage_ = contributed(std::move(sealed.trained));
  return Progress::kWorked;
}

Miner::Contributed Miner::contributed(std::optional<Trained> trained) const {
  return {.trained = std::move(trained), .awaits_key = environment_.spec.network.sealed_uploads};
}

// Of another run, window or miner nothing is told, whoever has put that there.
Result<UploadHeader> Miner::own_upload_header(ByteView upload) {
  TRY_ASSIGN(const UploadHeader header, parse_upload_header(upload));
  const ExpectedContribution own{.run_id = environment_.run_id,
                                 .window = replica_.window(),
                                 .uid = self().uid,
                                 .public_key = key_.public_key(),
                                 .samples = std::nullopt,
                                 .content_hash = std::nullopt};
  if (const Verdict verdict = check_upload(header, own); !verdict.accepted())
    return skip_error(verdict.reason);
  return header;
}

// The key follows from the header of the upload that is stored, whoever of us has stored it: after a restart,
// or where another process with this key was faster, there is nothing to remember.
Result<Progress> Miner::publish_key(Contributed& contributed) {
  const auto phase = timeline_.phase("publish");
  const int64_t window = replica_.window();
  const auto first = store_.get_range(self().bucket, contribution_key(window), {0, kUploadHeaderBytes});
  if (!first && first.error().kind == ErrorKind::kRetry) return std::unexpected(first.error());
  const auto header = first ? own_upload_header(*first) : std::unexpected(first.error());
  if (header) {
    const CipherKey key = upload_key(key_, header->run_id, header->window, header->content_hash);
    // Once: a key that is stored again has a later time.
    TRY(store_.put_if(self().bucket, upload_key_key(window), key.bytes, {}));
  } else {
    log(LogLevel::kWarning, kRole, "no upload to publish the key of",
        {{"uid", self().uid}, {"window", window}, {"reason", header.error().message}});
  }
  contributed.awaits_key = false;
  return Progress::kWorked;
}

Result<std::optional<Miner::Sealed>> Miner::make_contribution(const WindowPlan& plan) {
  const auto phase = timeline_.phase("train");
  const Stopwatch watch;
  const WindowClock clock(environment_.ledger, environment_.spec.network);
  TRY_ASSIGN(const Hash256 block_hash, clock.block_hash(plan.window));
  TRY_ASSIGN(const Shard shard, open_active_shard(environment_, plan));
  const SampleAssignment assignment = assigned_samples(environment_, plan, shard, self().uid);
  auto trained = own_.trainer().train(replica_, assignment, shard);
  if (!trained && trained.error().kind == ErrorKind::kSkip) {
    log(LogLevel::kWarning, kRole, "window skipped",
        {{"uid", self().uid}, {"window", plan.window}, {"reason", trained.error().message}});
    return std::nullopt;
  }
  if (!trained) return std::unexpected(trained.error());
  TRY_ASSIGN(const ConstParameterSpans parameters, replica_.parameters());
  const ContributionHeader header{
      .run_id = environment_.run_id,
      .window = plan.window,
      .uid = self().uid,
      .public_key = key_.public_key(),
      .state_root = replica_.state_root(),
      .possession_proof = prove_possession(parameters, block_hash, self().uid, plan.window),
      .samples = receipt_of(assignment, shard),
      .inner_steps = static_cast<uint32_t>(trained->inner.losses.size())};
  Bytes bytes = seal_contribution(header, trained->blocks, environment_.layout, replica_.spec().codec, key_);
  const auto size_bytes = static_cast<int64_t>(bytes.size());
  if (environment_.spec.network.sealed_uploads) bytes = seal_upload(header, bytes, key_);
  return Sealed{
      .contribution = {.window = plan.window, .bytes = std::move(bytes)},
      .trained = Trained{
          .inner = std::move(trained->inner), .seconds = watch.seconds(), .contribution_bytes = size_bytes}};
}

Result<Progress> Miner::apply(const DecidedWindow& decided) {
  const int64_t retention_before = replica_.spec().network.contribution_retention_windows;
  {
    const auto phase = timeline_.phase("apply");
    if (decided.accepted.empty()) {
      // In a null round what was sent had no effect, but the feedback was made as if it had.
      own_.trainer().forget_feedback();
      save_where_it_stands();
    }
    TRY(replica_.close_window(decided.accepted));
  }
  const auto* contributed = std::get_if<Contributed>(&stage_);
  const auto trained = contributed != nullptr ? contributed->trained : std::nullopt;
  stage_ = Untrained{};
  Alarms& alarms = catch_up_.leadership().alarms();
  alarms.close_window(decided.window(), decided.accepted.empty());
  const auto refusal = refusal_of(decided.record(), self().uid);
  if (trained && refusal) alarms.judge_own(decided.window(), *refusal);
  report(decided, trained);
  drop_expired_contributions(retention_before);
  return Progress::kWorked;
}

void Miner::drop_expired_contributions(int64_t retention_before) {
  const int64_t retention = replica_.spec().network.contribution_retention_windows;
  // An amendment may leave more of them too old at once.
  if (retention < retention_before) return drop_contributions_before(replica_.window() - retention);
  // Else with every window one contribution becomes too old, so nothing needs to be listed.
  const int64_t expired = replica_.window() - retention - 1;
  const Status dropped = expired >= 0 ? drop_contribution(expired) : Status();
  if (!dropped) {
    log(LogLevel::kWarning, kRole, "old contribution not removed",
        {{"uid", self().uid}, {"window", expired}, {"reason", dropped.error().message}});
  }
}

Status Miner::drop_contribution(int64_t window) {
  TRY(store_.remove(self().bucket, contribution_key(window)));
  return replica_.spec().network.sealed_uploads ? store_.remove(self().bucket, upload_key_key(window))
                                                : Status();
}

int64_t Miner::first_untrained_window() const {
  return replica_.window() + (std::holds_alternative<Untrained>(stage_) ? 0 : 1);
}

const Unpublished* Miner::unpublished() const {
  const auto* sealed = std::get_if<Sealed>(&stage_);
  return sealed != nullptr ? &sealed->contribution : nullptr;
}

Status Miner::save() {
  if (std::holds_alternative<Joining>(stage_)) return {};
  return own_.save(first_untrained_window(), unpublished(), Durability::kPowerCut);
}

void Miner::save_where_it_stands() {
  own_.save_where_it_stands(first_untrained_window(), unpublished(), self().uid);
}

// A catch-up passes over windows without dropping a contribution after each. A failure leaves old objects
// behind and nothing else.
void Miner::drop_contributions_before(int64_t window) {
  Status dropped = remove_older_than(store_, self().bucket, kContributionPrefix, window);
  if (dropped && environment_.spec.network.sealed_uploads)
    dropped = remove_older_than(store_, self().bucket, kUploadKeyPrefix, window);
  if (dropped) return;
  log(LogLevel::kWarning, kRole, "old contributions stay",
      {{"uid", self().uid}, {"reason", dropped.error().message}});
}

void Miner::report(const DecidedWindow& decided, const std::optional<Trained>& trained) {
  const NodeName name = catch_up_.leadership().name();
  Measurement measurement = node_measurement("training_step_v2", name, environment_,
                                             {{"window", decided.window()},
                                              {"global_step", replica_.outer_step()},
                                              {"state_root", replica_.state_root().hex()}});
  add_gathered(measurement, decided.record());
  if (trained) {
    const InnerReport& inner = trained->inner;
    add_fields(measurement,
               {{"loss", mean_of(inner.losses)},
                {"inner_steps", static_cast<int64_t>(inner.losses.size())},
                {"learning_rate", inner.learning_rate_last},
                {"gradient_norm", inner.gradient_norm_mean},
                {"tokens", inner.tokens},
                {"train_seconds", trained->seconds},
                {"tokens_per_sec", static_cast<double>(inner.tokens) / std::max(trained->seconds, 1e-9)},
                {"contribution_bytes", trained->contribution_bytes}});
  }
  environment_.metrics.write(std::move(measurement));
  timeline_.report(name, decided.window(), environment_);
}

}  // namespace templar
