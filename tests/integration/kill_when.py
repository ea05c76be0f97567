"""Kills a node of a running localnet with -9 at an instant that files tell: kill_when.py OUT NODE INSTANT [UID BUCKET]

Prints "WINDOW RESTART_WINDOW" once the supervisor has started it again: the window in which it was killed, and the one that ran when
it was started. INSTANT is one of
  training    (a miner) its window has begun and its contribution is not there yet
  waiting     (a miner) its contribution is there, the window is not being decided yet
  deciding    (the validator) its copies for the window's decision are there, its judgement is not
  judged      (the validator) the judgement is there, the checkpoint that is due is not
  between     (the validator) after a judgement, before the next decision
  evaluating  (the evaluator) a checkpoint is there that it has not evaluated
"""
import json
import os
import pathlib
import signal
import sys
import time

out, node, instant = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
bucket = out / "store" / sys.argv[4]       # the node's own (the leader's for the evaluator)
leader = out / "store" / sys.argv[5]
patience_s = 20


def windows_in(folder):
    try:
        return [int(name) for name in os.listdir(folder) if name.isdigit()]
    except FileNotFoundError:
        return []


def newest(folder):
    return max(windows_in(folder), default=-1)


def next_to_judge():
    try:
        return json.loads((leader / "scoreboard.json").read_text())["next_window"]
    except FileNotFoundError:
        return 0


def evaluated():
    try:
        return {int(line) for line in (out / "state" / "evaluator" / "evaluated.txt").read_text().split()}
    except FileNotFoundError:
        return set()


def the_instant():
    """The window of the instant, if it is now."""
    decided = newest(leader / "accepted")
    if instant == "training":
        return decided + 1 if decided >= 0 and newest(bucket / "contributions") == decided else None
    if instant == "waiting":
        return decided + 1 if newest(bucket / "contributions") == decided + 1 else None
    judged = next_to_judge() - 1
    if instant == "deciding":
        return decided if decided == judged + 1 else None
    if instant == "judged":
        due = judged >= 0 and (judged + 1) % 2 == 0 and not (leader / f"checkpoints/{judged + 1:010d}/manifest.json").exists()
        return judged if due else None
    if instant == "between":
        return judged if judged >= 0 and decided == judged else None
    if instant == "evaluating":
        missing = set(windows_in(leader / "checkpoints")) - evaluated()
        return min(missing) if missing else None
    sys.exit(f"unknown instant {instant}")


def pid_of():
    try:
        return int((out / "state" / node / "pid").read_text())
    except (FileNotFoundError, ValueError):
        return None


def wait_until(what, condition):
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        value = condition()
        if value is not None:
            return value
        if (out / "summary.json").exists():
            sys.exit(f"the run was over before {what}")
        time.sleep(0.0005)
    sys.exit(f"waited {patience_s} s in vain: {what}")


pid = wait_until(f"{node} has a process", pid_of)
start = newest(leader / "accepted")
# The next such instant, not one that an earlier kill has left behind.
wait_until("a new window", lambda: True if newest(leader / "accepted") > start else None)
window = wait_until(f"{node} is {instant}", the_instant)
os.kill(pid, signal.SIGKILL)
new_pid = wait_until(f"{node} is started again", lambda: pid_of() if pid_of() not in (None, pid) else None)
print(window, newest(leader / "accepted") + 1)
