"""Makes the folder of a run that never was, as nodes would have written it, for the dashboard's tests and pictures.

usage: make_run.py FOLDER WINDOWS MINERS [plain|troubled] [--spec FILE] [--bare] [--wanted N]
plain: all is well. troubled: a miner that is often late or missing, one whose model differs in a few windows, log warnings.
--bare leaves window_timeline and system away. Prints the facts that a page must show, as JSON."""

import argparse
import json
import math
import os
import random
import shutil
import time

STEP_MS = 1500


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("windows", type=int)
    parser.add_argument("miners", type=int)
    parser.add_argument("kind", nargs="?", default="plain", choices=["plain", "troubled"])
    parser.add_argument("--spec")
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--wanted", type=int)
    return parser.parse_args()


class Run:
    def __init__(self, options):
        self.options = options
        self.draw = random.Random(7)
        self.begin_ms = int(time.time() * 1000) - options.windows * STEP_MS
        self.files = {}
        os.makedirs(f"{options.folder}/metrics", exist_ok=True)
        os.makedirs(f"{options.folder}/logs", exist_ok=True)
        if options.spec:
            shutil.copy(options.spec, f"{options.folder}/run_spec.json")

    def write(self, node, name, fields, time_ms, tags=None, role=None, uid=0):
        if node not in self.files:
            self.files[node] = open(f"{self.options.folder}/metrics/{node}.jsonl", "w")
        all_tags = {"uid": str(uid), "run": "0123456789ab", **({"role": role} if role else {}), **(tags or {})}
        line = {"name": name, "tags": all_tags, "fields": fields, "time_ns": int(time_ms) * 1000000}
        self.files[node].write(json.dumps(line, separators=(",", ":")) + "\n")

    def loss(self, window):
        return 1.15 + 4.4 * math.exp(-window / (0.16 * self.options.windows)) + self.draw.gauss(0, 0.035)


def root_of(window):
    return f"{(window * 0x9E3779B97F4A7C15 + 0x1234567) % 2**64:016x}" * 4


def verdict_of(run, window, miner):
    if run.options.kind == "troubled" and miner == run.options.miners and run.draw.random() < 0.35:
        return run.draw.choice([
            ("too_late", f"stored {run.draw.randint(20, 900)} ms after the put window closed"),
            ("missing", "nothing stored"),
            ("invalid", "started from state 00ab12cd34ef, the window's is 77aa12cd34ef")])
    return "accepted", ""


def write_miner(run, window, miner, begin):
    train = 0.86 + 0.04 * miner / run.options.miners + run.draw.random() * 0.06
    root = root_of(window)
    if run.options.kind == "troubled" and miner == 2 and window in (run.options.windows - 5, run.options.windows - 6):
        root = root_of(window + 1000)
    loss = run.loss(window)
    size = 14900 + run.draw.randint(-150, 150)
    end = begin + STEP_MS - 40 + run.draw.randint(0, 20)
    run.write(f"miner-{miner}", "training_step_v2", {
        "window": window, "outer_step": window, "gather_accepted": run.options.miners, "gather_rejected": 0,
        "state_root": root, "loss": loss, "inner_steps": 30, "learning_rate": 0.0004, "gradient_norm": 0.8, "tokens": 30720,
        "train_seconds": train, "contribution_bytes": size}, end, role="miner", uid=miner)
    if not run.options.bare:
        at = begin + 10
        fields = {"window": window}
        for phase, seconds in (("train", train), ("publish", 0.05), ("gather", 0.18), ("apply", 0.12)):
            fields[f"{phase}_start_ms"] = int(at)
            fields[f"{phase}_seconds"] = seconds
            at += seconds * 1000 + (90 if phase == "publish" else 4)
        run.write(f"miner-{miner}", "window_timeline", fields, end, role="miner", uid=miner)
    return loss, size


