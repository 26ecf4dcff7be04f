#!/usr/bin/env python3
"""The console as its users run it, in a terminal of its own: how long until its first full frame, what it costs while
nothing happens, and what it costs while a log store has a given number of new records each second.

    cargo build --release -p tui --examples
    bench/console.py [--binary target/release/examples/demo] [--runs 10] [--idle 30] [--busy 30] [--rate 10000]

The control plane and the store are another process of the same example (`demo --serve RATE`), so that only the console
is measured. Prints one JSON object.
"""
import argparse, fcntl, json, os, pty, select, statistics, struct, subprocess, sys, termios, time

HERE = os.path.dirname(os.path.abspath(__file__))
FULL = ("guilds", "control", "live")  # the first and the last row, and the header once the picture has come


def serve(binary, rate):
    server = subprocess.Popen([binary, "--serve", str(rate)], stdout=subprocess.PIPE, text=True)
    return server, json.loads(server.stdout.readline())


class Console:
    """A console in a pseudo terminal of 120x36."""

    def __init__(self, binary, where):
        self.began = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            command = [binary, "--control", where["base"], "--token", where["token"], "--store", where["base"]]
            os.execv(binary, command)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        self.bytes = 0

    def read(self, seconds, until=None):
        """Reads what it draws for so long, or until all of `until` were drawn; returns the time of that."""
        seen, end = "", time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                chunk = os.read(self.fd, 65536)
                self.bytes += len(chunk)
                seen = (seen + chunk.decode("utf-8", "replace"))[-200_000:]
                if until and all(word in seen for word in until):
                    return time.monotonic() - self.began
        if until:
            sys.exit(f"not drawn within {seconds} s: {[word for word in until if word not in seen]}")

    def cpu(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_kib(self):
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def share(self, seconds):
        """The share of one core over so many seconds, in percent."""
        before, began = self.cpu(), time.monotonic()
        self.read(seconds)
        return round(100 * (self.cpu() - before) / (time.monotonic() - began), 2)

    def close(self):
        os.write(self.fd, b"\x03")
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=os.path.join(HERE, "../target/release/examples/demo"))
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--idle", type=float, default=30)
    parser.add_argument("--busy", type=float, default=30)
    parser.add_argument("--rate", type=int, default=10_000)
    options = parser.parse_args()
    binary = os.path.abspath(options.binary)
    server, where = serve(binary, 0)
    try:
        starts = []
        for _ in range(options.runs):
            console = Console(binary, where)
            starts.append(1000 * console.read(10, FULL))
            console.close()
        console = Console(binary, where)
        console.read(10, FULL)
        console.read(3)
        idle = console.share(options.idle)
        console.close()
    finally:
        server.terminate()
        server.wait()
    server, where = serve(binary, options.rate)
    try:
        console = Console(binary, where)
        console.read(10, FULL)
        os.write(console.fd, b"2")
        console.read(5)
        drawn = console.bytes
        busy = console.share(options.busy)
        drawn, resident = console.bytes - drawn, console.resident_kib()
        console.close()
    finally:
        server.terminate()
        server.wait()
    print(json.dumps({
        "first_full_frame_ms": {"median": round(statistics.median(starts), 1), "worst": round(max(starts), 1), "runs": len(starts)},
        "idle_cpu_percent": idle,
        "busy": {"records_a_second": options.rate, "cpu_percent": busy, "bytes_a_second": round(drawn / options.busy),
                 "resident_kib": resident},
    }))


if __name__ == "__main__":
    main()
