"""What scripts/kill-everywhere.sh runs."""
import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SMALL = ["--set", "model.hidden_size=32", "--set", "model.num_hidden_layers=1", "--set", "model.intermediate_size=64", "--set",
         "inner.sequence_length=32", "--set", "inner.batch_size=2", "--set", "scoring.evaluation_samples=2", "--set",
         "network.checkpoint_interval=2", "--set", "inner.steps=8", "--heldout-samples", "4", "--miners", "3", "--no-baseline"]
WINDOWS = 12
LONGEST_S = 120


def digest(path):
    """Names and contents of all that is there; None if nothing is."""
    if not os.path.lexists(path):
        return None
    total = hashlib.sha256()
    files = [path] if os.path.isfile(path) else sorted(os.path.join(f, n) for f, _, names in os.walk(path) for n in names)
    for file in files:
        total.update(os.path.relpath(file, path).encode() + b"\0")
        with open(file, "rb") as content:
            total.update(hashlib.sha256(content.read()).digest())
    return total.hexdigest()


class Trials:
    def __init__(self, templar, folder, times, rng):
        self.templar, self.folder, self.times, self.rng, self.failed = templar, folder, times, rng, 0
        for name, headers in (("text-a", ("stdio", "stdlib", "math")), ("text-b", ("string", "time", "ctype"))):
            os.makedirs(f"{folder}/{name}")
            for header in headers:
                shutil.copy(f"/usr/include/{header}.h", f"{folder}/{name}/{header}.txt")
        self.good("data", "prepare", "text-a", "--sequence-length", "32", "--held-out-samples", "8", "--out", "data")
        self.good("localnet", "--data", "data", "--out", "run", "--windows", "2", *SMALL)

    def start(self, *words):
        return subprocess.Popen([self.templar, *words], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                start_new_session=True)

    def call(self, *words):
        """(exit code, what it said)"""
        process = self.start(*words)
        try:
            said = process.communicate(timeout=LONGEST_S)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            self.kill_session(process)
            return -1, f"did not end in {LONGEST_S} s"
        return process.returncode, said

    def good(self, *words):
        code, said = self.call(*words)
        if code:
            sys.exit(f"templar {' '.join(words)}: exit code {code}: {said}")
        return said

    @staticmethod
    def kill_session(process):
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and os.getsid(int(name)) == process.pid:
                    os.kill(int(name), signal.SIGKILL)
            except OSError:
                pass

    def killed(self, seconds, *words, alone=False):
        """Calls it and kills it somewhere in that time; all its processes, or itself alone. Whether it was still running."""
        process = self.start(*words)
        try:
            process.communicate(timeout=self.rng.uniform(0, seconds))
            return False
        except subprocess.TimeoutExpired:
            if alone:
                process.kill()
            else:
                self.kill_session(process)
            process.communicate()
            return True

    def seconds_of(self, *words):
        begun = time.monotonic()
        self.good(*words)
        return time.monotonic() - begun

    def path(self, name):
        return f"{self.folder}/{name}"

    def remove(self, *names):
        for name in names:
            path = self.path(name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.remove(path)

    def say(self, verb, hits, wrong):
        self.failed += len(wrong)
        for line in wrong[:10]:
            print(f"FAILED: {verb}: {line}")
        print(f"{verb}: killed {hits} times in {self.times} calls, {len(wrong)} failed", flush=True)

    # ---- what is killed ---------------------------------------------------------------------------------------------------------------
    def replaced(self, verb, command, target, before, fits):
        """A verb that puts `target` in the place of what `before` makes there, or of nothing: the old or the new one, whole."""
        self.remove(target)
        seconds = self.seconds_of(*command)
        new = digest(self.path(target))
        wrong, hits = [], 0
        for i in range(self.times):
            self.remove(target)
            if before:
                self.good(*before)
            old = digest(self.path(target))
            hits += self.killed(seconds, *command)
            if not fits(target, old, new):
                wrong.append(f"call {i}: {target} is neither what it was nor what it was to become")
            code, said = self.call(*command)
            if code:
                wrong.append(f"call {i}: the next call: exit code {code}: {said[-300:]}")
            elif digest(self.path(target)) != new:
                wrong.append(f"call {i}: the next call leaves something else")
        self.say(verb, hits, wrong)

    def is_old_or_new(self, target, old, new):
        return digest(self.path(target)) in (old, new)

    # A new data set may be half made, but then it is told so, not taken.
    def is_data(self, target, old, new):
        code, said = self.call("data", "verify", target)
        return code == 0 or (old is None and code == 1 and bool(said.strip()))

    def prepare(self):
        command = ["data", "prepare", "text-b", "--sequence-length", "32", "--out", "out"]
        self.replaced("prepare", command, "out", None, self.is_data)

    def prepare_again(self):
        command = ["data", "prepare", "text-b", "--sequence-length", "32", "--out", "out"]
        before = ["data", "prepare", "text-a", "--sequence-length", "32", "--out", "out"]
        self.replaced("prepare-again", command, "out", before, self.is_data)

    def export(self, form):
        target = "exported"
        command = ["checkpoint", "export", "run", target, "--format", form, "--dtype", "bf16", "--force"]
        before = [*command[:-2], "f32", "--force"]
        self.replaced(f"export-{form}", command, target, before, self.is_old_or_new)
        for name in os.listdir(self.folder):
            if name.startswith(target) or ".tmp" in name:
                self.remove(name)

    def key(self):
        wrong, hits = [], 0
        seconds = self.seconds_of("key", "new", "k")
        for i in range(self.times):
            self.remove("k")
            hits += self.killed(seconds, "key", "new", "k")
            if os.path.exists(self.path("k")):
                if self.call("key", "show", "k")[0]:
                    wrong.append(f"call {i}: half a key")
            elif self.call("key", "new", "k")[0] or self.call("key", "show", "k")[0]:
                wrong.append(f"call {i}: no key can be made")
        self.say("key", hits, wrong)

    def fresh(self):
        """--fresh over a finished run, with somebody's file in it."""
        command = ["localnet", "--data", "data", "--out", "again", "--windows", "2", *SMALL, "--fresh"]
        wrong, hits, seconds = [], 0, self.seconds_of(*command)
        root = json.load(open(self.path("again/summary.json"), encoding="utf-8"))["state_root"]
        for i in range(self.times):
            with open(self.path("again/mine.txt"), "w", encoding="utf-8") as file:
                file.write("mine\n")
            hits += self.killed(seconds, *command)
            if not os.path.exists(self.path("again/mine.txt")):
                wrong.append(f"call {i}: somebody's file is gone")
            code, said = self.call(*command)
            if code or json.load(open(self.path("again/summary.json"), encoding="utf-8"))["state_root"] != root:
                wrong.append(f"call {i}: the next call: exit code {code}: {said[-300:]}")
        self.say("fresh", hits, wrong)

    def bench(self, name, *options):
        os.makedirs(self.path("bench"), exist_ok=True)
        with open(self.path("bench/mine.txt"), "w", encoding="utf-8") as file:
            file.write("mine\n")
        command = ["bench", name, "--millions", "1", "--rounds", "1", "--folder", "bench", *options]
        wrong, hits, seconds = [], 0, self.seconds_of(*command)
        for i in range(self.times):
            hits += self.killed(seconds, *command)
            if not os.path.exists(self.path("bench/mine.txt")):
                wrong.append(f"call {i}: somebody's file is gone")
        code, said = self.call(*command)
        if code:
            wrong.append(f"the next call: exit code {code}: {said[-300:]}")
        self.say(f"bench-{name}", hits, wrong)

    def localnet(self, *mode):
        verb = "localnet-processes" if mode else "localnet"
        command = ["localnet", "--data", "data", "--windows", str(WINDOWS), *SMALL, *mode, "--out"]
        seconds = self.seconds_of(*command, "straight")
        root = json.load(open(self.path("straight/summary.json"), encoding="utf-8"))["state_root"]
        wrong, hits = [], 0
        for i in range(self.times):
            self.remove("out")
            kills = self.rng.randint(1, 3)
            for _ in range(kills):
                hits += self.killed(seconds, *command, "out", alone=self.rng.random() < 0.5)
            code, said = self.call(*command, "out")
            if code:
                wrong.append(f"run {i}: the next call: exit code {code}: {said[-500:]}")
                continue
            found = json.load(open(self.path("out/summary.json"), encoding="utf-8"))
            if found["state_root"] != root or not found["roots_agree"] or found["windows"] != WINDOWS:
                wrong.append(f"run {i}, killed {kills} times: {found['state_root']}, undisturbed {root}")
                shutil.copytree(self.path("out"), tempfile.mkdtemp(prefix="templar-killed-") + "/run")
        self.remove("straight", "out")
        self.say(verb, hits, wrong)


def main():
    parser = argparse.ArgumentParser()
    root = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    found = next((p for p in (f"{root}/build/{b}/templar" for b in ("release", "dev", "quick")) if os.path.exists(p)), "")
    parser.add_argument("--templar", default=found)
    parser.add_argument("--verb", action="append")
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if not os.path.exists(arguments.templar):
        sys.exit("no templar is built: give --templar FILE")
    with tempfile.TemporaryDirectory(prefix="templar-kill-") as work:
        templar = f"{work}/templar"
        shutil.copy(arguments.templar, templar)
        trials = Trials(templar, work, arguments.times, random.Random(arguments.seed))
        verbs = {
            "prepare": trials.prepare, "prepare-again": trials.prepare_again, "export-gguf": lambda: trials.export("gguf"),
            "export-safetensors": lambda: trials.export("safetensors"), "export-hf": lambda: trials.export("hf"), "key": trials.key,
            "fresh": trials.fresh, "bench-checkpoint": lambda: trials.bench("checkpoint"),
            "bench-rejoin": lambda: trials.bench("rejoin", "--away", "1"), "localnet": trials.localnet,
            "localnet-processes": lambda: trials.localnet("--processes"),
        }
        for verb in arguments.verb or verbs:
            if verb not in verbs:
                sys.exit(f"no verb {verb}; there are: {', '.join(verbs)}")
            verbs[verb]()
    sys.exit(trials.failed > 0)


if __name__ == "__main__":
    main()