def write_validator(run, window, begin):
    options = run.options
    rejected = 0
    total = sum(range(1, options.miners + 1))
    for miner in range(1, options.miners + 1):
        verdict, reason = verdict_of(run, window, miner)
        rejected += verdict != "accepted"
        skill = options.miners - miner + 1
        run.write("validator-0", "validator_scores", {
            "window": window, "verdict": verdict, "reason": reason, "gradient_score": 0.004 * skill + run.draw.gauss(0, 0.004),
            "loss_own_before": 2.0, "loss_own_after": 2.0 - 0.005 * skill, "loss_random_before": 2.1, "loss_random_after": 2.1 - 0.003 * skill,
            "binary_moving_avg": math.tanh(0.2 * skill - 0.3) + run.draw.gauss(0, 0.02), "rating_mu": 25 + skill, "rating_sigma": 1.5,
            "ordinal": 20.5 + skill, "sync_score": 0.82 if miner == 2 and options.kind == "troubled" else 1.0,
            "final_score": 9.0 + skill, "weight": skill / total}, begin + 1440, {"eval_uid": str(miner)}, "validator", 0)
    run.write("validator-0", "validator_window_v2", {
        "window": window, "outer_step": window, "accepted": options.miners - rejected, "rejected": rejected, "evaluated": 2,
        "judge_seconds": 0.2, "state_root": root_of(window)}, begin + 1450, role="validator")
    if not options.bare:
        fields = {"window": window}
        for phase, start, seconds in (("gather", 1010, 0.14), ("evaluate", 1155, 0.2), ("apply", 1360, 0.07)):
            fields[f"{phase}_start_ms"] = begin + start
            fields[f"{phase}_seconds"] = seconds
        if (window + 1) % 4 == 0:
            fields["checkpoint_start_ms"] = begin + 1435
            fields["checkpoint_seconds"] = 0.05
        run.write("validator-0", "window_timeline", fields, begin + 1490, role="validator")


def write_evaluator(run, window, begin):
    heldout = 1.2 + 4.4 * math.exp(-window / (0.16 * run.options.windows))
    run.write("evaluator", "benchmark_metrics", {
        "window": window, "global_step": window, "outer_step": window, "heldout_loss": heldout, "heldout_tokens": 8192,
        "perplexity": math.exp(heldout), "seconds": 0.3, "state_root": root_of(window - 1)}, begin + 300, {"window": str(window)}, "evaluator")
    for task, last in (("arc_easy", 0.46), ("piqa", 0.62)):
        score = 0.25 + (last - 0.25) * (1 - math.exp(-window / (0.3 * run.options.windows))) + run.draw.gauss(0, 0.008)
        run.write("evaluator", "benchmark_task", {"window": window, "score": score, "score_stderr": 0.01, "acc": score, "count": 200,
                                                  "num_fewshot": 0, "seconds": 0.4},
                  begin + 500, {"task": task, "metric": "acc"}, "evaluator")
    run.write("baseline", "baseline_heldout", {"window": window, "heldout_loss": heldout + 0.12}, begin + 200, None, "baseline", 1000)
    if not run.options.bare:
        run.write("evaluator", "window_timeline", {"window": window, "evaluate_start_ms": begin + 30, "evaluate_seconds": 0.7}, begin + 800,
                  role="evaluator")
    return heldout


def write_system(run, begin):
    for node, role, uid, cpu in [("validator-0", "validator", 0, 38)] + [
            (f"miner-{m}", "miner", m, 88) for m in range(1, run.options.miners + 1)]:
        run.write(node, "system", {"sys_cpu_percent": 91.0, "sys_memory_percent": 34.5, "process_cpu_percent": cpu + run.draw.uniform(-6, 6),
                                   "process_rss_bytes": int(210e6 + 9e6 * uid + run.draw.uniform(0, 4e6)), "process_threads": 4},
                  begin, role=role, uid=uid)


def main():
    options = parse_arguments()
    run = Run(options)
    if options.wanted:
        run.write("localnet", "localnet_begin", {"windows": options.wanted, "miners": options.miners}, run.begin_ms)
    facts = {}
    for window in range(options.windows):
        begin = run.begin_ms + window * STEP_MS
        reports = [write_miner(run, window, miner, begin) for miner in range(1, options.miners + 1)]
        write_validator(run, window, begin)
        run.write("baseline", "baseline_metrics", {"window": window, "loss": run.loss(window) + 0.1, "tokens": 30720}, begin, None, "baseline", 1000)
        if (window + 1) % 4 == 0:
            facts["heldout"] = write_evaluator(run, window + 1, begin + STEP_MS)
        if not options.bare and window % 7 == 0:
            write_system(run, begin)
        facts["loss"] = sum(loss for loss, _ in reports) / len(reports)
        facts["windows"] = window + 1
    for file in run.files.values():
        file.close()
    if options.kind == "troubled":
        with open(f"{options.folder}/logs/validator-0.log", "w") as log:
            log.write("12:00:01.000 I validator: in sync uid=0 window=0\n")
            log.write(f"12:00:02.000 W validator: old copies of contributions stay uid=0 window={options.windows - 9} reason=busy\n")
    print(json.dumps(facts))


main()
