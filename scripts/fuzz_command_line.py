"""What scripts/fuzz-command-line.sh runs. The lines are made from what each verb's --help says that it takes."""
import argparse
import concurrent.futures
import errno
import hashlib
import os
import random
import re
import resource
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

DEADLINE_S = 10
NOBODY = 65534
MEMORY = 6 << 30
IS_ROOT = os.geteuid() == 0

# Verbs that rightly run for as long as nobody stops them, or as their numbers say.
RUN_ON = ("localnet", "sim gauntlet", "dashboard", "ledger run", "network join", "miner", "validator", "evaluator", "top", "generate", "bench", "data prepare")
# Verbs that have nothing to say on standard output when all is well.
SILENT = ("miner", "validator", "evaluator")
# Verbs that make nothing and leave signals to the system.
PLAIN = ("bench train", "bench codec", "bench aggregate", "bench evaluate")
# Where a line's output goes.
OUTPUTS = {"--out", "--state", "--data-cache", "--metrics", "--log-file", "--dump-pseudo-gradients", "--store", "--ledger", "OUT", "--folder"}
APPENDED = {"--metrics", "--log-file"}

SMALL = ["--set", "model.hidden_size=32", "--set", "model.num_hidden_layers=1", "--set", "model.intermediate_size=64", "--set",
         "inner.sequence_length=32", "--set", "inner.batch_size=2", "--set", "scoring.evaluation_samples=2", "--set",
         "network.checkpoint_interval=2", "--set", "inner.steps=2", "--heldout-samples", "4"]
NODE = ["--spec", "../run/run_spec.json", "--data", "../data", "--store", "../run/store", "--ledger", "../run/ledger.db",
        "--state", "state", "--metrics", "m.jsonl"]
LEDGER = ["--spec", "../run/run_spec.json", "--ledger", "../run/ledger.db"]
TO_LEDGER = ["--spec", "../run/run_spec.json", "--ledger", "ledger.db", "--key", "../run/keys/owner.key"]
MODEL = ["--hidden", "32", "--layers", "1", "--vocab", "64", "--intermediate", "64"]
# A line of each verb that works: what is tried is a change of it.
GOOD = {
    "localnet": ["--data", "../data", "--out", "out", "--windows", "2", "--miners", "2", "--no-baseline", *SMALL],
    "dashboard": ["../run", "--port", "0"],
    "data prepare": ["../precious/text", "--out", "out", "--sequence-length", "32"],
    "data show": ["../data"], "data verify": ["../data"], "data push": ["../data", "file:out"],
    "run show": ["tiny"], "run check": ["../run/run_spec.json"], "run fields": [], "run memory": ["tiny"],
    "miner": [*NODE, "--key", "../run/keys/miner-1.key"], "validator": [*NODE, "--key", "../run/keys/validator-0.key"], "evaluator": NODE,
    "doctor miner": [*NODE, "--key", "../run/keys/miner-1.key", "--sample-size", "1000"],
    "doctor validator": [*NODE, "--key", "../run/keys/validator-0.key", "--sample-size", "1000"], "doctor evaluator": [*NODE, "--sample-size", "1000"],
    "checkpoint verify": ["../run"], "checkpoint ls": ["../run"], "checkpoint show": ["../run/model"],
    "checkpoint diff": ["../run/model", "../run/model"], "checkpoint export": ["../run", "out", "--format", "gguf"],
    "generate": ["../run", "--max-new-tokens", "5"], "tokenize": ["../run", "../precious/book.txt"],
    "contribution inspect": ["../run/a-contribution"], "key new": ["k"], "key show": ["../precious/my.key"], "top": ["../run"],
    "bench train": [*MODEL, "--heads", "2", "--key-value-heads", "2", "--sequence", "16", "--batch", "2", "--steps", "2"],
    "bench codec": ["--millions", "1", "--rounds", "1"], "bench aggregate": ["--millions", "1", "--rounds", "1", "--no-growth"],
    "bench checkpoint": ["--millions", "1", "--rounds", "1", "--folder", "."],
    "bench rejoin": ["--millions", "1", "--rounds", "1", "--away", "1", "--folder", "."],
    "bench evaluate": [*MODEL, "--questions", "2", "--rounds", "1"], "bench metrics": ["--seconds", "0.05"],
    "store ls": ["file:../objects"], "store du": ["file:../objects"], "store get": ["file:../objects", "bucket/key", "got", "--force"],
    "store put": ["file:out", "bucket/key", "../precious/book.txt"], "store rm": ["file:../doomed", "bucket", "--below"],
    "store check": ["file:out", "--size", "1000"], "store make": ["file:out"],
    "sim faults": ["--seeds", "1:2", "--windows", "4"], "sim attacks": [],
    "sim gauntlet": ["--data", "../data", "--out", "out", "--windows", "8", "--miners", "3", "--clean-runs", "1", "--attack", "sybils"],
    "ledger show": [*LEDGER, "--json"], "ledger run": ["--spec", "../run/run_spec.json", "--ledger", "ledger.db", "--key", "../run/keys/owner.key"],
    "network stake": ["ab" * 32, "5", *TO_LEDGER], "network remove": ["ab" * 32, *TO_LEDGER],
    "network init": ["out", "--set", "inner.steps=2", "--store", "store"], "network join": ["../net", "--folder", "out", "--prepare", "--no-wait"],
    "network status": ["../net"], "network admit": ["ab" * 32, *TO_LEDGER],
    "network amend": ["--set", "outer.learning_rate=0.5", "--from", "next", "--anyway", *TO_LEDGER[:2], "--ledger", "../doomed.db", *TO_LEDGER[4:]],
    "network end-term": ["0", "--after", "0", *TO_LEDGER[:2], "--ledger", "../doomed.db", *TO_LEDGER[4:]],
}
NUMBERS = ["-1", "0", "1", "2", "3", "7", "64", "65535", "65536", "2147483647", "2147483648", "4294967296", "9223372036854775807",
           "9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775809", "nan", "NaN", "inf", "-inf",
           "1e400", "-1e400", "1e-400", "1e18", "0x10", "1e3", "1.5", "", " ", " 5", "5 ", "+5", "--5", "007", "\u0663", "1,5", "1_000",
           "9" * 400, "0." + "3" * 400, "true", "16MB", "1.5 GB", "-1MB", "1e400GB", "99EB", "0.0001B", "MB", "1KiBB"]
