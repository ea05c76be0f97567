#!/usr/bin/env python3
"""Writes grafana/dashboards/*.json: what Grafana (9 or later) shows of the measurements in InfluxDB, asked in InfluxQL.

  grafana/make-dashboards.py           writes the files
  grafana/make-dashboards.py --check   ends with 1 where a file is not what would be written
  grafana/make-dashboards.py --queries prints every query as it would be asked for all runs and all times, a line each
"""
import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent / "dashboards"
SOURCE = {"type": "influxdb", "uid": "${source}"}
WIDTH = 24


def query(fields, measurement, *, where="", group="", every=True, tail="", form="time_series", alias=""):
    """InfluxQL: one expression a field; the dashboard's run is always asked for."""
    condition = '"run" =~ /^$run$/ AND $timeFilter' + (f" AND {where}" if where else "")
    groups = [part for part in ("time($__interval)" if every else "", group) if part]
    text = f'SELECT {fields} FROM "{measurement}" WHERE {condition}'
    text += f" GROUP BY {', '.join(groups)}" if groups else ""
    text += " fill(none)" if every else ""
    text += f" {tail}" if tail else ""
    return {"datasource": SOURCE, "query": text, "rawQuery": True, "resultFormat": form, "alias": alias}


def panel(kind, title, width, height, targets, *, unit="short", decimals=None, description="", options=None, custom=None, overrides=None):
    defaults = {"unit": unit}
    if decimals is not None:
        defaults["decimals"] = decimals
    if custom:
        defaults["custom"] = custom
    for letter, target in zip("ABCDEFGHIJ", targets):
        target["refId"] = letter
    return {"type": kind, "title": title, "description": description, "datasource": SOURCE, "targets": targets,
            "fieldConfig": {"defaults": defaults, "overrides": overrides or []}, "options": options or {},
            "gridPos": {"w": width, "h": height}}


def stat(title, target, **keywords):
    options = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": keywords.pop("show", ""), "values": False}, "colorMode": "value",
               "graphMode": keywords.pop("graph", "area"), "textMode": "value"}
    return panel("stat", title, 4, 4, [target], options=options, **keywords)


