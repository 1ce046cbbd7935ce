#!/usr/bin/env python3
"""Stands between operators and the API server, and does what networks and servers do at their worst: see faults.py. Each
LISTENER is PORT=NAME: the operator that dials this port is called NAME in the audit log (by its User-Agent). While the file
CALM exists, nothing bad happens. On SIGTERM it prints how often which fault befell whom.
  proxy.py --certificate PEM --upstream HOST:PORT --ca PEM --client-certificate PEM --client-key PEM --calm FILE --seed N LISTENER...
"""
import argparse
import asyncio
import collections
import json
import os
import random
import signal
import ssl

import faults


class Broken(Exception):
    """The peer closed the connection, or sent what is no HTTP."""


class Head:
    """The first line and the headers of a request or an answer."""

    def __init__(self, raw):
        lines = raw.decode("latin-1").split("\r\n")
        self.first = lines[0]
        self.headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if ":" in line]

    def get(self, name):
        return next((value for key, value in self.headers if key.lower() == name), "")

    def put(self, name, value):
        self.headers = [(key, old) for key, old in self.headers if key.lower() != name.lower()] + [(name, value)]

    def bytes(self):
        lines = [self.first] + [f"{key}: {value}" for key, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def read_head(reader):
    try:
        return Head((await reader.readuntil(b"\r\n\r\n"))[:-4])
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as error:
        raise Broken(str(error)) from error


async def read_chunk(reader):
    """The bytes of one chunk; empty: the last."""
    try:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        return (await reader.readexactly(size + 2))[:-2]
    except (asyncio.IncompleteReadError, OSError, ValueError) as error:
        raise Broken(str(error)) from error


async def read_body(reader, head):
    """The body as it goes over the wire, chunked or not."""
    try:
        if head.get("transfer-encoding").lower() == "chunked":
            body = b""
            while chunk := await read_chunk(reader):
                body += framed(chunk)
            return body + framed(b"")
        return await reader.readexactly(int(head.get("content-length") or 0))
    except (asyncio.IncompleteReadError, OSError) as error:
        raise Broken(str(error)) from error


def framed(chunk):
    return b"%x\r\n%s\r\n" % (len(chunk), chunk)


class Connection:
    """One connection of an operator, and the one to the API server that serves it."""

    def __init__(self, proxy, name, reader, writer):
        self.proxy, self.name, self.reader, self.writer = proxy, name, reader, writer
        self.random = random.Random(f"{proxy.options.seed}/{name}/{next(proxy.numbers)}")
        self.server = None

    async def serve(self):
        try:
            while True:
                head = await read_head(self.reader)
                await self.exchange(head, await read_body(self.reader, head))
        except (Broken, OSError, asyncio.CancelledError):  # Cancelled when the proxy ends.
            pass
        finally:
            self.writer.transport.abort()
            if self.server:
                self.server[1].transport.abort()

    async def exchange(self, head, body):
        method, path = head.first.split(" ")[:2]
        fault = None if self.proxy.is_calm() else faults.of_request(self.random, method, path)
        kind = fault.kind if fault else ""
        if fault:
            self.proxy.count(self.name, kind)
        if kind == "delay":
            await asyncio.sleep(fault.seconds)
        elif kind == "drop":
            raise Broken("a fault")
        elif kind == faults.UNKNOWN or kind in faults.ANSWERS:
            return await self.send(faults.answer(kind))
        answer = await self.ask(head, body)
        if faults.is_watch(method, path) and answer.first.split(" ")[1] == "200":
            await self.send(answer.bytes())
            return await self.relay_stream()
        data = answer.bytes() + await read_body(self.server[0], answer)
        if kind == "hold-after":
            await asyncio.sleep(fault.seconds)
        if kind == "error-after":
            data = faults.answer("500")
        if kind == "cut-answer":
            await self.send(data[:self.random.randrange(len(data))])
        if kind in ("drop-after", "hold-after", "cut-answer"):
            raise Broken("a fault")
        await self.send(data)

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, head, body):
        """Passes a request on; the head of the API server's answer."""
        if not self.server:
            host, port = self.proxy.options.upstream.rsplit(":", 1)
            self.server = await asyncio.open_connection(host, int(port), ssl=self.proxy.upstream_tls, limit=1 << 24)
        head.put("User-Agent", self.name)
        self.server[1].write(head.bytes() + body)
        await self.server[1].drain()
        return await read_head(self.server[0])

    async def relay_stream(self):
        """Passes chunks on until the stream ends by itself or by a fault."""
        loop = asyncio.get_running_loop()
        fault, after = faults.of_stream(self.random)
        due = loop.time() + after
        lag = 0.0
        reading = asyncio.ensure_future(read_chunk(self.server[0]))
        gone = asyncio.ensure_future(self.reader.read(1))
        try:
            while True:
                await asyncio.wait({reading, gone}, timeout=max(due - loop.time(), 0), return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    raise Broken("the operator hung up")
                if loop.time() >= due:
                    lag = await self.befall_stream(fault)
                    fault, after = faults.of_stream(self.random)
                    due = loop.time() + after
                if not reading.done():
                    continue
                chunk = reading.result()
                await asyncio.sleep(lag)
                await self.send(framed(chunk))
                if not chunk:
                    raise Broken("the end")
                reading = asyncio.ensure_future(read_chunk(self.server[0]))
        finally:
            reading.cancel()
            gone.cancel()

    async def befall_stream(self, fault):
        """Does it; returns by how much what follows comes later."""
        if self.proxy.is_calm():
            return 0.0
        self.proxy.count(self.name, "stream-" + fault.kind)
        if fault.kind == "cut-line":
            await self.send(framed(b'{"type":"MODIFIED","object":{"kind":'))
        if fault.kind == "410":
            await self.send(framed(faults.gone_event()) + framed(b""))
        if fault.kind == "stall":
            await asyncio.sleep(fault.seconds)
            return 0.0
        if fault.kind == "lag":
            return fault.seconds
        await asyncio.sleep(0.05)  # Or the end overtakes what was sent before it.
        raise Broken("a fault")


class Proxy:
    def __init__(self, options):
        self.options = options
        self.numbers = iter(range(1 << 62))
        self.counts = collections.Counter()
        self.server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.server_tls.load_cert_chain(options.certificate)
        self.upstream_tls = ssl.create_default_context(cafile=options.ca)
        self.upstream_tls.load_cert_chain(options.client_certificate, options.client_key)

    def is_calm(self):
        return os.path.exists(self.options.calm)

    def count(self, name, kind):
        self.counts[f"{name} {kind}"] += 1

    async def run(self):
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        for listener in self.options.listeners:
            port, name = listener.split("=")

            def accept(reader, writer, name=name):
                return Connection(self, name, reader, writer).serve()
            await asyncio.start_server(accept, "127.0.0.1", int(port), ssl=self.server_tls, limit=1 << 24)
        print("ready", flush=True)
        await stop.wait()
        print(json.dumps(dict(sorted(self.counts.items()))), flush=True)


def main():
    parser = argparse.ArgumentParser()
    for name in ("certificate", "upstream", "ca", "client-certificate", "client-key", "calm", "seed"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("listeners", nargs="+")
    asyncio.run(Proxy(parser.parse_args()).run())


if __name__ == "__main__":
    main()
