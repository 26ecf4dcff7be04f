#!/usr/bin/env python3
"""A million lines through punt while its engine and punt itself break: none lost, none twice.

usage: shipping_chaos.py [--binaries target/release] [--lines 1000000] [--kills 10]

Four parts in ten come from files that are rotated, three from a spool, three by HTTP `_bulk` from a client that repeats what was not
acknowledged. Between punt and `logstored` stands a proxy that, one after another, refuses whole requests with 429, refuses half of the items
of a request with 429, stalls, resets connections after the engine has stored the request, and answers 503; `logstored` is killed with
SIGKILL and started again; and punt is killed with SIGKILL `--kills` times. At the end every line's number is read back from the engine.
Exit code 1 when one is missing, stored twice, or too many.
"""

import argparse
import asyncio
import collections
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

parser = argparse.ArgumentParser()
parser.add_argument("--binaries", default="target/release")
parser.add_argument("--lines", type=int, default=1_000_000)
parser.add_argument("--kills", type=int, default=10)
parser.add_argument("--seed", type=int, default=1)
arguments = parser.parse_args()
chance = random.Random(arguments.seed)
folder = tempfile.mkdtemp(prefix="guildwatch-chaos-")
FILES, SPOOL = arguments.lines * 4 // 10, arguments.lines * 3 // 10
HTTP = arguments.lines - FILES - SPOOL
FAULTS = ("none", "refuse", "half", "none", "stall", "reset", "unavailable")
faulted = collections.Counter()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


engine_port, proxy_port, http_port = free_port(), free_port(), free_port()


def record(number, source):
    second = number // 1000
    stamp = f"2026-11-24T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.{number % 1000:03}Z"
    return json.dumps({"@timestamp": stamp, "log.level": "info", "message": f"line {number}", "service.name": source, "numeric_labels.number": number}) + "\n"


# --- the proxy


class Proxy:
    fault = "none"

    async def serve(self, reader, writer):
        try:
            while request := await self.read(reader):
                head, body = request
                fault = self.fault if b"_bulk" in head.split(b"\r\n")[0] else "none"
                faulted[fault] += 1
                if fault == "stall":
                    await asyncio.sleep(3)
                    fault = "none"
                if fault in ("refuse", "unavailable"):
                    status = {"refuse": "429 Too Many Requests", "unavailable": "503 Service Unavailable"}[fault]
                    writer.write(self.answer(status, b'{"error":{"type":"es_rejected_execution_exception","reason":"chaos"},"status":429}'))
                elif fault == "half":
                    writer.write(await self.half(head, body))
                else:
                    answer = await self.forward(head, body)
                    if fault == "reset" or answer is None:
                        writer.transport.abort()
                        return
                    writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @staticmethod
    async def read(reader):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return head, await reader.readexactly(length)

    @staticmethod
    def answer(status, body):
        return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body

    async def forward(self, head, body):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", engine_port, limit=1 << 26)
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"content-length", b"connection"))]
            lines[1:1] = [b"content-length: %d" % len(body), b"connection: close"]
            writer.write(b"\r\n".join(lines) + body)
            await writer.drain()
            answer = await self.read(reader)
            writer.close()
            return None if answer is None else answer[0].replace(b"connection: close\r\n", b"") + answer[1]
        except (ConnectionError, asyncio.IncompleteReadError):
            return None

    async def half(self, head, body):
        """Passes every second item on, and says of the others that they were refused."""
        lines = body.split(b"\n")
        pairs = [lines[at : at + 2] for at in range(0, len(lines) - 1, 2)]
        kept = b"".join(b"\n".join(pair) + b"\n" for pair in pairs[::2])
        answer = await self.forward(head, kept)
        if answer is None:
            return self.answer("503 Service Unavailable", b"{}")
        stored = json.loads(answer.split(b"\r\n\r\n", 1)[1])
        if "items" not in stored:
            return answer
        refused = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "chaos"}}
        items = []
        for number in range(len(pairs)):
            items.append(stored["items"][number // 2] if number % 2 == 0 else {"create": refused})
        return self.answer("200 OK", json.dumps({"took": 1, "errors": True, "items": items}).encode())


# --- the processes


def start_engine():
    log = open(os.path.join(folder, "engine.log"), "ab")
    command = [os.path.join(arguments.binaries, "logstored"), "--data", os.path.join(folder, "store"), "--listen", f"127.0.0.1:{engine_port}"]
    return subprocess.Popen(command, stdout=log, stderr=log)


def start_punt():
    log = open(os.path.join(folder, "punt.log"), "ab")
    command = [os.path.join(arguments.binaries, "punt"), "run", "--config", os.path.join(folder, "punt.toml")]
    return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "RUST_LOG": "info"})


CONFIG = f"""
data = "{folder}/punt"
[sources.files]
type = "file"
paths = ["{folder}/logs/app.log*"]
format = "json"
[sources.spool]
type = "spool"
dir = "{folder}/spool"
[sources.http]
type = "http"
listen = "127.0.0.1:{http_port}"
[sinks.store]
type = "elasticsearch"
url = "http://127.0.0.1:{proxy_port}"
index = "chaos-%Y.%m.%d"
request_timeout_ms = 2000
retry_max_ms = 500
batch_events = 1000
"""


# --- the senders


