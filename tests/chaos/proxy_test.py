#!/usr/bin/env python3
"""The proxy does what it says it does, to a small API server in this process."""
import argparse
import asyncio
import collections
import json
import os
import random
import re
import ssl
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import faults  # noqa: E402
import proxy  # noqa: E402

EVENT = b'{"type":"ADDED","object":{"metadata":{"name":"x"}}}\n'


class Server:
    """Answers every request with its path, and a watch with three events; remembers what came."""

    def __init__(self):
        self.seen = []

    async def serve(self, reader, writer):
        try:
            while True:
                head = await proxy.read_head(reader)
                body = await proxy.read_body(reader, head)
                self.seen.append((head.first, head.get("user-agent"), body))
                path = head.first.split(" ")[1]
                if "watch=1" in path:
                    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    for _ in range(3):
                        writer.write(proxy.framed(EVENT))
                        await writer.drain()
                        await asyncio.sleep(0.05)
                    writer.write(proxy.framed(b""))
                elif path.startswith("/chunked"):
                    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + proxy.framed(b"ab") + proxy.framed(b""))
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path.encode()))
                await writer.drain()
        except (proxy.Broken, OSError, asyncio.CancelledError):
            writer.transport.abort()


def is_complete(data):
    """Whether an answer has all that its head announces."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    if b"chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(re.search(rb"(?i)content-length: *([0-9]+)", head)[1])


class ProxyTest(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.pem = os.path.join(cls.directory.name, "both.pem")
        key, crt = cls.pem + ".key", cls.pem + ".crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", crt, "-subj",
                        "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"], check=True, capture_output=True)
        with open(cls.pem, "w", encoding="utf-8") as both:
            for part in (key, crt):
                with open(part, encoding="utf-8") as file:
                    both.write(file.read())

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    async def asyncSetUp(self):
        self.server = Server()
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(self.pem)
        upstream = await asyncio.start_server(self.server.serve, "127.0.0.1", 0, ssl=tls)
        crt = self.pem + ".crt"
        self.calm = os.path.join(self.directory.name, "calm")
        self.proxy = proxy.Proxy(argparse.Namespace(
            certificate=self.pem, upstream="127.0.0.1:%d" % upstream.sockets[0].getsockname()[1], ca=crt,
            client_certificate=crt, client_key=self.pem + ".key", calm=self.calm, seed="1", listeners=[]))

        def accept(reader, writer):
            return proxy.Connection(self.proxy, "operator-a", reader, writer).serve()
        front = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=self.proxy.server_tls)
        self.addCleanup(upstream.close)
        self.addCleanup(front.close)
        self.port = front.sockets[0].getsockname()[1]
        self.tls = ssl.create_default_context(cafile=crt)

    async def ask(self, first, body=b""):
        """What comes back on a connection of its own: until the connection ends, or the answer is complete. A stream is only
        complete when its connection ends, however long that takes on a busy machine."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls)
        writer.write(b"%s HTTP/1.1\r\nUser-Agent: mine\r\nContent-Length: %d\r\n\r\n%s" % (first, len(body), body))
        data, ended = b"", False
        async with asyncio.timeout(60):
            while not ended and (b"watch=1" in first or not is_complete(data)):
                try:
                    chunk = await reader.read(65536)
                except OSError:
                    chunk = b""
                data += chunk
                ended = not chunk
        writer.transport.abort()
        return data, ended

    def befall(self, fault, stream=None, after=0.0):
        for name, value in (("of_request", fault), ("of_stream", (stream or faults.Fault("cut"), after if stream else 1e6))):
            patch = mock.patch.object(faults, name, return_value=value)
            patch.start()
            self.addCleanup(patch.stop)

    async def test_passes_on_what_comes_and_goes_under_the_name_of_the_listener(self):
        self.befall(None)
        data, ended = await self.ask(b"POST /a", b"body")
        self.assertTrue(data.endswith(b"\r\n\r\n/a"))
        self.assertFalse(ended)
        self.assertEqual(self.server.seen, [("POST /a HTTP/1.1", "operator-a", b"body")])
        self.assertTrue((await self.ask(b"GET /chunked"))[0].endswith(b"2\r\nab\r\n0\r\n\r\n"))

    async def test_refuses_without_asking_the_server(self):
        for kind, code in (("409", 409), ("409-exists", 409), ("410", 410), ("429", 429), ("500", 500)):
            with mock.patch.object(faults, "of_request", return_value=faults.Fault(kind)):
                data, _ = await self.ask(b"PATCH /a")
            self.assertTrue(data.startswith(b"HTTP/1.1 %d " % code), data)
            self.assertEqual(json.loads(data.split(b"\r\n\r\n")[1])["code"], code)
            self.assertEqual(b"Retry-After: 1" in data, code == 429)
        self.assertEqual(self.server.seen, [])

    async def test_knows_no_custom_resource(self):
        self.befall(faults.Fault(faults.UNKNOWN))
        data, _ = await self.ask(b"GET /a")
        self.assertTrue(data.startswith(b"HTTP/1.1 404 ") and data.endswith(b"\r\n\r\n404 page not found\n"), data)
        self.assertEqual(self.server.seen, [])

    async def test_drops_the_answer_after_the_server_has_acted(self):
        self.befall(faults.Fault("drop-after"))
        self.assertEqual(await self.ask(b"POST /a"), (b"", True))
        self.assertEqual(len(self.server.seen), 1)

    async def test_says_500_after_the_server_has_acted(self):
        self.befall(faults.Fault("error-after"))
        data, _ = await self.ask(b"POST /a")
        self.assertTrue(data.startswith(b"HTTP/1.1 500 "))
        self.assertEqual(len(self.server.seen), 1)

    async def test_cuts_an_answer(self):
        self.befall(faults.Fault("cut-answer"))
        data, ended = await self.ask(b"GET /a")
        self.assertTrue(ended)
        self.assertFalse(data.endswith(b"/a"))

    async def test_passes_a_stream_on_to_its_end(self):
        self.befall(None)
        data, ended = await self.ask(b"GET /a?watch=1")
        self.assertEqual(data.count(b"ADDED"), 3)
        self.assertTrue(data.endswith(b"0\r\n\r\n"))
        self.assertTrue(ended)

    async def test_cuts_a_stream(self):
        self.befall(None, faults.Fault("cut"), 0.07)
        data, ended = await self.ask(b"GET /a?watch=1")
        self.assertTrue(ended)
        self.assertLess(data.count(b"ADDED"), 3)

    async def test_cuts_a_stream_within_a_line(self):
        self.befall(None, faults.Fault("cut-line"), 0.07)
        data, _ = await self.ask(b"GET /a?watch=1")
        self.assertTrue(data.endswith(b'{"kind":\r\n'), data)

    async def test_tells_within_a_stream_that_it_is_gone(self):
        self.befall(None, faults.Fault("410"), 0.07)
        data, _ = await self.ask(b"GET /a?watch=1")
        self.assertIn(b'"type": "ERROR"', data)
        self.assertTrue(data.endswith(b"0\r\n\r\n"))

    async def test_stalls_a_stream_and_then_goes_on(self):
        self.befall(None, faults.Fault("stall", 0.2), 0.07)
        self.assertEqual((await self.ask(b"GET /a?watch=1"))[0].count(b"ADDED"), 3)
        self.assertGreater(self.proxy.counts["operator-a stream-stall"], 0)

    async def test_nothing_befalls_anybody_while_it_is_calm(self):
        self.befall(faults.Fault("500"), faults.Fault("cut"), 0.01)
        with open(self.calm, "w", encoding="utf-8"):
            self.addCleanup(os.remove, self.calm)
            self.assertTrue((await self.ask(b"GET /a"))[0].startswith(b"HTTP/1.1 200"))
            self.assertEqual((await self.ask(b"GET /a?watch=1"))[0].count(b"ADDED"), 3)


class Faults(unittest.TestCase):
    def test_every_fault_comes_up_where_it_belongs(self):
        source = random.Random(1)
        seen = collections.defaultdict(set)
        for method, path in (("GET", "/a/x"), ("GET", "/a?limit=500"), ("GET", "/a?watch=1"), ("POST", "/a"), ("PATCH", "/a/x")):
            for _ in range(5000):
                fault = faults.of_request(source, method, path)
                seen[method, path].add(fault.kind if fault else "")
        self.assertIn(faults.UNKNOWN, {fault.kind for fault in (
            faults.of_request(source, "GET", "/apis/neo4jbackup.dev/x") for _ in range(5000)) if fault})
        self.assertEqual(seen["GET", "/a/x"], {"", *faults.READS})
        self.assertEqual(seen["GET", "/a?limit=500"], {"", *faults.LISTS})
        self.assertEqual(seen["GET", "/a?watch=1"], {"", *faults.WATCH_STARTS})
        self.assertEqual(seen["PATCH", "/a/x"], {"", *faults.WRITES})
        self.assertEqual(seen["POST", "/a"], {"", *faults.WRITES} - {"409"} | {"409-exists"})


if __name__ == "__main__":
    unittest.main()