PATHS = ["", ".", "..", "/", "./", "../", "/dev/null", "/dev/full", "/dev/zero", "/dev/stdin", "/dev/stdout", "/dev/fd/0", "/dev/fd/99",
         "/proc/self/mem", "/proc/self/maps", "/proc/version", "/proc/nowhere/at/all", "nodir/x", "a/b/c/d", "new", "new/", "-", "--", "-x", "~",
         "n" * 255, "n" * 256, "n" * 240, "d/" * 120 + "x", "p" * 5000, "../names/" + "\u8a9e" * 85, "\u8a9e\u202eabc", "with space", "two\nlines",
         "tab\there", "quo'te\"d", "\x1b[31mred", b"bad-\xff\xfe".decode("utf-8", "surrogateescape"), "%s%n%d", "{}", "{0}", "$HOME", "*",
         "con:fig", "../loop-a", "../loop-a/x", "../dangling", "../dangling/x", "../to-text", "../to-key", "../to-run", "../fifo",
         "../null", "../socket", "../locked", "../locked/file", "../locked/new", "../readonly", "../readonly/file", "../readonly/new",
         "../secret", "../full", "../full/new", "../full/a/b", "../ro", "../ro/new", "../ro/file", "../empty-file", "../empty-folder",
         "../precious", "../precious/text", "../precious/book.txt", "../precious/my.key", "../precious/config.json",
         "../precious/model.safetensors", "../precious/notes.db", "../precious/text/nowhere/x", "../precious/book.txt/x", "../data",
         "../data/manifest.json", "../run", "../run/store", "../run/model", "../run/model/model.safetensors", "../run/ledger.db",
         "../run/run_spec.json", "../run/keys/miner-1.key", "../run/metrics/miner-1.jsonl", "../run/state", "../run/logs", "../broken",
         "../broken/store", "../broken/model", "../broken/ledger.db", "../broken/run_spec.json", "../broken/keys/miner-1.key",
         "../broken/data", "../a-file/x"]