async def write_files():
    """Appends in small writes; a new file every 40,000 lines, the old ones renamed as logrotate does."""
    os.makedirs(f"{folder}/logs")
    path, rotated = f"{folder}/logs/app.log", 0
    current = open(path, "a")
    for number in range(FILES):
        if number and number % 40_000 == 0:
            current.close()
            rotated += 1
            os.rename(path, f"{path}.{rotated}")
            current = open(path, "a")
        current.write(record(number, "files"))
        if number % 1000 == 999:
            current.flush()
            await asyncio.sleep(0.02)
    current.close()


async def write_spool():
    """As a process of ours writes: whole lines, segments of one boot."""
    os.makedirs(f"{folder}/spool/chaos-0")
    boot = f"{int(time.time() * 1000):013}-{os.getpid()}"
    for start in range(0, SPOOL, 10_000):
        with open(f"{folder}/spool/chaos-0/{boot}-{start // 10_000:06}.ndjson", "a") as segment:
            for number in range(start, min(start + 10_000, SPOOL)):
                segment.write(record(FILES + number, "spool"))
                if number % 1000 == 999:
                    segment.flush()
                    await asyncio.sleep(0.02)


def send_bulk(lines):
    body = "".join(lines).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{http_port}/_bulk", body, {"content-type": "application/x-ndjson"}, method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return not json.loads(answer.read())["errors"]


async def send_http():
    """A client with ids of its own, which sends again what was not acknowledged."""
    repeated = 0
    for start in range(0, HTTP, 1000):
        lines = []
        for number in range(start, min(start + 1000, HTTP)):
            lines.append('{"create":{"_index":"x","_id":"http-%d"}}\n' % number + record(FILES + SPOOL + number, "http"))
        while True:
            try:
                if await asyncio.to_thread(send_bulk, lines):
                    break
            except OSError:
                pass
            repeated += 1
            await asyncio.sleep(0.2)
    return repeated


# --- the faults


async def break_things(proxy, children, done):
    turn, kills = 0, 0
    while not done.is_set():
        turn += 1
        proxy.fault = FAULTS[turn % len(FAULTS)]
        await asyncio.sleep(1.5)
        if kills < arguments.kills:
            kills += 1
            children["punt"].send_signal(signal.SIGKILL)
            children["punt"].wait()
            await asyncio.sleep(chance.random())
            children["punt"] = start_punt()
        if turn % 4 == 2:
            children["engine"].send_signal(signal.SIGKILL)
            children["engine"].wait()
            await asyncio.sleep(0.5 + chance.random())
            children["engine"] = start_engine()
    proxy.fault = "none"
    return kills


# --- the verdict


def engine(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{engine_port}/{path}", data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


async def settle():
    """Until the count has not risen for ten seconds and is complete, or a minute has passed without progress."""
    last, since = -1, time.monotonic()
    while True:
        try:
            await asyncio.to_thread(engine, "chaos-*/_refresh", {})
            count = (await asyncio.to_thread(engine, "chaos-*/_count"))["count"]
        except OSError:
            count = last
        if count != last:
            last, since = count, time.monotonic()
        still = time.monotonic() - since
        if (last >= arguments.lines and still > 5) or still > 60:
            return last
        await asyncio.sleep(0.5)


def read_back():
    seen, after = collections.Counter(), None
    while True:
        body = {"size": 10_000, "_source": ["numeric_labels.number"], "sort": [{"numeric_labels.number": "asc"}, {"_seq_no": "asc"}]}
        if after:
            body["search_after"] = after
        hits = engine("chaos-*/_search", body)["hits"]["hits"]
        if not hits:
            return seen
        for hit in hits:
            source = hit["_source"]
            seen[source.get("numeric_labels.number", source.get("numeric_labels", {}).get("number") if isinstance(source.get("numeric_labels"), dict) else None)] += 1
        after = hits[-1]["sort"]


async def main():
    with open(f"{folder}/punt.toml", "w") as config:
        config.write(CONFIG)
    proxy = Proxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", proxy_port, limit=1 << 26)
    children = {}
    began = time.monotonic()
    done = asyncio.Event()
    try:
        children["engine"] = start_engine()
        children["punt"] = start_punt()
        breaking = asyncio.create_task(break_things(proxy, children, done))
        _, _, repeated = await asyncio.gather(write_files(), write_spool(), send_http())
        sent = time.monotonic() - began
        while not breaking.done() and faulted["reset"] == 0:
            await asyncio.sleep(0.5)
        done.set()
        kills = await breaking
        count = await settle()
        seen = await asyncio.to_thread(read_back)
        took = time.monotonic() - began
    finally:
        server.close()
        for child in children.values():
            child.kill()
            child.wait()
    missing = arguments.lines - len([number for number in seen if number is not None and 0 <= number < arguments.lines])
    twice = sum(times - 1 for times in seen.values())
    print(f"lines written             {arguments.lines} (files {FILES}, spool {SPOOL}, http {HTTP})")
    print(f"punt killed               {kills} times; requests faulted {dict(faulted)}; HTTP requests repeated {repeated}")
    print(f"written / all stored      {sent:.0f} s / {took:.0f} s")
    print(f"documents                 {count}")
    print(f"lost, twice               {missing}, {twice}")
    if missing or twice or count != arguments.lines:
        print(f"kept for a look: {folder}", file=sys.stderr)
        return 1
    subprocess.run(["rm", "-r", folder], check=True)
    return 0


sys.exit(asyncio.run(main()))
