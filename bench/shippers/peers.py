"""How each shipper is told to take syslog on a TCP port and to send `_bulk` to the sink.

Each function writes what the shipper needs into `folder` and gives its command. Batches and queues are those that
make a peer fast (a user would set them), and every peer drops nothing while it runs.
"""

import pathlib

QUEUE = """
  queue.type="%s" queue.size="200000" queue.dequeueBatchSize="2000" queue.workerThreads="2"
  queue.workerThreadMinimumMessages="4000" queue.filename="q" queue.maxDiskSpace="4g" queue.timeoutEnqueue="60000"
  action.resumeRetryCount="-1" action.resumeInterval="1"
"""


def punt(binary, fsync="interval", fields=True, buffer="disk"):
    """`fields`: a JSON text is taken apart, as the peers are told to. `buffer="memory"` is the buffer off."""
    def command(folder, port, sink, json):
        take_apart = json and fields
        (folder / "punt.toml").write_text(
            f'data = "{folder}/data"\n[sources.in]\ntype = "syslog"\ntcp = "127.0.0.1:{port}"\n'
            + 'transforms = ["body"]\n[transforms.body]\ntype = "parse"\nformat = "json"\n' * take_apart
            + f'[sinks.out]\ntype = "elasticsearch"\nurl = "http://127.0.0.1:{sink}"\nbuffer.fsync = "{fsync}"\nbuffer.type = "{buffer}"\n'
        )
        return [binary, "run", "--config", folder / "punt.toml"]

    return command


def rsyslog(root, queue="LinkedList"):
    """`root`: where Debian's rsyslog and rsyslog-elasticsearch are unpacked, or `/` when they are installed."""
    root = pathlib.Path(root)

    def command(folder, port, sink, json):
        text = 'property(outname="message" name="msg" format="jsonf")'
        parse, fields = "", """
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf") constant(value=",")
  property(outname="log.level" name="syslogseverity-text" format="jsonf") constant(value=",")
  property(outname="host.name" name="hostname" format="jsonf") constant(value=",")
  property(outname="service.name" name="programname" format="jsonf") constant(value=",")
  property(outname="process.pid" name="procid" format="jsonf") constant(value=",")
  property(outname="log.syslog.facility.name" name="syslogfacility-text" format="jsonf") constant(value=",")
  property(outname="source.ip" name="fromhost-ip" format="jsonf") constant(value=",")"""
        if json:
            parse = 'action(type="mmjsonparse" cookie="")'
            text = 'constant(value="\\"body\\":") property(name="$!all-json")'
        (folder / "rsyslog.conf").write_text(
            f'global(workDirectory="{folder}")\nmodule(load="imptcp")\nmodule(load="mmjsonparse")\n'
            'module(load="omelasticsearch")\n'
            f'template(name="doc" type="list") {{ constant(value="{{"){fields} {text} constant(value="}}") }}\n'
            f'input(type="imptcp" address="127.0.0.1" port="{port}")\n{parse}\n'
            f'action(type="omelasticsearch" server="127.0.0.1" serverport="{sink}" bulkmode="on" maxbytes="8m"\n'
            f'  searchIndex="bench" searchType="" template="doc" {QUEUE % queue})\n'
        )
        modules = root / "usr/lib/x86_64-linux-gnu/rsyslog"
        return [root / "usr/sbin/rsyslogd", "-n", "-f", folder / "rsyslog.conf", "-i", folder / "pid", "-M", modules]

    return command


def syslog_ng(binary, reliable=False):
    def command(folder, port, sink, json):
        parse = 'parser { json-parser(prefix("body.")); };' if json else ""
        text = "--key body.*" if json else "message=$MSG"
        disk = f'disk-buffer(reliable(yes) disk-buf-size(1073741824) mem-buf-size(67108864) dir("{folder}"))'
        (folder / "syslog-ng.conf").write_text(
            "@version: 3.38\noptions { keep-hostname(yes); use-dns(no); stats-freq(0); };\n"
            f'source in {{ network(ip("127.0.0.1") port({port}) transport("tcp")\n'
            "  max-connections(10) log-iw-size(100000) log-fetch-limit(2000)); };\n"
            f'destination out {{ http(url("http://127.0.0.1:{sink}/_bulk") method("POST")\n'
            '  headers("Content-Type: application/x-ndjson") workers(2) batch-lines(2000) batch-timeout(200)\n'
            f'  log-fifo-size(400000) time-reopen(1) {disk if reliable else ""}\n'
            '  body("{\\"index\\":{\\"_index\\":\\"bench\\"}}\\n$(format-json --key-delimiter ~ @timestamp=$ISODATE\n'
            "    log.level=$LEVEL host.name=$HOST service.name=$PROGRAM process.pid=$PID\n"
            f"    log.syslog.facility.name=$FACILITY source.ip=$SOURCEIP {text})\\n\")); }};\n"
            f"log {{ source(in); {parse} destination(out); flags(flow-control); }};\n"
        )
        files = [f"--{name}={folder}/{name}" for name in ("persist-file", "pidfile", "control")]
        return [binary, "-F", "-f", folder / "syslog-ng.conf", "--no-caps", *files]

    return command


def other(template):
    """A shipper that the user has; `{port}`, `{sink}` and `{folder}` are filled in."""

    def command(folder, port, sink, json):
        return ["/bin/sh", "-c", "exec " + template.format(port=port, sink=sink, folder=folder)]

    return command