SPECS = ["tiny", "150M", "1B", "70B", "Tiny", "../run/run_spec.json"]
TEXTS = {
    "--tokenizer": ["bytes", "sentencepiece:", "sentencepiece:../precious/book.txt", "sentencepiece:../fifo", "train:", "train:0",
                    "train:300", "train:-1", "train:99999999999999999999", "train:100000", "hf:x", "bytes:3", "../run/model"],
    "--log-levels": ["", "info", "debug", "trace", "off", "info,gather=debug", "=", ",", "gather", "gather=", "=debug", "x=y", "info,,info"],
    "--tag": ["", "=", "a=b", "a", "=b", "a=", "node=x", "a=b=c", "\n=\n", "a,b=c d", "\u8a9e=\u8a9e"],
    "--influx-url": ["", "x", "http://", "http://127.0.0.1:1", "http://127.0.0.1:99999", "file:///etc/passwd", "https://[::1]:1/", "ftp://x/"],
    "--loki-url": ["", "x", "http://", "http://127.0.0.1:1", "http://127.0.0.1:99999", "file:///etc/passwd", "http://[::1"],
    "--host": ["", "::1", "[::1]", "0.0.0.0", "256.1.1.1", "localhost", "127.1", "no.such.host.invalid", "::", "fe80::1%lo", "1:2"],
    "--prometheus-host": ["", "::1", "[::1]", "0.0.0.0", "256.1.1.1", "localhost", "no.such.host.invalid", "fe80::1"],
    "--backfill": ["", ":", "1:", ":1", "1:2", "2:1", "-1:3", "a:b", "1:2:3", "99999999999999999999:", "0x1:2"],
    "--num-fewshot": ["", "0", "1", "-1", "mmlu=1", "mmlu=", "=1", "x=1", "mmlu=99999999999", "1=1"],
    "--leader": ["", "0", "ab", "z" * 64, "0" * 64, "0" * 65],
    "--jsonl-field": ["", "text", "\n", "a.b"], "--extensions": ["", ",", "h", ".h", "h,,cc", "*", "/"],
    "--prompt": ["", "hello", "\x00".replace("\x00", "\x01"), "\u8a9e" * 1000, "x" * 100000, "\udcff"],
    "ADDRESS": ["", "file:", "s3:", "s3://", "s3://b", "s3://bucket", "s3://bucket/../x", "s3://bucket?endpoint=http://127.0.0.1:1",
                "s3://bucket?endpoint=http://[::1]:1&access=public", "s3://bucket?endpoint=https://[::1", "s3://bucket?endpoint=ftp://x",
                "s3://bucket?endpoint=http://127.0.0.1:99999", "s3://bucket?secret=x", "s3://bucket?region=&region=", "file:../nowhere",
                "file:../objects", "file:../run/store", "file:../a-file", "file:../locked", "file:../full", "file:../ro", "s3://" + "b" * 2000],
    "NAME": ["", "bucket/key", "bucket", "key", "bucket/", "/", "bucket/../key", "../x", "Bucket/key", "bucket/" + "k" * 600, "bucket/\n", "b/k"],
    "PREFIX": ["", "bucket", "bucket/", "bucket/k", "../", "x" * 600], "--influx-database": ["", "db", "a b", "../x"], "--spec": SPECS + PATHS, "SPEC": SPECS + PATHS,
}
# Configuration files.
CONFIGS = {
    "good": 'threads = 1\nlog-levels = "debug"\n', "empty": "", "comment": "\ufeff# nothing\n", "unknown": 'thraeds = 1\n', "section": "[miner]\nthreads = 1\n",
    "dotted": "miner.threads = 1\n", "kinds": 'threads = "1"\n', "list": "threads = [1, 2]\n", "empty-list": "tag = []\n", "tags": 'tag = ["a=b", "c=d"]\n',
    "range": "threads = 99999999999\n", "huge": "threads = 99999999999999999999\n", "nan": "system-interval = nan\n", "date": "threads = 2026-11-28\n",
    "twice": "threads = 1\nthreads = 2\n", "open": 'tag = ["a=b",\n', "deep": "tag = " + "[" * 5000, "long": f'tag = ["{"x" * 900_000}"]\n', "nul": "threads = 1\0\n",
    "itself": 'config = "../configs/itself"\n', "escape": 'log-levels = "\\u001b[31m"\n', "large": "#" * (2 << 20), "key": f'"{"k" * 5000}" = 1\n',
    "url": 'influx-url = "http://me:hunter2-hunter2@127.0.0.1:1"\n', "paths": 'spec = "tiny"\ndata = "../data"\n',
}
TEXTS["--config"] = [f"../configs/{name}" for name in CONFIGS]
# Words of a library or of the language where a person's should be.
RAW = re.compile(r"std::|basic_string|bad_alloc|filesystem error|terminate called|vector::|_M_|stoi|stoul|map::at|bad optional|bad variant|"
                 r"json\.exception|cannot write to file|CHECK failed|Assertion|Sanitizer|sentences_\.|\bwhat\(\)|__cxx|core dumped|bad_function|std_")


def parse_help(text):
    """(name, kind, allowed) of each option and positional argument, and the verbs below."""
    options, verbs, part = [], [], ""
    for line in text.split("\n"):
        if re.fullmatch(r"[A-Z].*:", line):
            part = line
            continue
        found = re.match(r"  (\S+)(.*)$", line)
        if not found or line.startswith("   "):
            continue
        name, rest = found.groups()
        if part == "Subcommands:":
            verbs.append(name)
        elif part and part not in ("Formats:",):
            name = name.split(",")[-1].split("{")[0]
            kind = re.match(r" (TEXT|INT|UINT|FLOAT)(\S*)", rest)
            names = re.search(r"\{([^}]*)\}", rest)
            options.append((name, kind.group(1) if kind else "flag", names.group(1).split(",") if kind and names else []))
    return options, verbs


