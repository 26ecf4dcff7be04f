#!/usr/bin/env python3
"""logstored beside a real engine of the same API: the same records over HTTP, the same queries.

usage: store.py --logstored target/release/logstored [--engine URL --engine-pid PID] [--documents 5000000]

Measures documents per CPU-second and per wall second, bytes per document after a merge to one segment, resident
memory, the median of ten queries, and how soon logstored answers after a start. The engine is one that runs already
(`cargo run --release -p engines -- start opensearch`); without it only logstored is measured. Records are made before
anything is timed, and both take the same bytes. Prints a table, ratios and the bars; --json keeps all of it.
"""

import argparse
import http.client
import json
import os
import pathlib
import random
import signal
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--logstored", default="target/release/logstored")
parser.add_argument("--flag", action="append", default=[], help="one more flag of logstored, such as --flag=--writer-threads=2")
parser.add_argument("--engine", help="URL of the engine to compare with")
parser.add_argument("--engine-pid", type=int)
parser.add_argument("--documents", type=int, default=5_000_000)
parser.add_argument("--batch", type=int, default=5_000)
parser.add_argument("--connections", type=int, default=2)
parser.add_argument("--repeat", type=int, default=9, help="runs of each query; the first is not counted")
parser.add_argument("--json", help="file for all figures")
arguments = parser.parse_args()

INDEX = "bench"
START = 1_795_478_400_000  # 2026-11-24T00:00:00Z
SERVICES = ["edge", "api", "gateway", "sessions", "presence", "guilds", "data"]
WORDS = "guild session shard lease ring epoch drain handoff outbox resume identify push write read batch".split()
MAPPING = {
    "settings": {"number_of_shards": 1, "number_of_replicas": 0},
    "mappings": {"properties": {
        "@timestamp": {"type": "date"}, "level": {"type": "keyword"}, "service": {"type": "keyword"},
        "node": {"type": "keyword"}, "message": {"type": "text"}, "trace_id": {"type": "keyword"},
        "status": {"type": "integer"}, "duration": {"type": "long"}, "bytes": {"type": "long"},
        "user": {"type": "keyword"}, "region": {"type": "keyword"},
    }},
}


def make(folder):
    """Writes ready-made bodies, about one day of records whatever their number; returns files and raw bytes."""
    rng, files, raw = random.Random(7), [], 0
    step = 86_400_000 / arguments.documents
    for first in range(0, arguments.documents, arguments.batch):
        lines = []
        for n in range(first, min(first + arguments.batch, arguments.documents)):
            service = rng.choice(SERVICES)
            at = START + int(n * step)
            record = json.dumps({
                "@timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000)) + f".{at % 1000:03}Z",
                "level": rng.choice(["info"] * 8 + ["warn", "error"]),
                "service": service, "node": f"{service}-{rng.randrange(3)}",
                "message": " ".join(rng.choices(WORDS, k=6)) + f" {rng.randrange(100_000)}",
                "trace_id": f"{rng.getrandbits(128):032x}",
                "status": rng.choice([200] * 17 + [404, 429, 500]),
                "duration": int(rng.expovariate(1 / 50_000)), "bytes": rng.randrange(100_000),
                "user": f"u{rng.randrange(50_000)}", "region": rng.choice(["eu", "us", "ap"]),
            }, separators=(",", ":"))
            raw += len(record)
            lines.append('{"create":{}}\n' + record + "\n")
        path = folder / f"{first}.ndjson"
        path.write_text("".join(lines))
        files.append(path)
    return files, raw


class Target:
    def __init__(self, name, url, pid):
        parsed = urllib.parse.urlparse(url)
        self.name, self.host, self.port, self.pid = name, parsed.hostname, parsed.port, pid

    def call(self, method, path, body=None, connection=None):
        connection = connection or http.client.HTTPConnection(self.host, self.port, timeout=1200)
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        kind = "application/x-ndjson" if isinstance(body, bytes) else "application/json"
        connection.request(method, path, data, {"Content-Type": kind})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 400 and method != "DELETE":
            raise SystemExit(f"{self.name}: {method} {path}: {answer.status} {content[:400]!r}")
        return json.loads(content) if content else {}

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, key):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
        return 0


