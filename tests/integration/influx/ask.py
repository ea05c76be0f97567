#!/usr/bin/env python3
"""Asks the servers of influx_test.sh, and compares what they hold with what was logged."""
import base64
import json
import math
import socket
import ssl
import sys
import time
import urllib.parse
import urllib.request


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        print(listener.getsockname()[1])


def influx(base, user, password, statement, database="templar", ca_file=None):
    """The results' series of one statement; times in nanoseconds."""
    query = urllib.parse.urlencode({"db": database, "epoch": "ns", "q": statement})
    request = urllib.request.Request(f"{base}/query", data=query.encode(), method="POST")
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    request.add_header("Authorization", f"Basic {token}")
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), *([urllib.request.HTTPSHandler(context=context)] if context else []))
    result = json.load(opener.open(request, timeout=60))["results"][0]
    if "error" in result:
        sys.exit(f"{statement}: {result['error']}")
    return result.get("series", [])


def points(series):
    """(name, tags, fields, time) of a SELECT * ... GROUP BY *; a field without a value is not there."""
    found = []
    for one in series:
        tags = {key: value for key, value in one.get("tags", {}).items() if value != ""}
        for row in one["values"]:
            fields = {key: value for key, value in zip(one["columns"], row) if key != "time" and value is not None}
            found.append((one["name"], tags, fields, row[0]))
    return found


def comparable(points_of_any):
    # An integer and a float of the same value are different: their JSON differs in the server's field types.
    return sorted(json.dumps(point, sort_keys=True) for point in points_of_any)


def logged(file):
    for line in open(file, encoding="utf-8"):
        point = json.loads(line)
        fields = {key: value for key, value in point["fields"].items() if value is not None}
        yield point["name"], point["tags"], fields, point["time_ns"]


def same_numbers(fields):
    """JSON from Go writes 5.0 as 5: compare by value, the types by SHOW FIELD KEYS."""
    return {key: float(value) if isinstance(value, (int, float)) and abs(value) < 2**53 else value
            for key, value in fields.items()}


def kinds(base, user, password, file):
    """Every measurement in the file but those that are replaced on purpose is there, equal, and no other."""
    expected, names = [], set()
    for name, tags, fields, time_ns in logged(file):
        if "replaced" in name or not fields:
            continue
        names.add(name)
        expected.append((name, tags, same_numbers(fields), time_ns))
    found = []
    for name in sorted(names):
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        series = influx(base, user, password, f'SELECT * FROM "{quoted}" GROUP BY *')
        found += [(n, t, same_numbers(f), time) for n, t, f, time in points(series)]
    missing = set(comparable(expected)) - set(comparable(found))
    surplus = set(comparable(found)) - set(comparable(expected))
    if missing or surplus or len(found) != len(expected):
        sys.exit("logged but not there:\n  " + "\n  ".join(missing) + "\nthere but not logged:\n  " + "\n  ".join(surplus))
    types = {row[0]: row[1] for row in influx(base, user, password, 'SHOW FIELD KEYS FROM "kinds"')[0]["values"]}
    wanted = {"integer": "integer", "largest": "integer", "smallest": "integer", "float": "float", "whole": "float",
              "tiny": "float", "huge": "float", "minus": "float", "text": "string", "peers": "string", "nothing": "float",
              "losses_mean": "float", "losses_min": "float", "losses_max": "float", "losses_median": "float"}
    if types != wanted:
        sys.exit(f"types of the fields: {types}")
    print(f"{len(found)} points equal")


def replaced(base, user, password):
    series = influx(base, user, password, r"SELECT * FROM /replaced/ GROUP BY *")
    found = [(name, tags, fields) for name, tags, fields, _ in points(series)]
    wanted = [
        ("replaced", {"t": "line\\nend", "time_": "tag", "version": "1"}, {"time_": 1, "new\\nline": 2}),
        ("\\#replaced", {"t": "ends with/", "version": "1"}, {"number": 3}),
        ("replaced", {"t": "wrong \ufffd byte", "version": "1"}, {"number": 4}),
        ("replaced a/,b", {"t": "c/,d//=e/ f", "version": "1"}, {"g/\"h": 5}),
    ]
    if comparable(found) != comparable(wanted):
        sys.exit("found:\n  " + "\n  ".join(comparable(found)) + "\nwanted:\n  " + "\n  ".join(comparable(wanted)))
    print(f"{len(found)} points as documented")


def stream(base, user, password, count):
    """The numbers 0 ... count - 1 are there, each once."""
    count = int(count)
    total = distinct = summed = 0
    for one in influx(base, user, password, 'SELECT count("number"), sum("number"), min("number"), max("number") '
                                            'FROM "stream" GROUP BY "series"'):
        series, (_, number, sum_of, smallest, largest) = int(one["tags"]["series"]), one["values"][0]
        if (smallest, largest) != (series, count - 10 + series):
            sys.exit(f"series {series}: {smallest} to {largest}")
        total, summed = total + number, summed + sum_of
    for one in influx(base, user, password, 'SELECT count(distinct("number")) FROM "stream" GROUP BY "series"'):
        distinct += one["values"][0][1]
    if (total, distinct, summed) != (count, count, count * (count - 1) // 2):
        sys.exit(f"{total} points, {distinct} distinct numbers, sum {summed}; logged were {count}")
    print(f"{total} points, none twice")


def victoria(base, file, patience_s="20"):
    """Numbers only, milliseconds only: what VictoriaMetrics keeps. It shows new points some time after it took them."""
    until = time.monotonic() + float(patience_s)
    while problem := compare_victoria(base, file):
        if time.monotonic() > until:
            sys.exit(problem)
        time.sleep(0.2)


def compare_victoria(base, file):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(f"{base}/internal/force_flush", timeout=30).read()
    query = urllib.parse.urlencode({"match[]": '{__name__!=""}'})
    found = {}
    for line in opener.open(f"{base}/api/v1/export?{query}", timeout=30):
        one = json.loads(line)
        metric = dict(one["metric"])
        name = metric.pop("__name__")
        for value, time_ms in zip(one["values"], one["timestamps"]):
            found[(name, json.dumps(metric, sort_keys=True), time_ms)] = value
    checked = 0
    for name, tags, fields, time_ns in logged(file):
        # It takes backslashes and quotes in names for something else than InfluxDB does, without a word.
        if "replaced" in name or "\\" in name or '"' in name:
            continue
        for field, value in fields.items():
            if isinstance(value, str):
                continue
            key = (f"{name}_{field}", json.dumps(tags, sort_keys=True), time_ns // 1_000_000)
            if key not in found:
                return f"not there: {key}; there are {len(found)} values"
            # It keeps 12 decimal digits.
            if not math.isclose(found[key] or 0, value, rel_tol=1e-11, abs_tol=1e-300):
                return f"{key}: {found[key]} instead of {value}"
            checked += 1
    print(f"{checked} values equal")
    return None


def ask(base, user, password, statement, ca_file=None):
    print(json.dumps(influx(base, user, password, statement, ca_file=ca_file or None)))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