def read_verbs(templar, path=()):
    shown = subprocess.run([templar, *path, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
    options, verbs = parse_help(shown)
    if not verbs:
        return {" ".join(path): options}
    tables = {}
    for verb in verbs:
        tables.update(read_verbs(templar, (*path, verb)))
    return tables


class Fixture:
    """The tree that lines are tried on, made once; each worker has a copy."""

    def __init__(self, templar, folder):
        self.folder = folder
        self.fields = re.findall(r"^(\S+)$", subprocess.run([templar, "run", "fields"], capture_output=True, text=True, check=True).stdout, re.M)
        os.makedirs(f"{folder}/precious/text/deep")
        texts = [open(f"/usr/include/{name}.h", encoding="utf-8", errors="replace").read() for name in ("stdio", "stdlib", "string", "math")]
        for place, text in zip(("text/a.txt", "text/deep/b.txt", "book.txt", "text/c.h"), texts):
            self.write(f"precious/{place}", text)
        self.write("precious/config.json", '{"mine": true}\n')
        self.write("precious/notes.db", "SQLite format 3\0 mine")
        self.write("home/.bashrc", "mine\n")
        for place in ("objects", "doomed"):  # stores
            self.write(f"{place}/bucket/key", "an object\n")
        for name, text in CONFIGS.items():
            self.write(f"configs/{name}", text)
        for name in ("empty-file", "a-file"):
            self.write(name, "" if name == "empty-file" else "x\n")
        self.call(templar, "key", "new", "precious/my.key")
        self.call(templar, "data", "prepare", "precious", "--sequence-length", "32", "--held-out-samples", "8", "--out", "data")
        self.call(templar, "localnet", "--data", "data", "--out", "run", "--windows", "2", "--miners", "2", "--no-baseline", *SMALL)
        self.call(templar, "network", "init", "net", "--data", "data", "--store", "net/store", "--set", "inner.sequence_length=32")
        self.call(templar, "checkpoint", "export", "run", "precious/model.safetensors", "--format", "safetensors")
        bucket = next(b for b in sorted(os.listdir(f"{folder}/run/store")) if os.path.isdir(f"{folder}/run/store/{b}/contributions"))
        name = sorted(os.listdir(f"{folder}/run/store/{bucket}/contributions"))[0]
        shutil.copy(f"{folder}/run/store/{bucket}/contributions/{name}", f"{folder}/run/a-contribution")
        shutil.copytree(f"{folder}/run", f"{folder}/broken")
        shutil.copy(f"{folder}/run/ledger.db", f"{folder}/doomed.db")
        for name in ("empty-folder", "locked", "readonly", "names", "full", "ro", "cwd"):
            os.mkdir(f"{folder}/{name}")
        for link, target in (("loop-a", "loop-b"), ("loop-b", "loop-a"), ("dangling", "not-there"), ("to-text", "precious/text"),
                             ("to-key", "precious/my.key"), ("to-run", "run")):
            os.symlink(target, f"{folder}/{link}")
        for name in ("locked/file", "readonly/file", "secret"):
            self.write(name, "mine\n")
        for name, mode in (("locked", 0), ("readonly", 0o555), ("secret", 0)):
            os.chmod(f"{folder}/{name}", mode)

    def write(self, name, text):
        path = f"{self.folder}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def call(self, *command):
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=120)
        if done.returncode:
            sys.exit(f"{shlex.join(command)}: {done.stderr}")


class Worker:
    def __init__(self, fixture, root, templar, tables):
        self.fixture, self.root, self.templar, self.tables = fixture, root, templar, tables
        self.before = None

    # ---- the tree -------------------------------------------------------------------------------------------------------------------
    def mounts(self):
        return [f"{self.root}/full", f"{self.root}/ro"]

    def remove(self):
        if IS_ROOT:
            for place in self.mounts():
                while os.path.ismount(place):
                    subprocess.run(["umount", "-l", place], check=True)
        subprocess.run(["chmod", "-R", "u+rwX", self.root], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.root, ignore_errors=True)

    def make(self):
        self.remove()
        subprocess.run(["cp", "-a", self.fixture.folder, self.root], check=True)
        os.mkfifo(f"{self.root}/fifo")
        with socket.socket(socket.AF_UNIX) as server:
            here = os.open(self.root, os.O_RDONLY)
            server.bind(f"/proc/self/fd/{here}/socket")
            os.close(here)
        if IS_ROOT:
            os.mknod(f"{self.root}/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
            os.chmod(f"{self.root}/null", 0o666)
            subprocess.run(["chown", "-R", "-h", str(NOBODY), self.root], check=True)
            for place, options in zip(self.mounts(), ("size=64k,mode=777", "size=64k,mode=777")):
                subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", place], check=True)
            try:
                with open(f"{self.root}/full/file", "wb", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))
            except OSError as failure:
                assert failure.errno == errno.ENOSPC
            with open(f"{self.root}/ro/file", "w", encoding="utf-8") as file:
                file.write("mine\n")
            # A process that another thread is just starting may still hold the file that was written.
            for attempt in range(100):
                if subprocess.run(["mount", "-o", "remount,ro", f"{self.root}/ro"], check=attempt == 99, stderr=subprocess.DEVNULL).returncode == 0:
                    break
                time.sleep(0.02)
        self.before = self.look()

    def look(self):
        """What the tree holds but for cwd: path -> what it is."""
        seen = {}
        todo = [self.root]
        while todo:
            folder = todo.pop()
            try:
                entries = list(os.scandir(folder))
            except PermissionError:
                continue
            for entry in entries:
                if entry.path == f"{self.root}/cwd":
                    continue
                found = entry.stat(follow_symlinks=False)
                kind = stat.S_IFMT(found.st_mode)
                seen[entry.path] = (kind, found.st_mode, found.st_ino) + ((found.st_size, found.st_mtime_ns) if kind == stat.S_IFREG else ())
                if kind == stat.S_IFDIR:
                    todo.append(entry.path)
        return seen

    def original(self, path):
        with open(self.fixture.folder + path[len(self.root):], "rb") as file:
            return file.read()

    # ---- the line -------------------------------------------------------------------------------------------------------------------
    def hostile(self, rng, name, kind, allowed):
        if kind in ("INT", "UINT", "FLOAT"):
            return rng.choice(NUMBERS) if rng.random() < 0.7 else str(rng.choice([0, 1, 2, 3, 8, 16, 64]))
        if name == "--set":
            return self.change(rng)
        if allowed and rng.random() < 0.6:
            return rng.choice(allowed)
        if name in TEXTS and rng.random() < 0.8:
            return rng.choice(TEXTS[name])
        return rng.choice(PATHS + (NUMBERS if rng.random() < 0.1 else []))

    def change(self, rng):
        if rng.random() < 0.1:
            return rng.choice(["", "=", "x", "x=y", "seed", "=5", "model=3", "seed=1=2", "inner.steps =2", "\u8a9e=1"])
        value = rng.choice(NUMBERS + ["true", "false", "sparseloco", "muon", "adamw", "mean4", "x" * 1000, "null", "[]", '"5"'])
        return f"{rng.choice(self.fixture.fields)}={value}"

    def line(self, rng):
        """The verb, its arguments, and which of these are where output goes, or None."""
        verb = rng.choice(sorted(self.tables))
        options = self.tables[verb]
        groups = self.groups(GOOD[verb])
        for _ in range(rng.choice([0, 1, 1, 1, 2, 2, 3, 4])):
            way = rng.random()
            valued = [g for g in groups if not (len(g) == 1 and g[0].startswith("--"))]
            if way < 0.4 and valued:
                group = rng.choice(valued)
                name = group[0] if len(group) == 2 else self.positional(verb, groups, group)
                found = next((o for o in options if o[0] == name), (name, "TEXT", []))
                group[-1] = self.hostile(rng, *found)
            elif way < 0.9 and options:
                name, kind, allowed = rng.choice(options)
                value = [] if kind == "flag" else [self.hostile(rng, name, kind, allowed)]
                new = ([name] if name.startswith("-") else []) + value
                if name not in ("-h", "--help") or rng.random() < 0.1:
                    groups.append(new)
            elif way < 0.95 and groups:
                groups.remove(rng.choice(groups))
            elif groups:
                groups.append(list(rng.choice(groups)))
        words = [word.replace("\0", "\1") for group in groups for word in group]
        return verb, words

    def variables(self, rng, verb):
        """Options of the verb, but none where output goes, as environment variables."""
        if rng.random() < 0.8:
            return {}
        options = [option for option in self.tables[verb] if option[0].startswith("--") and option[0] not in OUTPUTS]
        chosen = rng.sample(options, min(len(options), rng.choice([1, 1, 2, 4])))
        values = {name[2:].upper().replace("-", "_"): rng.choice(["1", "0", "yes", "maybe"]) if kind == "flag" else self.hostile(rng, name, kind, allowed)
                  for name, kind, allowed in chosen}
        return {f"TEMPLAR_{name}": value.replace("\0", "\1") for name, value in values.items() if len(value) < 100_000}

    @staticmethod
    def groups(words):
        groups, i = [], 0
        while i < len(words):
            has_value = words[i].startswith("--") and i + 1 < len(words) and words[i] != "--no-baseline" and not words[i + 1].startswith("--")
            groups.append(list(words[i:i + 2] if has_value else words[i:i + 1]))
            i += 2 if has_value else 1
        return groups

    def positional(self, verb, groups, group):
        names = [name for name, _, _ in self.tables[verb] if not name.startswith("-")]
        own = [g for g in groups if len(g) == 1 and not g[0].startswith("--")]
        return names[min(own.index(group), len(names) - 1)] if names else ""

    def outputs(self, verb, words):
        """Every path that the line names as its output."""
        names = [name for name, _, _ in self.tables[verb] if not name.startswith("-")]
        found = []
        for group in self.groups(words):
            if verb in ("data push", "store put", "store check", "store rm") and group[0].startswith("file:"):
                found.append(("ADDRESS", group[0].removeprefix("file:")))
            elif verb == "store get" and len(group) == 1:
                found.append(("FILE", group[0]))
            elif len(group) == 2 and group[0] in OUTPUTS or verb in ("key new", "checkpoint export", "network init") and len(group) == 1:
                found.append((group[0] if len(group) == 2 else "", group[-1]))
        if verb in ("network join", "network status"):  # SQLite's own files beside the ledger that the join file names; a node's folder
            found += [("--ledger", "../net/ledger.db")] + [("", f"templar-{role}") for role in ("miner", "validator", "evaluator")]
        del names
        allowed = []
        for name, value in found:
            lexical = os.path.normpath(os.path.join(self.root, "cwd", value))
            try:
                allowed += [(name, lexical), (name, os.path.realpath(lexical))]
            except (OSError, ValueError):
                allowed.append((name, lexical))
        return allowed

    # ---- one trial ------------------------------------------------------------------------------------------------------------------
    def damage(self, rng):
        """Some file of the broken run is torn, flipped, emptied, or something else."""
        files = sorted(p for p, what in self.before.items() if p.startswith(f"{self.root}/broken/") and what[0] == stat.S_IFREG)
        path = rng.choice(files)
        content = bytearray(self.original(path))
        way = rng.randrange(5)
        if way == 0:
            content = content[:rng.randrange(len(content) + 1)]
        elif way == 1 and content:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        elif way == 2:
            content = bytearray()
        elif way == 3:
            content = bytearray(rng.randbytes(len(content)))
        os.remove(path)
        if way == 4:
            os.mkdir(path)
        else:
            with open(path, "wb") as file:
                file.write(content)
        if IS_ROOT:
            os.chown(path, NOBODY, -1)
        return [path]

    def try_line(self, seed, index):
        """(the line as a person reads it, what is wrong with its outcome)."""
        rng = random.Random(f"{seed}/{index}")
        if self.before is None:
            self.make()
        verb, words = self.line(rng)
        variables = self.variables(random.Random(f"{seed}/{index}/variables"), verb)
        damaged = self.damage(rng) if any("broken" in word for word in [*words, *variables.values()]) else []
        before = self.look() if damaged else self.before
        shutil.rmtree(f"{self.root}/cwd", ignore_errors=True)
        os.mkdir(f"{self.root}/cwd")
        if IS_ROOT:
            os.chown(f"{self.root}/cwd", NOBODY, -1)
        out = rng.choices(["kept", "/dev/full", "closed", "pipe"], [80, 8, 6, 6])[0]
        err = rng.choices(["kept", "/dev/full", "closed", "pipe"], [90, 4, 3, 3])[0]
        inp = rng.choices(["/dev/null", "closed", "waiting", "text"], [70, 8, 8, 14])[0]
        limit = rng.choices([None, (resource.RLIMIT_FSIZE, rng.choice([4096, 20000, 100000, 1000000])), (resource.RLIMIT_AS, rng.choice([150, 300, 1000]) << 20),
                             (resource.RLIMIT_NOFILE, rng.choice([4, 8, 12, 20, 40])), (resource.RLIMIT_NPROC, rng.choice([0, 1, 3])),
                             (resource.RLIMIT_CPU, 1), (resource.RLIMIT_STACK, 256 << 10)], [70, 6, 6, 6, 4, 3, 3])[0]
        ordinary = IS_ROOT and (rng.random() < 0.5 or (limit and limit[0] == resource.RLIMIT_NPROC))
        end = rng.choices([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU], [60, 15, 10, 5, 5, 5])[0]
        runs_on = verb.startswith(RUN_ON)
        after = rng.uniform(0.4, 3) if runs_on else DEADLINE_S
        outcome = self.start(verb, words, out, err, inp, limit, ordinary, end, after, variables)
        how = ", ".join(f"{name} {value}" for name, value in (("stdout", out), ("stderr", err), ("stdin", inp)) if value not in ("kept", "/dev/null"))
        if limit:
            names = {resource.RLIMIT_FSIZE: "-f", resource.RLIMIT_AS: "-v", resource.RLIMIT_NOFILE: "-n", resource.RLIMIT_NPROC: "-u",
                     resource.RLIMIT_CPU: "-t", resource.RLIMIT_STACK: "-s"}
            how += f"; ulimit {names[limit[0]]} {limit[1]} (in its own unit)"
        if ordinary:
            how += "; an ordinary user"
        if outcome["stopped"]:
            how += f"; {end.name} after {after:.2f} s"
        if damaged:
            how += f"; damaged {damaged[0][len(self.root) + 1:]}"
        litter = [name for name in os.listdir(f"{self.root}/cwd") if name.startswith("templar-bench") and not (limit and limit[0] == resource.RLIMIT_NOFILE) or ".tmp" in name]
        litter = [f"left {name} behind" for name in litter if outcome["code"] >= 0]
        wrong = litter + self.judge(verb, [*words, *variables.values()], out, err, inp, limit, runs_on, outcome) + self.changes(verb, words, before)
        if damaged or self.look() != self.before:
            self.before = None
        shown = shlex.join([*(f"{name}={value}" for name, value in variables.items()), "templar", *verb.split(), *words])
        return (shown if len(shown) < 3000 else shown[:3000] + "...") + (f"   [{how.strip('; ')}]" if how else ""), wrong, outcome

    def start(self, verb, words, out, err, inp, limit, ordinary, end, after, variables=None):
        dropped, files = [], {}

        def place(kind, target):
            if kind == "kept":
                files[target] = tempfile.TemporaryFile()
                return files[target]
            if kind == "pipe":
                reader, writer = os.pipe()
                os.close(reader)
                dropped.append(writer)
                return writer
            dropped.append(os.open("/dev/full" if kind == "/dev/full" else "/dev/null", os.O_RDWR))
            return dropped[-1]

        stdin = subprocess.DEVNULL if inp in ("/dev/null", "closed") else subprocess.PIPE

        def enter():
            # A shell without job control has what it starts with & ignore Ctrl-C, nohup has it ignore SIGHUP, and those who start with it.
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU):
                signal.signal(number, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            if ordinary:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            for kind, number in ((inp, 0), (out, 1), (err, 2)):
                if kind == "closed":
                    os.close(number)
            if limit:
                hard = limit[1] + 5 if limit[0] == resource.RLIMIT_CPU else limit[1]
                resource.setrlimit(limit[0], (limit[1], hard))

        environment = {"PATH": os.environ["PATH"], "HOME": f"{self.root}/home", "LANG": "C.UTF-8"}
        environment |= {name: os.fsencode(value) for name, value in (variables or {}).items()}
        start = time.monotonic()
        process = subprocess.Popen([self.templar, *verb.split(), *[os.fsencode(word) for word in words]], cwd=f"{self.root}/cwd", stdin=stdin,
                                   stdout=place(out, "out"), stderr=place(err, "err"), preexec_fn=enter, start_new_session=True, env=environment)
        for number in dropped:
            os.close(number)
        if inp == "text":
            try:
                process.stdin.write(b"A text.\n\nAnother one.\n" * 500)
                process.stdin.close()
            except OSError:
                pass
        stopped = hung = False
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            stopped = True
            process.send_signal(end)
            try:
                process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                hung = True
                self.kill_session(process.pid)
                process.wait()
        seconds = time.monotonic() - start
        left = self.left_behind(process.pid)
        self.kill_session(process.pid)
        if process.stdin and not process.stdin.closed:
            process.stdin.close()
        texts = {}
        for target, file in files.items():
            file.seek(0)
            texts[target] = file.read().decode("utf-8", "replace")
            file.close()
        return {"code": process.returncode, "stopped": stopped, "hung": hung, "seconds": seconds, "left": left, "end": end,
                "out": texts.get("out", ""), "err": texts.get("err", "")}

    @staticmethod
    def session(sid):
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                        fields = file.read().rpartition(")")[2].split()
                    if int(fields[3]) == sid and fields[0] not in "ZX":
                        found.append(int(name))
                except (OSError, IndexError):
                    pass
        return found

    def left_behind(self, sid):
        until = time.monotonic() + 5
        while self.session(sid) and time.monotonic() < until:
            time.sleep(0.05)
        return len(self.session(sid))

    def kill_session(self, sid):
        for pid in self.session(sid):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass

    def try_outputs(self, verb):
        """What is wrong with the verb's good line where its output can't be written; [] if nothing is."""
        wrong, ends = [], verb in ("dashboard", "ledger run", *SILENT)
        for out, err, expected in (("kept", "kept", (0, 130)), ("/dev/full", "kept", (1, 130)), ("closed", "kept", (1, 130)),
                                   ("pipe", "kept", (-signal.SIGPIPE, 141)), ("kept", "/dev/full", (0, 130)), ("kept", "closed", (0, 130)),
                                   ("kept", "pipe", (0, 130))):
            self.make()
            outcome = self.start(verb, GOOD[verb], out, err, "/dev/null", None, False, signal.SIGINT, 1 if ends else 30)
            if "built without the dashboard" in outcome["err"]:
                print(f"SKIPPED: {verb}: no page in this build")
                return []
            silent = verb in SILENT and out != "kept"
            if outcome["hung"] or outcome["code"] not in expected + ((0, 130) if silent else ()):
                wrong.append(f"stdout {out}, stderr {err}: exit code {outcome['code']}")
            lost = out in ("/dev/full", "closed") and not silent and "standard output: " not in outcome["err"]
            if lost or out == "pipe" and "roken pipe" in outcome["err"] or out == err == "kept" and verb not in SILENT and not outcome["out"]:
                wrong.append(f"stdout {out}: says '{outcome['err'][-300:]}'")
        return wrong

    # ---- the judgement --------------------------------------------------------------------------------------------------------------
    def judge(self, verb, words, out, err, inp, limit, runs_on, outcome):
        wrong, code, said = [], outcome["code"], outcome["err"]
        # store ls: where no name begins so.
        prints_nothing = verb == "store ls" or verb == "tokenize" and ("../empty-file" in words or "/dev/null" in words or inp in ("/dev/null", "closed"))
        if outcome["hung"]:
            return [f"did not end {DEADLINE_S} s after {outcome['end'].name}"]
        waits = inp == "waiting" or any(word in ("/", "/dev/zero") or "fifo" in word for word in words)
        waits = waits or (verb == "data push" and any("endpoint=" in word for word in words))  # half a minute for a server that is away
        waits = waits or (out == "pipe" and "/dev/stdout" in words)  # opened for reading it is a pipe whose only writer is the reader
        if outcome["stopped"] and not runs_on and not waits:
            wrong.append(f"ran for more than {DEADLINE_S} s")
        if outcome["left"]:
            wrong.append(f"left {outcome['left']} processes behind")
        loader = code == 127 and "error while loading shared libraries" in said or code == 127 and err != "kept" and limit
        if code < 0 and not (code == -signal.SIGPIPE and "pipe" in (out, err)):
            is_cpu = limit and limit[0] == resource.RLIMIT_CPU
            ends = ([outcome["end"]] if outcome["stopped"] else []) + ([signal.SIGXCPU] if is_cpu else [])
            # Until its configuration has been read a program is asked to end as any other.
            configures = any(before == "--config" and "fifo" in word for before, word in zip(words, words[1:]))
            is_end = -code in ends and (verb in PLAIN or not runs_on or configures) or is_cpu and code == -signal.SIGKILL
            if not is_end and not (limit and limit[0] in (resource.RLIMIT_AS, resource.RLIMIT_STACK) and self.died_in_loader(limit)):
                wrong.append(f"died of {signal.Signals(-code).name}")
        elif code not in (0, 1, 2, 130) and not (code == 141 and out == "pipe") and code >= 0 and not loader:
            wrong.append(f"exit code {code}")
        if code == 0 and out in ("/dev/full", "closed") and not outcome["stopped"] and verb not in SILENT and not prints_nothing:
            wrong.append("exit code 0, and its output is lost")
        if err == "kept":
            if code not in (0, 130) and code >= 0 and not said.strip() and not (outcome["stopped"] or out == "pipe") and verb != "checkpoint diff":
                wrong.append(f"exit code {code} without a reason")
            if "hunter2-hunter2" in said or "hunter2-hunter2" in outcome["out"]:
                wrong.append("shows a password")
            if out == "pipe" and "roken pipe" in said:
                wrong.append("a closed pipe is complained of")
            raw = RAW.search(said)
            if raw:
                wrong.append(f"says a library's words: {raw.group(0)}")
            longest = max((len(line) for line in said.split("\n")), default=0)
            if longest > 4000:
                wrong.append(f"a line of {longest} characters on standard error")
        return wrong

    @staticmethod
    def died_in_loader(limit):
        """A limit under which not even `true` starts."""
        def enter():
            resource.setrlimit(limit[0], (limit[1], limit[1]))
        return subprocess.run(["true"], preexec_fn=enter, stderr=subprocess.DEVNULL).returncode != 0

    def changes(self, verb, words, before):
        """What changed in the tree that the line did not name, or that was somebody's."""
        after, wrong = self.look(), []
        allowed = self.outputs(verb, words)

        def own(path):
            return [name for name, root in allowed if path == root or path.startswith(root + "/")]

        def beside(path):  # journals, rotated files
            return any(path.startswith(root) and os.path.dirname(path) == os.path.dirname(root) for name, root in allowed
                       if name in APPENDED or name == "--ledger")

        for path in sorted(set(before) | set(after)):
            if before.get(path) == after.get(path):
                continue
            short = path[len(self.root) + 1:]
            is_old = path in before
            if not is_old and (own(path) or beside(path) or any(root.startswith(path + "/") for _, root in allowed)):
                continue
            if is_old and not own(path) and not beside(path):
                wrong.append(f"changed {short}, which it was not given")
            elif not is_old:
                wrong.append(f"made {short}, which it was not given")
            elif before[path][0] == stat.S_IFREG and self.is_lost(verb, words, path, own(path)):
                wrong.append(f"{short} is not what it was")
            elif before[path][0] not in (stat.S_IFREG, stat.S_IFDIR) and before[path] != after.get(path):
                wrong.append(f"{short}: what is no file was replaced")
        return wrong[:5]

    def is_lost(self, verb, words, path, names):
        short = path[len(self.root) + 1:]
        if verb == "localnet" and short.startswith(("run/", "broken/")) and "--out" in names:
            return False
        if verb in ("miner", "validator", "evaluator") and {"--store", "--ledger", "--state"} & set(names) and not short.startswith("precious"):
            return False
        if verb.startswith(("ledger ", "network ")) and "--ledger" in names and not short.startswith("precious"):
            return False
        if verb == "data prepare" and short.startswith(("data/", "run/data/", "broken/data/")):
            return False
        if verb in ("data push", "store get", "store put", "store rm") and ("--force" in words or "ADDRESS" in names):
            return False  # he said so
        if verb == "checkpoint export" and "--force" in words and short.startswith("precious/model.safetensors"):
            return False
        old = self.original(path)
        try:
            with open(path, "rb") as file:
                new = file.read()
        except OSError:
            return True
        grown = APPENDED & set(names) and new.startswith(old) and short.endswith((".jsonl", ".log", ".txt", "empty-file", "a-file", "file"))
        return new != old and not grown


def main():
    parser = argparse.ArgumentParser()
    root = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    parser.add_argument("--templar", default=next((p for p in (f"{root}/build/{b}/templar" for b in ("release", "dev", "quick")) if os.path.exists(p)), ""))
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="this line alone, with what it said")
    parser.add_argument("--outputs", action="store_true", help="instead a good line of each verb, with outputs that can't be written")
    parser.add_argument("--jobs", type=int, default=2 * len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    if not os.path.exists(arguments.templar):
        sys.exit("no templar is built: give --templar FILE")
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="templar-fuzz-") as work:
        os.chmod(work, 0o755)
        templar = f"{work}/templar"  # a copy: an ordinary user may run it, and nobody builds another one meanwhile
        shutil.copy(arguments.templar, templar)
        tables = read_verbs(templar)
        if missing := set(tables) ^ set(GOOD):
            sys.exit(f"scripts/fuzz_command_line.py lacks a line of {', '.join(sorted(missing))}")
        fixture = Fixture(templar, f"{work}/fixture")
        local = threading.local()
        workers = []

        def try_line(index):
            if not hasattr(local, "worker"):
                local.worker = Worker(fixture, f"{work}/{hashlib.sha1(str(threading.get_ident()).encode()).hexdigest()[:8]}", templar, tables)
                workers.append(local.worker)
            return index, *local.worker.try_line(arguments.seed, index)

        if arguments.outputs:
            each = {verb: Worker(fixture, f"{work}/{verb.replace(' ', '-')}", templar, tables) for verb in sorted(tables)}
            bad = 0
            try:
                with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
                    for verb, wrong in zip(each, pool.map(lambda one: one[1].try_outputs(one[0]), each.items())):
                        bad += len(wrong)
                        for what in wrong:
                            print(f"FAILED: templar {verb} {shlex.join(GOOD[verb])}: {what}", flush=True)
            finally:
                for worker in each.values():
                    worker.remove()
                subprocess.run(["chmod", "-R", "u+rwX", work], check=False)
            print(f"{len(tables)} verbs, {bad} failed")
            sys.exit(bad > 0)
        lines = [arguments.only] if arguments.only is not None else range(arguments.count)
        bad, codes, slowest, begun = 0, {}, 0.0, time.monotonic()
        try:
            with concurrent.futures.ThreadPoolExecutor(arguments.jobs if len(lines) > 1 else 1) as pool:
                for index, shown, wrong, outcome in pool.map(try_line, lines):
                    codes[outcome["code"]] = codes.get(outcome["code"], 0) + 1
                    slowest = max(slowest, outcome["seconds"])
                    if arguments.only is not None:
                        print(f"{shown}\nexit code {outcome['code']} after {outcome['seconds']:.1f} s\n{outcome['out'][-2000:]}{outcome['err'][-4000:]}")
                    if wrong:
                        bad += 1
                        print(f"FAILED: line {index} of seed {arguments.seed} (again: --seed {arguments.seed} --only {index}): {'; '.join(wrong)}\n"
                              f"    {shown}\n    {outcome['err'].strip()[-300:]}", flush=True)
        finally:
            for worker in workers:
                worker.remove()
            subprocess.run(["chmod", "-R", "u+rwX", work], check=False)
    print(f"{len(lines)} lines of {len(tables)} verbs in {time.monotonic() - begun:.0f} s, seed {arguments.seed}; exit codes "
          f"{', '.join(f'{code}: {count}' for code, count in sorted(codes.items()))}; slowest {slowest:.1f} s; {bad} failed")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
