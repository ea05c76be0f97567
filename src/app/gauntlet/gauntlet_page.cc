// The gauntlet's page: a table, with the course of each attack's weight beside it.
#include <fmt/format.h>

#include <algorithm>

#include "app/gauntlet/gauntlet_report.h"

namespace templar {
namespace {

constexpr const char* kHead =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><title>Templar gauntlet</title><style>"
    ":root{color-scheme:light dark;--line:#8884;--good:#1a7f37;--bad:#c4320a;--course:#4a6fd1}"
    "@media(prefers-color-scheme:dark){:root{--good:#4ac26b;--bad:#ff8a65;--course:#8fb0ff}}"
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "h1{font-size:1.5rem;margin-bottom:.2rem}p{max-width:48rem}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%}"
    "th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}"
    "th{font-weight:600;vertical-align:bottom}td:nth-child(1),th:nth-child(1){text-align:left}"
    "td.does{text-align:left;white-space:normal;min-width:16rem}th.does{text-align:left}"
    ".good{color:var(--good)}.bad{color:var(--bad)}svg{display:block}"
    "polyline{fill:none;stroke:var(--course);stroke-width:1.5}line{stroke:var(--line)}</style>";

constexpr double kWidth = 120;
constexpr double kHeight = 28;
constexpr double kTop = 1.5;  // of an honest miner's weight; more is drawn there

// The share of an honest miner's weight over the windows; the thin line is as much as it.
std::string course(const TrialResult& result) {
  std::string points;
  const size_t count = result.share_by_window.size();
  for (size_t i = 0; i < count; ++i) {
    const double x = count < 2 ? 0 : kWidth * static_cast<double>(i) / static_cast<double>(count - 1);
    const double share = std::clamp(result.share_by_window[i], 0.0, kTop);
    points += fmt::format("{:.1f},{:.1f} ", x, kHeight - 1 - (kHeight - 2) * share / kTop);
  }
  const double honest = kHeight - 1 - (kHeight - 2) / kTop;
  return fmt::format(
      "<svg width=\"{0}\" height=\"{1}\" role=\"img\" aria-label=\"weight share by window\">"
      "<line x1=\"0\" x2=\"{0}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/><polyline points=\"{3}\"/></svg>",
      kWidth, kHeight, honest, points);
}

std::string cell(std::string_view text, bool is_good) {
  return fmt::format("<td class=\"{}\">{}</td>", is_good ? "good" : "bad", text);
}

constexpr double kHarm = 0.02;  // of the held-out loss

std::string row(const GauntletReport& report, const TrialResult& result) {
  const AttackForm& form = form_of(*result.trial.attack);
  const auto change = report.loss_change(result);
  std::string text = fmt::format("<tr><td>{}</td><td class=\"does\">{}</td><td>{} of {}</td>", form.name,
                                 form.does, result.trial.attackers, result.trial.miners);
  text += cell(fmt::format("{:.2f}", result.weight_share()), result.weight_share() <= kCaughtShare);
  text += "<td>" + course(result) + "</td>";
  text += result.windows_until_excluded ? fmt::format("<td>{}</td>", *result.windows_until_excluded)
                                        : "<td class=\"bad\">never</td>";
  text += change ? cell(change_text(*change), *change <= kHarm) : "<td>–</td>";
  text += fmt::format("<td>{:.1f}&nbsp;%</td></tr>\n", 100 * result.honest_loss);
  return text;
}

}  // namespace

std::string gauntlet_page(const GauntletReport& report) {
  const Detection& found = report.detection;
  std::string page = kHead;
  page += "<h1>What attacks earn</h1>";
  page += fmt::format(
      "<p>{} networks with attackers, {} without. {} of {} attackers end below a tenth of an honest miner's "
      "weight, "
      "{} of {} honest miners do: F1 {:.3f}.</p>",
      report.attacked.size(), report.clean.size(), found.caught, found.attackers, found.wrongly_caught,
      found.honest, found.f1());
  page +=
      "<p>Weight: what an attacker earns in the last quarter of the windows, as a share of what an honest "
      "miner "
      "earns there; beside it the course over all windows, the thin line being an honest miner. Windows: "
      "after "
      "how many no attacker ever again had a tenth of it. Held-out: the model's loss against a run in which "
      "the "
      "attackers are absent. Honest lose: which part of the honest miners' scores penalties took.</p>";
  page +=
      "<div class=\"wide\"><table><thead><tr><th>attack</th><th class=\"does\">the miner</th><th>miners</th>"
      "<th>weight</th><th>course</th><th>windows</th><th>held-out</th><th>honest "
      "lose</th></tr></thead><tbody>\n";
  for (const TrialResult& result : report.attacked) page += row(report, result);
  page += "</tbody></table></div></html>\n";
  return page;
}

}  // namespace templar
