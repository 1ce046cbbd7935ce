#!/usr/bin/env python3
"""A slow or throttling way to an S3 server: forwards HTTP to 127.0.0.1:TARGET_PORT as the file CONTROL tells, which may change at
any time.

  slow_s3.py PORT TARGET_PORT CONTROL

CONTROL holds the bytes that the bodies of requests may have a second, over all connections together (0: as many as come), or
"SlowDown": each request is refused with 503 SlowDown, as S3 servers do that want fewer. Signatures stay valid, since method, path
and headers pass unchanged.
"""
import http.client
import http.server
import socket
import sys
import threading
import time

PIECE = 16 * 1024  # small, so that a rate holds for any moment of a second or more
LOOK_SECONDS = 0.1
SMALL_BODY = 64 * 1024
REFUSAL = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class Control:
    """What the file says, at most LOOK_SECONDS old. Thread-safe."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.read_at = 0.0
        self.text = "0"
        self.paid_until = 0.0

    def current(self):
        with self.lock:
            now = time.monotonic()
            if now - self.read_at >= LOOK_SECONDS:
                with open(self.path) as file:
                    self.text = file.read().strip() or self.text  # empty while it is being written
                self.read_at = now
            return self.text

    def pay(self, count):
        """Holds the caller until its bytes, and all that were asked for before, are paid for."""
        text = self.current()
        rate = 0 if text == "SlowDown" else int(text)
        if rate == 0:
            return
        with self.lock:
            now = time.monotonic()
            self.paid_until = max(self.paid_until, now) + count / rate
            wait = self.paid_until - now
        time.sleep(wait)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream = None

    def handle_expect_100(self):
        return True  # who is refused is not asked for the body first

    def log_message(self, *_):
        pass

    def refuse(self, length):
        if 0 < length <= SMALL_BODY and "Expect" not in self.headers:
            self.rfile.read(length)  # a body that is on its way already would reset the connection, and lose the answer
        self.close_connection = True
        self.send_response(503)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(REFUSAL)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(REFUSAL)

    def send_on(self, length):
        self.upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("expect", "connection"):
                self.upstream.putheader(name, value)
        self.upstream.endheaders()
        while length > 0:
            piece = self.rfile.read(min(length, PIECE))
            if not piece:
                raise ConnectionError("the client is gone")
            control.pay(len(piece))
            self.upstream.send(piece)
            length -= len(piece)

    def answer(self):
        reply = self.upstream.getresponse()
        body = reply.read()
        self.send_response_only(reply.status, reply.reason)
        for name, value in reply.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = reply.getheader("Content-Length") if self.command == "HEAD" else len(body)
        if length is not None and reply.status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def forward(self):
        length = int(self.headers.get("Content-Length", 0))
        if control.current() == "SlowDown":
            self.refuse(length)
            return
        try:
            if self.upstream is None:
                self.upstream = http.client.HTTPConnection("127.0.0.1", int(sys.argv[2]), timeout=120)
            if "Expect" in self.headers:
                self.send_response_only(100)
                self.end_headers()
            self.send_on(length)
            self.answer()
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            if self.upstream is not None:
                self.upstream.close()
                self.upstream = None

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = forward


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):
        # What lies in buffers has left the client without having been paid for; connections inherit the size.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * PIECE)
        super().server_bind()

    def handle_error(self, *_):
        pass  # clients go when a backup ends


control = Control(sys.argv[3])
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
