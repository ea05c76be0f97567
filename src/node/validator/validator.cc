#include "node/validator/validator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log/log.h"
#include "core/protocol/object_keys.h"
#include "node/catch_up/first_model.h"
#include "node/validator/judgement_report.h"
#include "node/window/window_clock.h"

namespace templar {

Validator::Validator(const NodeEnvironment& environment, ObjectStore& store, LedgerWriter& ledger,
                     Engine& engine, const KeyPair& key, const ValidatorOptions& options)
    : environment_(environment),
      options_(options),
      start_copy_(environment.layout),
      replica_(environment, engine, options.threads),
      catch_up_(environment, replica_, NodeRole::kValidator, key.public_key()),
      office_(environment, store, ledger, key, options.software),
      judge_(environment, store, ledger, start_copy_, key),
      checkpoints_(environment.spec, store, key, replica_, start_copy_, timeline_,
                   {.until_window = options.until_window,
                    .in_background = options.background_checkpoints,
                    .publisher = {.threads = options.threads,
                                  .in_background = options.background_checkpoints,
                                  .shard_bytes = options.checkpoint_shard_bytes,
                                  .retention = options.retention,
                                  .tokenizer = options.tokenizer}}) {
  catch_up_.keep = [this](const DecidedWindow& decided) { return office_.keep_copies(self(), decided); };
}

Result<Progress> Validator::advance() {
  if (std::holds_alternative<Joining>(stage_)) return come_into_run();
  // Before all else, also before the end: the checkpoint of the last window is published before this is
  // finished.
  TRY_ASSIGN(const bool waited_for_checkpoint, checkpoints_.advance(self()));
  if (waited_for_checkpoint) return Progress::kWorked;
  // Following a decision and judging its window are two calls: what others may need is not kept waiting.
  if (auto* decided = std::get_if<Decided>(&stage_)) return finish_window(*decided);
  auto& undecided = std::get<Undecided>(stage_);
  TRY_ASSIGN(const ChainView view, catch_up_.leadership().look(replica_));
  TRY(office_.beat({view, self(), replica_}));
  if (options_.until_window && replica_.window() >= *options_.until_window) return Progress::kFinished;
  const Stopwatch watch;
  TRY_ASSIGN(WindowDecision outcome, ask_for_decision(view, undecided));
  if (const auto* awaited = std::get_if<Awaited>(&outcome)) {
    return awaited->what == Progress::kAwaitsBlock ? download_early(view, undecided)
                                                   : lead_or_wait(view, undecided);
  }
  if (catch_up_.take_over(outcome)) {
    stage_ = Joining{};
    return Progress::kWorked;
  }
  timeline_.add("gather", watch);
  return follow(std::get<DecidedWindow>(std::move(outcome)));
}

Result<Progress> Validator::come_into_run() {
  const Stopwatch watch;
  TRY_ASSIGN(const ChainView view, catch_up_.leadership().look(replica_));
  TRY(judge_.load(self()));
  TRY(check_that_nothing_fell(view));
  catch_up_.leadership().alarms().settle(AlarmKind::kFalls);
  // The replay ends at the first window that has not been judged: windows before it are in the scoreboard,
  // and one that was decided but not judged before a restart is judged now.
  TRY_ASSIGN(const CatchUpState state, catch_up_.advance(judge_.next_window()));
  if (state == CatchUpState::kWorking) {
    timeline_.add("catch_up", watch);
    return Progress::kWorked;
  }
  if (state == CatchUpState::kNoCheckpoint && self().is_founder && view.terms.empty()) {
    TRY_ASSIGN(const bool begun, begin_run());
    return begun ? Progress::kWorked : Progress::kAwaitsObject;
  }
  if (state != CatchUpState::kInSync) return Progress::kAwaitsObject;
  const CatchUpReport& report = catch_up_.report();
  if (report.checkpoint_window) checkpoints_.came_from(*report.checkpoint_window);
  // A replay asks about none of the windows it passes: only the one that it ended at may be due. The one that
  // the model was loaded from has its checkpoint already; whoever has founded the run makes the first.
  if (report.from_first_model && self().is_founder && report.replayed_windows == 0) {
    checkpoints_.enter_new_run();
  } else if (report.moved() && report.checkpoint_window != replica_.window()) {
    checkpoints_.enter_window();
  }
  // What may fail comes last: a repetition's report is another.
  TRY(judge_.come_into_run(view, self(), replica_));
  stage_ = Undecided{};
  log(LogLevel::kInfo, "validator", "in sync",
      {{"uid", self().uid}, {"window", replica_.window()}, {"state_root", replica_.state_root().brief()}});
  return Progress::kWorked;
}

// Only here a run begins. Who is killed behind it, or not told that it is done, goes on like everybody else:
// from the first model of the term that is on the ledger.
Result<bool> Validator::begin_run() {
  const WindowClock clock(environment_.ledger, environment_.spec.network);
  TRY_ASSIGN(const std::optional<int64_t> current, clock.current_window());
  if (!current) return false;
  TRY(begin_first_model(environment_, replica_, *current));
  const auto begun = office_.begin_run(replica_);
  replica_.discard();
  TRY(begun);
  if (*begun) {
    log(LogLevel::kInfo, "validator", "leads a new run", {{"uid", self().uid}, {"start_window", *current}});
  }
  return true;
}

// What this validator has judged was decided. A ledger that knows nothing of it, nor of what came after it,
// is not the one that it was.
Status Validator::check_that_nothing_fell(const ChainView& view) {
  const std::optional<int64_t> judged = judge_.judged_window();
  if (!judged) return {};
  for (const Term& term : view.terms) {
    if (term.first_window > *judged) return {};
    for (const int64_t window : {*judged, *judged + 1}) {
      TRY_ASSIGN(const auto decision, environment_.ledger.decision(window, term.number));
      if (decision) return {};
    }
  }
  const std::string reason = fmt::format(
      "bucket {} has a scoreboard up to window {}, and no term has decided that window: a run "
      "that has begun is not begun again",
      self().bucket, *judged);
  catch_up_.leadership().alarms().raise({AlarmKind::kFalls, *judged, reason});
  return fatal_error("validator: " + reason);
}

Result<WindowDecision> Validator::ask_for_decision(const ChainView& view, Undecided& undecided) {
  const OfficeCall call{view, self(), replica_};
  return catch_up_.decide(
      view, {.at_hand = [&](const AggregateRecord& record) -> Result<std::vector<Contribution>> {
        // After a restart it has nothing at hand of what it decided before.
        if (office_.leads(call))
          return undecided.made ? undecided.made->contributions : std::vector<Contribution>();
        return compare_with_own_gather(environment_, call, record, undecided.uploads);
      }});
}

// Sealed uploads come while their keys are published: then the gather has little left to wait for. There is
// nothing to win with a store on this machine.
Result<Progress> Validator::download_early(const ChainView& view, Undecided& undecided) {
  const bool is_far = environment_.store.useful_calls_at_once() > 1;
  if (!environment_.spec.network.sealed_uploads || !is_far || undecided.uploads)
    return Progress::kAwaitsBlock;
  const int64_t window = replica_.window();
  const WindowClock clock(environment_.ledger, replica_.spec().network);
  TRY_ASSIGN(const bool have_ended, clock.uploads_have_ended(window));
  if (!have_ended) return Progress::kAwaitsBlock;
  TRY_ASSIGN(const std::optional<PutWindow> times, clock.put_window_of(window));
  const PeerSelection peers = judge_.peers_in(window);
  const auto phase = timeline_.phase("gather");
  undecided.uploads =
      download_uploads(environment_, replica_.spec(), window, *times, view.roster, peers.gather);
  return Progress::kWorked;
}

Result<Progress> Validator::lead_or_wait(const ChainView& view, Undecided& undecided) {
  const int64_t window = replica_.window();
  const OfficeCall call{view, self(), replica_};
  if (office_.leads(call)) {
    const Office::Lead lead{
        .peers = judge_.peers_in(window), .could_train = undecided.could_train, .uploads = undecided.uploads};
    TRY_ASSIGN(const bool decided, office_.decide(call, lead, timeline_, undecided.made));
    return decided ? Progress::kWorked : Progress::kAwaitsObject;
  }
  const WindowClock clock(environment_.ledger, replica_.spec().network);
  TRY_ASSIGN(const int64_t newest_closed, clock.newest_closed_window());
  TRY_ASSIGN(const bool taken_over, office_.take_over(call, newest_closed));
  return taken_over ? Progress::kWorked : Progress::kAwaitsEntry;
}

Result<Progress> Validator::follow(DecidedWindow decided) {
  TRY(office_.keep_copies(self(), decided));
  const WindowClock clock(environment_.ledger, environment_.spec.network);
  TRY_ASSIGN(const std::optional<int64_t> current, clock.current_window());
  // Miners train in the window that is going on.
  const bool next_could_train = current.value_or(0) <= replica_.window() + 1;
  stage_ = Decided{std::move(decided), next_could_train};
  return Progress::kWorked;
}

Result<Progress> Validator::finish_window(Decided& decided) {
  const int64_t window = replica_.window();
  const TimestampMs began_ms = catch_up_.leadership().clocks().now_ms();
  TRY_ASSIGN(const auto judged, judge_.judge(decided.window, self(), replica_, timeline_));
  if (judged) catch_up_.leadership().see_put(kValidatorStateKey, began_ms);  // which was put last
  // The scoreboard has this window now: if the outer step fails after all, it is made later without judging
  // again.
  {
    const auto phase = timeline_.phase("apply");
    TRY(replica_.close_window(decided.window.accepted));
  }
  catch_up_.leadership().alarms().close_window(window, decided.window.accepted.empty());
  stage_ = Undecided{.could_train = decided.next_could_train};
  checkpoints_.enter_window();
  if (checkpoints_.due()) drop_old_copies();
  if (!judged) return Progress::kWorked;
  report_judgement(environment_, self().uid, {judged->evidence, judged->result, replica_, judged->seconds});
  timeline_.report({name_of(NodeRole::kValidator), self().uid}, window, environment_);
  return Progress::kWorked;
}

// Copies stay as long as miners have to keep their contributions, and longer if the newest checkpoint is
// older than that: a node that comes into the run from it needs all windows since.
void Validator::drop_old_copies() {
  if (!checkpoints_.newest_window()) return;
  const NetworkSpec& network = replica_.spec().network;
  const int64_t retained_from = replica_.window() - network.contribution_retention_windows;
  office_.drop_copies(self(), std::min(retained_from, *checkpoints_.newest_window()));
}

}  // namespace templar
