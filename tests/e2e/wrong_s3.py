#!/usr/bin/env python3
"""A server that answers every request as a storage does that can't be used, by the bucket's name: for what real servers don't do when
told to.  wrong_s3.py HOST:PORT
"""
import http.server
import sys

ANSWERS = {
    "skewed": (403, "RequestTimeTooSkewed"),
    "read-only": (405, "MethodNotAllowed"),
    "throttling": (503, "SlowDown"),
    "simple": (501, "NotImplemented"),
    "console": (404, None),
}


class Storage(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        status, code = ANSWERS[self.path.split("/")[1].split("?")[0]]
        body = f"<Error><Code>{code}</Code><Message>as scripted</Message></Error>" if code else "<html>Log in</html>"
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

    do_GET = do_HEAD = do_PUT = do_DELETE = answer

    def log_message(self, *arguments):
        pass


host, port = sys.argv[1].rsplit(":", 1)
http.server.ThreadingHTTPServer((host, int(port)), Storage).serve_forever()