def take_in(target, files):
    """Sends every body; returns wall and CPU seconds until all is searchable."""
    target.call("DELETE", f"/{INDEX}")
    target.call("PUT", f"/{INDEX}", MAPPING)
    left, lock, failures = list(reversed(files)), threading.Lock(), []

    def send():
        connection = http.client.HTTPConnection(target.host, target.port, timeout=1200)
        while True:
            with lock:
                if not left:
                    return
                path = left.pop()
            body = path.read_bytes()
            while True:
                connection.request("POST", f"/{INDEX}/_bulk?filter_path=errors", body, {"Content-Type": "application/x-ndjson"})
                answer = connection.getresponse()
                content = answer.read()
                if answer.status != 429:
                    break
                time.sleep(0.1)
            if answer.status != 200 or json.loads(content).get("errors", True):
                failures.append(content[:300])

    cpu, began = target.cpu(), time.monotonic()
    threads = [threading.Thread(target=send) for _ in range(arguments.connections)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    target.call("POST", f"/{INDEX}/_refresh")
    wall, cpu = time.monotonic() - began, target.cpu() - cpu
    if failures:
        raise SystemExit(f"{target.name}: refused: {failures[:2]}")
    return wall, cpu


def queries():
    day = {"gte": "2026-11-24T06:00:00Z", "lt": "2026-11-24T18:00:00Z"}
    window = {"range": {"@timestamp": day}}
    newest = [{"@timestamp": "desc"}]
    histogram = {"date_histogram": {"field": "@timestamp", "fixed_interval": "30m"}}
    term = {"bool": {"filter": [{"term": {"service": "guilds"}}, window]}}
    return {
        "term + range, newest 50": {"query": term, "size": 50, "sort": newest},
        "phrase": {"query": {"match_phrase": {"message": "lease ring"}}, "size": 10},
        "wildcard": {"query": {"wildcard": {"user": "u12*"}}, "size": 10},
        "date histogram": {"query": window, "size": 0, "aggs": {"t": histogram}},
        "level by service": {"size": 0, "query": window, "aggs": {"s": {"terms": {"field": "service"}, "aggs": {"l": {"terms": {"field": "level"}}}}}},
        "percentiles of duration": {"size": 0, "query": window, "aggs": {"p": {"percentiles": {"field": "duration"}}}},
        "cardinality of trace ids": {"size": 0, "query": window, "aggs": {"c": {"cardinality": {"field": "trace_id"}}}},
        "query_string AND OR NOT": {"query": {"query_string": {"query": "message:drain AND (level:error OR level:warn) AND NOT service:api"}}, "size": 20, "sort": newest},
        "search_after": {"query": term, "size": 100, "sort": newest, "search_after": [START + 50_000_000]},
        "count": {"query": {"bool": {"filter": [{"term": {"status": 500}}, window]}}},
    }


def ask(target):
    connection = http.client.HTTPConnection(target.host, target.port, timeout=1200)
    medians = {}
    for name, body in queries().items():
        path = f"/{INDEX}/_count" if name == "count" else f"/{INDEX}/_search?request_cache=false"
        times = []
        for _ in range(arguments.repeat + 1):
            began = time.monotonic()
            target.call("POST", path, body, connection)
            times.append((time.monotonic() - began) * 1000)
        medians[name] = statistics.median(times[1:])
    return medians


def measure(target, files):
    wall, cpu = take_in(target, files)
    figures = {"wall": wall, "cpu": cpu, "peak": target.memory("VmHWM")}
    target.call("POST", f"/{INDEX}/_flush")
    try:
        target.call("POST", f"/{INDEX}/_forcemerge?max_num_segments=1")
    except SystemExit as refused:
        print(f"not merged: {refused}")
    # Segments that were merged away count until the engine deletes them, which a flush brings about.
    target.call("POST", f"/{INDEX}/_flush")
    target.call("POST", f"/{INDEX}/_refresh")
    for _ in range(120):
        stats = target.call("GET", f"/{INDEX}/_stats/store,segments")["_all"]["primaries"]
        if stats.get("segments", {}).get("count", 1) <= 1:
            break
        time.sleep(1)
    figures["bytes"] = stats["store"]["size_in_bytes"]
    figures["queries"] = ask(target)
    figures["resident"] = target.memory("VmRSS")
    figures["count"] = target.call("GET", f"/{INDEX}/_count")["count"]
    return figures


def start(data, *flags):
    address = data / "http.addr"
    address.unlink(missing_ok=True)
    began = time.monotonic()
    process = subprocess.Popen([arguments.logstored, "--data", data, "--listen", "127.0.0.1:0", *arguments.flag, *flags],
                               env={**os.environ, "RUST_LOG": "warn"})
    while not (address.exists() and address.read_text()):
        if process.poll() is not None:
            raise SystemExit("logstored ended while starting")
        time.sleep(0.002)
    return process, f"http://{address.read_text()}", time.monotonic() - began


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait()


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    (folder / "bodies").mkdir()
    (folder / "data").mkdir()
    files, raw = make(folder / "bodies")
    print(f"{arguments.documents} records of {raw / arguments.documents:.0f} bytes")
    results = {}
    process, url, _ = start(folder / "data")
    results["logstored"] = measure(Target("logstored", url, process.pid), files)
    stop(process)
    process, _, results["logstored"]["start"] = start(folder / "data")
    stop(process)
    if arguments.engine:
        results["engine"] = measure(Target("engine", arguments.engine, arguments.engine_pid), files)

n = arguments.documents
rows = [
    ("documents per CPU-second", lambda r: n / r["cpu"], "higher", 2.0),
    ("documents per second", lambda r: n / r["wall"], "higher", 1.0),
    ("bytes per document", lambda r: r["bytes"] / n, "lower", 0.85),
    ("peak memory while taking in, MiB", lambda r: r["peak"] / 2**20, "lower", 0.25),
    ("memory after the queries, MiB", lambda r: r["resident"] / 2**20, "lower", 0.25),
]
rows += [(f"{name}, ms", lambda r, name=name: r["queries"][name], "lower", 1.5) for name in queries()]
print(f"| {'':34} | logstored | engine | ratio | bar |\n|---|---|---|---|---|")
ratios = []
for name, value, better, bar in rows:
    ours = value(results["logstored"])
    line = f"| {name:34} | {ours:,.1f} |"
    if "engine" in results:
        theirs = value(results["engine"])
        ratio = ours / theirs
        if name.endswith(", ms"):
            ratios.append(ratio)
        met = ratio >= bar if better == "higher" else ratio <= bar
        line += f" {theirs:,.1f} | {ratio:.2f} | {'>=' if better == 'higher' else '<='} {bar} {'ok' if met else 'MISSED'} |"
    print(line)
if ratios:
    mean = statistics.geometric_mean(ratios)
    print(f"| {'queries, geometric mean':34} | | | {mean:.2f} | <= 0.5 {'ok' if mean <= 0.5 else 'MISSED'} |")
print(f"| {'start with all of it, ms':34} | {results['logstored']['start'] * 1000:.0f} | | | |")
if arguments.json:
    pathlib.Path(arguments.json).write_text(json.dumps({"documents": n, "raw": raw, **results}, indent=1))
