"""An engine that takes no time: it accepts `_bulk`, counts the documents, and answers each item as Elasticsearch 8 does.

Not here: storing anything. The work is receiving and counting, both at C speed, so that it is never what a shipper waits for.
"""

import re
import socket
import threading
import time

ITEM = (
    '{"%s":{"_index":"logs-2026.11.24","_id":"nV0bY5MBl2q8k3e1xw0v","_version":1,"result":"created",'
    '"_shards":{"total":2,"successful":1,"failed":0},"_seq_no":1234567,"_primary_term":1,"status":201}}'
)
SEQUENCE = re.compile(rb"seq=(\d+)")


class Sink:
    """Listens on a free port; one thread a connection, as many connections as the shippers open."""

    def __init__(self, verify=False):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.verify = verify
        self.lock = threading.Lock()
        self.answers = {}
        self.reset()
        threading.Thread(target=self.accept, daemon=True).start()

    def reset(self):
        with self.lock:
            self.documents = self.requests = self.bytes = 0
            self.last = time.monotonic()
            self.seen = set()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        buffer = bytearray()
        try:
            while True:
                while (end := buffer.find(b"\r\n\r\n")) < 0:
                    if not (chunk := connection.recv(65536)):
                        return
                    buffer += chunk
                head = bytes(buffer[:end]).decode("latin-1")
                headers = dict(line.lower().split(":", 1) for line in head.split("\r\n")[1:])
                if "transfer-encoding" in headers or "content-encoding" in headers:
                    return self.answer(connection, b"{}", "411 Length Required")
                if "100-continue" in headers.get("expect", ""):
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                length = int(headers.get("content-length", 0))
                body = bytearray(length)
                already = min(length, len(buffer) - end - 4)
                body[:already] = buffer[end + 4 : end + 4 + already]
                del buffer[: end + 4 + already]
                view = memoryview(body)
                while already < length:
                    if not (got := connection.recv_into(view[already:])):
                        return
                    already += got
                view.release()
                self.answer(connection, self.judge(head, body))
        except OSError:
            pass
        finally:
            connection.close()

    def judge(self, head, body):
        if "_bulk" not in head.split("\r\n", 1)[0]:
            return b'{"version":{"number":"8.15.0"},"status":"green","acknowledged":true}'
        create, index = body.count(b'{"create":'), body.count(b'{"index":')
        with self.lock:
            self.documents += create + index
            self.requests += 1
            self.bytes += len(body)
            self.last = time.monotonic()
            if self.verify:
                self.seen.update(map(int, SEQUENCE.findall(body)))
        operation = "create" if create else "index"
        key = (operation, create + index)
        if key not in self.answers:
            items = ",".join([ITEM % operation] * key[1])
            self.answers[key] = ('{"took":0,"errors":false,"items":[%s]}' % items).encode()
        return self.answers[key]

    @staticmethod
    def answer(connection, body, status="200 OK"):
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Elastic-Product: Elasticsearch\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
