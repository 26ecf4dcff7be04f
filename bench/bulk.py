#!/usr/bin/env python3
"""Documents per second that an Elasticsearch API takes in, over HTTP, from ready-made _bulk bodies.

usage: bulk.py URL [--documents 200000] [--batch 5000] [--connections 2]

The records are ECS log records of about 500 bytes. Their making is not timed. Prints one line of JSON; run it
against logstored and against a real engine on the same machine to compare.
"""

import argparse
import http.client
import json
import random
import threading
import time
import urllib.parse

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("--documents", type=int, default=200_000)
parser.add_argument("--batch", type=int, default=5_000)
parser.add_argument("--connections", type=int, default=2)
arguments = parser.parse_args()
url = urllib.parse.urlparse(arguments.url)
index = f"bench-{int(time.time())}"
rng = random.Random(7)
SERVICES = ["edge", "api", "gateway", "sessions", "presence", "guilds", "data"]
WORDS = "guild session shard lease ring epoch drain handoff outbox resume identify push write read batch".split()


def record(n):
    service = rng.choice(SERVICES)
    return json.dumps({
        "@timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1764000000 + n // 1000)) + f".{n % 1000:03}Z",
        "log.level": rng.choice(["info"] * 8 + ["warn", "error"]),
        "message": " ".join(rng.choices(WORDS, k=8)),
        "ecs.version": "8.11.0",
        "service.name": service,
        "service.node.name": f"{service}-{rng.randrange(3)}",
        "service.version": "0.1.0",
        "event.dataset": f"{service}.log",
        "log.logger": f"chat_{service}::owner",
        "trace.id": f"{rng.getrandbits(128):032x}",
        "labels.guild_id": str(rng.getrandbits(60)),
        "event.duration": rng.randrange(10**9),
        "numeric_labels.queue_depth": rng.randrange(1000),
    })


bodies, size = [], 0
for first in range(0, arguments.documents, arguments.batch):
    lines = []
    for n in range(first, min(first + arguments.batch, arguments.documents)):
        lines.append('{"create":{"_id":"bench/%d"}}' % n)
        lines.append(record(n))
    body = ("\n".join(lines) + "\n").encode()
    size += len(body)
    bodies.append(body)

lock = threading.Lock()
failures = []


def send():
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=300)
    while True:
        with lock:
            if not bodies:
                return
            body = bodies.pop()
        connection.request("POST", f"/{index}/_bulk", body, {"Content-Type": "application/x-ndjson"})
        answer = json.loads(connection.getresponse().read())
        if answer.get("errors", True):
            failures.append(str(answer)[:300])


began = time.monotonic()
threads = [threading.Thread(target=send) for _ in range(arguments.connections)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
taken = time.monotonic() - began

connection = http.client.HTTPConnection(url.hostname, url.port, timeout=300)
connection.request("POST", f"/{index}/_refresh")
connection.getresponse().read()
refreshed = time.monotonic() - began
connection.request("GET", f"/{index}/_count")
count = json.loads(connection.getresponse().read())["count"]
connection.request("DELETE", f"/{index}")
connection.getresponse().read()
print(json.dumps({
    "documents": arguments.documents,
    "counted": count,
    "bytes_per_document": round(size / arguments.documents),
    "seconds": round(taken, 2),
    "seconds_until_searchable": round(refreshed, 2),
    "documents_per_second": round(arguments.documents / taken),
    "failures": failures[:3],
}))
