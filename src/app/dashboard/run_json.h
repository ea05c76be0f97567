// The dashboard's answers: what is known of a run as JSON in columns, so that ten thousand windows are one
// small answer.
//
// Numbers have six significant digits, losses four decimals; one that was not reported is null. Windows, uids
// and counts are exact.
#pragma once

#include <cstdint>
#include <string>

#include "app/run/run_follower.h"

namespace templar {

// Windows whose details (state roots, verdicts, timelines) come with the news; older ones are asked for.
[[nodiscard]] int64_t detailed_windows(const RunKnowledge& run);

// The spec's essentials: {"run_id","folder","name","algorithm","parameters",...}; what is unknown is null.
[[nodiscard]] std::string run_json(const RunKnowledge& run, const std::string& folder);

// Everything whose revision is above since, and what is so small that it always comes:
//   revision, life      together the cursor
//   state               "running", "stopped", "finished"; newest_ms; windows_wanted; reading {done,total}
//   phases, nodes       the names that numbers elsewhere stand for
//   windows             {window[], loss[], loss_low[], loss_high[], tokens[], bytes[], time_step_ms[],
//                       accepted[], rejected[], baseline_loss[], differ[]}; time_step_ms: since the time of
//                       the row before (of the first one: since the epoch); differ: null or numbers of nodes
//   curves              {name: {window[], value[], error[]}}
//   miners              [[uid, window, mu, sigma, ordinal, binary_average, gradient_score, sync_score,
//                       final_score, weight, loss, bytes, verdict, reason]]: each miner's newest, if any has
//                       changed
//   details             see details_json
//   system              [[node, time_ms, process_cpu, process_memory, machine_cpu, machine_memory, gpu]]
//   alarms              [{kind, title, reason, advice, nodes[], window, time_ms}]: all that stand, always;
//                       window and time_ms: since when; title and advice are empty of a kind that is unknown
//   faults              [[id, kind, source, text, count, first_window, last_window, time_ms]]; faults_total
[[nodiscard]] std::string news_json(const RunKnowledge& run, uint64_t since, int64_t now_ms);

// The windows first .. last (at most 256 of them) in detail:
//   [[window, time_ms, [[node, state_root, loss, train_seconds, bytes]], [[uid, verdict, reason, weight]],
//     [[node, phase, start_ms, seconds]]]]
[[nodiscard]] std::string details_json(const RunKnowledge& run, int64_t first, int64_t last);

// All that the validator said of a miner, as columns: window, weight, ordinal, binary_average,
// gradient_score, sync_score, final_score, loss, bytes, own_gain, random_gain; and the newest 200 verdicts,
// newest first: [[window, verdict, reason]].
[[nodiscard]] std::string miner_json(const RunKnowledge& run, uint32_t uid);

}  // namespace templar