def lines(title, targets, width=12, **keywords):
    options = {"legend": {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull"]}, "tooltip": {"mode": "multi", "sort": "desc"}}
    custom = {"lineWidth": 1, "fillOpacity": keywords.pop("fill", 0), "spanNulls": True, "showPoints": "never"}
    if keywords.pop("stacked", False):
        custom["stacking"] = {"mode": "normal"}
    return panel("timeseries", title, width, 8, targets, options=options, custom=custom, **keywords)


def table(title, target, width=24, **keywords):
    return panel("table", title, width, 8, [target], options={"showHeader": True}, **keywords)


def lay_out(panels):
    """Left to right, a new row where the width is used up."""
    x = y = height = 0
    for number, item in enumerate(panels, 1):
        place = item["gridPos"]
        if x + place["w"] > WIDTH:
            x, y, height = 0, y + height, 0
        place["x"], place["y"] = x, y
        x, height = x + place["w"], max(height, place["h"])
        item["id"] = number
    return panels


def dashboard(uid, title, description, panels):
    variables = [
        {"name": "source", "label": "InfluxDB", "type": "datasource", "query": "influxdb", "current": {}, "hide": 0},
        {"name": "run", "label": "Run", "type": "query", "datasource": SOURCE, "refresh": 2, "multi": False, "includeAll": True,
         "allValue": ".*", "sort": 1, "query": 'SHOW TAG VALUES FROM "training_step_v2" WITH KEY = "run"', "current": {}},
    ]
    links = [{"title": "Templar", "type": "dashboards", "tags": ["templar"], "asDropdown": True, "keepTime": True, "includeVars": True}]
    return {"uid": uid, "title": title, "description": description, "tags": ["templar"], "timezone": "browser", "editable": True,
            "schemaVersion": 37, "version": 1, "refresh": "10s", "time": {"from": "now-6h", "to": "now"}, "graphTooltip": 1,
            "templating": {"list": variables}, "links": links, "panels": lay_out(panels)}


def run_dashboard():
    return dashboard("templar-run", "Templar: run", "Is the run healthy: loss, who contributes, do all hold the same model.", [
        stat("Window", query('last("window")', "validator_window_v2", every=False), decimals=0, graph="none"),
        stat("Loss of training", query('mean("loss")', "training_step_v2"), decimals=4),
        stat("Held-out loss", query('last("heldout_loss")', "benchmark_metrics"), decimals=4),
        stat("Tokens a second and miner", query('mean("tokens_per_sec")', "training_step_v2"), decimals=0),
        stat("Accepted of the gathered", query('last("gather_success_rate")', "validator_window_v2"), unit="percent", decimals=0),
        stat("Bytes a contribution", query('mean("contribution_bytes")', "training_step_v2"), unit="bytes", decimals=1),
        table("Alarms: the newest word of each node on each",
              query('last("stands") AS "stands", "window" AS "since window", "reason"', "network_alarm", group='"kind", "role", "uid"',
                    every=False, form="table"),
              description="stands 1: it stands, since that window; 0: it has ended. docs/operations.md lists them and what to do."),
        lines("Loss", [query('mean("loss")', "training_step_v2", alias="training"),
                       query('mean("heldout_loss")', "benchmark_metrics", alias="held-out"),
                       query('mean("heldout_loss")', "baseline_heldout", alias="one machine alone")], decimals=4,
              description="Nats a token. Training: the mean over all miners' inner steps."),
        lines("Loss of each miner", [query('mean("loss")', "training_step_v2", group='"uid"', alias="miner $tag_uid")], decimals=4),
        lines("Accepted and rejected", [query('last("accepted")', "validator_window_v2", alias="accepted"),
                                        query('last("rejected")', "validator_window_v2", alias="rejected")], decimals=0,
              fill=20, stacked=True),
        lines("Seconds of a window, by phase",
              [query(", ".join(f'mean("{phase}_seconds") AS "{phase}"' for phase in ("train", "publish", "gather", "apply", "evaluate", "checkpoint")),
                     "window_timeline", group='"role"', alias="$tag_role $col")], unit="s",
              description="Means over the nodes of a role."),
        table("State root after each node's newest window",
              query('last("state_root") AS "state root", "window"', "training_step_v2", group='"uid"', every=False, form="table"), 12,
              description="Nodes that stand after the same window must show the same root."),
        table("Models that differed and healed",
              query('"window", "parameter", "block", "different_blocks", "blocks", "state_root", "leader_state_root"', "model_divergence",
                    group='"role", "uid"', every=False, tail="ORDER BY time DESC LIMIT 20", form="table"), 12,
              description="Empty in a healthy run. Again and again on one machine: look at its memory."),
        lines("Processor", [query('mean("process_cpu_percent")', "system", group='"role", "uid"', alias="$tag_role $tag_uid")], unit="percent",
              description="100 is one core."),
        lines("Memory", [query('mean("process_rss_bytes")', "system", group='"role", "uid"', alias="$tag_role $tag_uid")], unit="bytes"),
    ])


def miners_dashboard():
    def of_miner(title, field, measurement="validator_scores", **keywords):
        return lines(title, [query(f'mean("{field}")', measurement, group='"eval_uid"', alias="miner $tag_eval_uid")], **keywords)

    return dashboard("templar-miners", "Templar: miners", "Why a miner earns what it earns.", [
        of_miner("Weight", "weight", decimals=3, fill=20, stacked=True, description="What the validator pays by. Sums to 1."),
        of_miner("Final score", "final_score", decimals=3,
                 description="max(0, rating) x max(0, indicator) x synchrony, less penalties."),
        of_miner("Rating (ordinal)", "ordinal", decimals=2, description="mu - 3 sigma of the matches that losses decide."),
        of_miner("Rating, mu of the measured", "mu", "validator_openskill", decimals=2),
        of_miner("Indicator average", "binary_moving_avg", decimals=3,
                 description="Above 0: the contribution helps more on the samples that the miner was assigned than on others."),
        of_miner("Synchrony", "sync_score", decimals=2, description="1: in sync; 0: three outer steps behind, or more."),
        of_miner("Gradient score", "gradient_score", decimals=5, description="Relative improvement of the loss by this contribution alone."),
        of_miner("Outer steps behind", "steps_behind", "validator_sync_score", decimals=0),
        table("Contributions that did not count",
              query('"window", "verdict", "reason"', "validator_scores", where="\"verdict\" != 'accepted'", group='"eval_uid"', every=False,
                    tail="ORDER BY time DESC LIMIT 50", form="table")),
        table("Penalties", query('"window", "score_before", "score_after", "reason"', "validator_slash", group='"eval_uid", "reason_code"',
                                 every=False, tail="ORDER BY time DESC LIMIT 50", form="table"), 12),
        table("Inactivity", query('"window", "score_before", "score_after", "reason"', "validator_inactivity", group='"eval_uid"',
                                  every=False, tail="ORDER BY time DESC LIMIT 50", form="table"), 12),
    ])


def evaluation_dashboard():
    return dashboard("templar-evaluation", "Templar: evaluation", "What each checkpoint is worth.", [
        lines("Held-out loss", [query('mean("heldout_loss")', "benchmark_metrics", alias="network"),
                                query('mean("heldout_loss")', "baseline_heldout", alias="one machine alone")], decimals=4),
        lines("Bits a byte", [query('mean("bits_per_byte")', "benchmark_metrics", alias="bits a byte")], decimals=4),
        lines("Perplexity", [query('mean("perplexity")', "benchmark_metrics", alias="perplexity")], decimals=2),
        lines("Tasks", [query('mean("score")', "benchmark_task", group='"task"', alias="$tag_task")], unit="percentunit", decimals=3),
        table("Newest score of each task",
              query('last("score") AS "score", "score_stderr", "acc", "count", "num_fewshot", "window"', "benchmark_task", group='"task", "metric"',
                    every=False, form="table"), 12),
        lines("Seconds of an evaluation", [query('mean("load_s") AS "load", mean("heldout_s") AS "held-out", mean("tasks_s") AS "tasks"',
                                                 "benchmark_summary", alias="$col")], unit="s", fill=20, stacked=True),
    ])


DASHBOARDS = {"templar-run.json": run_dashboard, "templar-miners.json": miners_dashboard, "templar-evaluation.json": evaluation_dashboard}


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    if wanted not in ("", "--check", "--queries"):
        sys.exit(__doc__)
    differ = []
    for name, make in DASHBOARDS.items():
        content = make()
        if wanted == "--queries":
            for item in content["panels"]:
                for target in item["targets"]:
                    text = target["query"].replace("$timeFilter", "time > 0").replace("/^$run$/", "/.*/").replace("$__interval", "1h")
                    print(f"{content['title']}, {item['title']}\t{text}")
            continue
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        path = FOLDER / name
        if wanted == "--check":
            if not path.exists() or path.read_text() != text:
                differ.append(name)
        else:
            path.write_text(text)
    if differ:
        sys.exit(f"not what make-dashboards.py writes: {', '.join(differ)}: run it")


main()
