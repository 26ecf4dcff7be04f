#!/usr/bin/env python3
"""The whole path on one machine: time to green, a load with restarts, a load with kills, syslog to the line.

usage: first_path.py [--binaries target/release] [--seconds 60]

Starts a stack of its own on the default ports in a temporary folder, stops it at the end, prints a table.
Needs `loggen` (Debian's syslog-ng-core). Exit code 1 when anything acknowledged was lost, repeated or reordered.
"""

import argparse
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

parser = argparse.ArgumentParser()
parser.add_argument("--binaries", default="target/release")
parser.add_argument("--seconds", type=int, default=60)
arguments = parser.parse_args()
data = tempfile.mkdtemp(prefix="guildwatch-bench-")
environment = {**os.environ, "GUILDWATCH_DATA": data, "NO_COLOR": "1"}
ops_path = os.path.join(arguments.binaries, "ops")
rows, bad = [], []


def ops(*args):
    return subprocess.run([ops_path, *args], env=environment, check=True, capture_output=True, text=True).stdout


def count(query):
    url = "http://127.0.0.1:9200/_count?q=" + urllib.parse.quote(query)
    return json.loads(urllib.request.urlopen(url).read())["count"]


def wait_for_count(query, expected):
    began = time.monotonic()
    while count(query) < expected and time.monotonic() - began < 60:
        time.sleep(0.05)
    return time.monotonic() - began, count(query)


def load(name, during):
    before = count("event.action:message-acknowledged")
    command = [ops_path, "load", "--users", "200", "--guilds", "10", "--rate", "200", "-o", "json"]
    command += ["--duration", f"{arguments.seconds}s"]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    time.sleep(5)
    during()
    report = json.loads(child.communicate()[0])
    for figure in ("lost", "duplicated", "reordered", "misrouted", "failed"):
        if report[figure]:
            bad.append(f"{name}: {figure} {report[figure]}")
    logged = wait_for_count("event.action:message-acknowledged", before + report["acknowledged"])[1] - before
    if logged != report["acknowledged"]:
        bad.append(f"{name}: {logged} log records for {report['acknowledged']} acknowledged messages")
    rows.append((f"{name}: acknowledged, delivered", f"{report['acknowledged']}, {report['delivered']}"))
    rows.append((f"{name}: lost, duplicated, reordered, connections dropped",
                 ", ".join(str(report[f]) for f in ("lost", "duplicated", "reordered", "dropped"))))
    for what in ("delivery", "acknowledgement"):
        figures = report[what]
        rows.append((f"{name}: {what} p50 / p99 / max",
                     " / ".join(f"{figures[f]:.0f} ms" for f in ("p50_ms", "p99_ms", "max_ms"))))
    rows.append((f"{name}: log records of acknowledged messages", str(logged)))


def restarts():
    for cluster in ("guilds", "sessions", "presence"):
        began = time.monotonic()
        ops("restart", cluster, "--yes", "--wait", "--reason", "benchmark")
        rows.append((f"rolling restart of {cluster}", f"{time.monotonic() - began:.1f} s"))


def kills():
    for node in ("guilds-1", "sessions-1", "data-0", "control-0", "punt-0", "logstore-0"):
        nodes = json.loads(ops("nodes", "-o", "json"))["items"]
        pid = next(item["pid"] for item in nodes if item["name"] == node)
        os.kill(pid, signal.SIGKILL)
        time.sleep((arguments.seconds - 12) / 6)


try:
    began = time.monotonic()
    ops("up", "--detach")
    rows.append(("ops up until all is green", f"{time.monotonic() - began:.2f} s"))
    for label, flags in (("RFC 5424, octet counted", ["--syslog-proto"]), ("RFC 3164, newlines", [])):
        before = count("event.dataset:syslog")
        command = ["loggen", "--inet", "--stream", "--rate", "1000000", "--size", "200", "--number", "20000"]
        subprocess.run([*command, *flags, "127.0.0.1", "5140"], check=True, capture_output=True)
        seconds, total = wait_for_count("event.dataset:syslog", before + 20000)
        rows.append((f"loggen 20,000 lines, {label}: in the store, searchable after",
                     f"{total - before}, {seconds:.1f} s"))
        if total - before != 20000:
            bad.append(f"loggen {label}: {total - before}")
    load("load with restarts", restarts)
    load("load with kills", kills)
finally:
    subprocess.run([ops_path, "down"], env=environment, capture_output=True)

width = max(len(name) for name, _ in rows)
for name, value in rows:
    print(f"{name:<{width}}  {value}")
print("\n".join(bad) if bad else "ok")
raise SystemExit(1 if bad else 0)
