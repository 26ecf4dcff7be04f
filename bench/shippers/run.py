#!/usr/bin/env python3
"""punt side by side with what a user would run instead: the same lines in, the same bulk sink behind.

usage: run.py [--punt PATH] [--rsyslog ROOT] [--syslog-ng PATH] [--durable] [--peer NAME=COMMAND]...

Inputs: `plain`, and `json` with an object as text, which every shipper is told to take apart into fields
(`punt, text` carries it as text). Figures of each shipper and input: lines per second from the first byte sent to the last document that arrived, CPU
microseconds (user and system) per line, peak resident memory, documents that arrived. CPU is the steady figure: the
sender, the shipper and the sink share the machine. Prints a table; `--json FILE` writes the same with ratios.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True  # Nothing is left in the checkout.

import peers
from sink import Sink

TICKS = os.sysconf("SC_CLK_TCK")
HOSTS, APPS = ["web-1", "web-2", "db-7"], ["nginx", "api", "cron"]


def lines(count, first, json_body):
    """RFC 3164 lines: 98 bytes with a plain text, 168 with a JSON object in its place."""
    stamp = time.strftime("%b %d %H:%M:%S", time.gmtime()).encode()
    out = []
    for n in range(first, first + count):
        head = b"<%d>%s %s %s[%d]: " % (
            134 + n % 3, stamp, HOSTS[n % 3].encode(), APPS[n % 3].encode(), 1000 + n % 9000)
        if json_body:
            out.append(head + b'{"level":"info","path":"/api/v10/channels/%06d/messages","method":"POST",'
                       b'"status":%d,"took_ms":%d,"text":"hello, seq=%06d"}\n' % (n % 977 * 1013, 200 + n % 3, n % 250, n))
        else:
            out.append(head + b"GET /api/channels/%05d/messages 200 took %03d ms seq=%06d\n"
                       % (n % 97777, n % 250, n))
    return b"".join(out)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def connect(port, process):
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(f"it ended with {process.returncode}")
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("it does not listen")


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(command_of, inputs, json_body, sink, count):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="shippers-"))
    port = free_port()
    command = [str(part) for part in command_of(folder, port, sink.port, json_body)]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        connections = [connect(port, process) for _ in inputs]
        time.sleep(0.5)
        sink.reset()
        cpu_before, began = cpu(process.pid), time.monotonic()

        def send(connection, data):
            connection.sendall(data)
            connection.close()

        senders = [threading.Thread(target=send, args=pair, daemon=True) for pair in zip(connections, inputs)]
        [sender.start() for sender in senders]
        # Silence for so long means that the rest will not come.
        while sink.documents < count and time.monotonic() - sink.last < 15 and process.poll() is None:
            time.sleep(0.02)
        took = sink.last - began
        time.sleep(0.3)  # It still reads the last answers.
        return {
            "lines_per_second": round(sink.documents / took) if took > 0 else 0,
            "cpu_us_per_line": round((cpu(process.pid) - cpu_before) / count * 1e6, 2),
            "peak_rss_mib": round(peak_mib(process.pid), 1),
            "documents": sink.documents,
            **({"distinct": len(sink.seen)} if sink.verify else {}),
            "requests": sink.requests,
            "bytes_per_document": round(sink.bytes / max(1, sink.documents)),
        }
    except (RuntimeError, OSError) as error:
        return {"error": f"{error}: {(folder / 'log').read_text(errors='replace')[-400:]}"}
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(folder)


def candidates(arguments):
    found = {"punt": peers.punt(arguments.punt), "punt, buffer off": peers.punt(arguments.punt, buffer="memory"),
             "punt, fsync never": peers.punt(arguments.punt, "never"),
             "punt, text": peers.punt(arguments.punt, fields=False)}
    if (pathlib.Path(arguments.rsyslog) / "usr/sbin/rsyslogd").exists():
        found["rsyslog"] = peers.rsyslog(arguments.rsyslog)
        if arguments.durable:
            found["rsyslog, disk queue"] = peers.rsyslog(arguments.rsyslog, "Disk")
    if syslog_ng := shutil.which(arguments.syslog_ng):
        found["syslog-ng"] = peers.syslog_ng(syslog_ng)
        if arguments.durable:
            found["syslog-ng, disk buffer"] = peers.syslog_ng(syslog_ng, reliable=True)
    for peer in arguments.peer:
        name, _, template = peer.partition("=")
        found[name] = peers.other(template)
    return {name: peer for name, peer in found.items() if not arguments.only or name in arguments.only}


def median(runs):
    """The run with the middle CPU figure: whole, so that its figures belong together."""
    good = sorted((run for run in runs if "error" not in run), key=lambda run: run["cpu_us_per_line"])
    return good[len(good) // 2] if good else runs[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--punt", default=str(pathlib.Path(__file__).resolve().parents[2] / "target/release/punt"))
    parser.add_argument("--rsyslog", default="/", metavar="ROOT", help="where Debian's packages are unpacked")
    parser.add_argument("--syslog-ng", default="syslog-ng", metavar="PATH")
    parser.add_argument("--durable", action="store_true", help="the peers with their disk queues as well")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND",
                        help="another shipper; {port}, {sink} and {folder} are filled in")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--lines", type=int, default=400_000)
    parser.add_argument("--connections", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="the round with the middle CPU figure counts")
    parser.add_argument("--input", choices=["plain", "json", "both"], default="both")
    parser.add_argument("--verify", action="store_true", help="tell lines apart; costs speed in the sink")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    sink, results = Sink(arguments.verify), []
    everyone = candidates(arguments)
    share = arguments.lines // arguments.connections
    for kind in ["plain", "json"] if arguments.input == "both" else [arguments.input]:
        inputs = [lines(share, n * share, kind == "json") for n in range(arguments.connections)]
        runs = {name: [] for name in everyone}
        # Round by round, so that a slow minute of the machine hits all of them.
        for _ in range(arguments.rounds):
            for name, peer in everyone.items():
                run = measure(peer, inputs, kind == "json", sink, share * arguments.connections)
                print(kind, name, json.dumps(run), file=sys.stderr)
                runs[name].append(run)
        base = median(runs["punt"]) if "punt" in runs else {}
        for name in everyone:
            result = {"shipper": name, "input": kind, **median(runs[name])}
            for figure in ("lines_per_second", "cpu_us_per_line", "peak_rss_mib"):
                if base.get(figure) and result.get(figure):
                    result[f"{figure}_to_punt"] = round(result[figure] / base[figure], 2)
            results.append(result)
    print("| shipper | input | lines/s | CPU us/line | to punt | peak RSS MiB | documents |\n|---|---|---|---|---|---|---|")
    for r in results:
        cells = (f"failed: {r['error']}" if "error" in r else
                 f"{r['lines_per_second'] // 1000}k | {r['cpu_us_per_line']:.2f} | {r.get('cpu_us_per_line_to_punt', '')} | "
                 f"{r['peak_rss_mib']:.0f} | {r['documents']:,}")
        print(f"| {r['shipper']} | {r['input']} | {cells} |")
    if arguments.json:
        document = {"lines": share * arguments.connections, "connections": arguments.connections,
                    "rounds": arguments.rounds, "processors": os.cpu_count(), "results": results}
        pathlib.Path(arguments.json).write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
