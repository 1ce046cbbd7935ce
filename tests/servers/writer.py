#!/usr/bin/env python3
"""Keeps a cluster writing: clients side by side, each committing one small transaction after the other.

  writer.py LOG PORT...      HTTP ports of the cores; one client for each node (:Writer {id, n}) that the database holds

Transaction n of writer w raises its counter from n-1 to n, adds the marker (w, n), and changes what others reuse: names that
an index holds, long strings, arrays, labels, relationships, nodes that come and go. Once acknowledged, the line "TIME w n" is
appended to LOG, so the file tells what was committed when. A lost connection or another leader is followed; whether a
transaction without an answer was committed, its counter knows. Anything else ends the program with exit code 1.
"""
import http.client
import json
import os
import sys
import threading
import time

PATIENCE_TRIES = 120  # half a second each: an election takes some seconds, on a busy machine more
PERSONS_PER_WRITER = 500  # each writer has its own, so that no two wait for the same lock

COUNT = (
    "MATCH (w:Writer {id: $w}) WHERE w.n = $n - 1 SET w.n = $n "
    "CREATE (:Marker {writer: $w, n: $n}) WITH w MATCH (p:Person {id: $p}) "
)
CHANGES = (
    "SET p.name = $name",
    "SET p.about = $about, p.scores = $scores",
    "MATCH (q:Person {id: $q}) CREATE (p)-[:KNOWS {since: $n}]->(q) "
    "WITH p MATCH (p)-[r:KNOWS]->() WITH r ORDER BY r.since DESC SKIP 2 DELETE r",
    "SET p:Seen",
    "REMOVE p:Seen",
    "CREATE (:Note {key: $key, text: $name}) WITH p MATCH (old:Note {key: $key - 6}) DELETE old",
)


class Refused(Exception):
    """The server answered with an error that another try, or another member, may not have."""


class Client:
    """One keep-alive connection to the leader. One thread."""

    def __init__(self, ports):
        self.ports = ports
        self.port = None
        self.connection = None

    def leader(self):
        for port in self.ports:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                connection.request("GET", "/db/manage/server/core/writable")
                if connection.getresponse().read() == b"true":
                    return port
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
        return None

    def post(self, statement, parameters):
        """The first row; raises OSError, HTTPException or Refused when it is unknown or not committed."""
        if self.connection is None:
            port = self.leader()
            if port is None:
                raise Refused("no leader")
            if self.port not in (None, port):
                print(f"writer: the leader is now at {port}, was at {self.port}", flush=True)
            self.port = port
            self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        body = json.dumps({"statements": [{"statement": statement, "parameters": parameters}]}).encode()
        self.connection.request("POST", "/db/data/transaction/commit", body, {"Content-Type": "application/json"})
        reply = json.loads(self.connection.getresponse().read())
        for error in reply["errors"]:
            if error["code"].startswith(("Neo.TransientError.", "Neo.ClientError.Cluster.")):
                raise Refused(error["code"])
            sys.exit(f"writer: {statement}: {error}")
        return [row["row"] for row in reply["results"][0]["data"]]

    def run(self, statement, parameters):
        for tries in range(PATIENCE_TRIES):
            try:
                return self.post(statement, parameters)
            except (OSError, http.client.HTTPException, Refused) as problem:
                if self.connection is not None:
                    self.connection.close()
                self.connection = None
                if tries > 0:  # a connection that idled too long is only opened again
                    print(f"writer: {problem!r}, try {tries + 1}", flush=True)
                    time.sleep(0.5)
        sys.exit(f"writer: gave up: {statement}")


def transaction(w, n):
    person = w * PERSONS_PER_WRITER
    parameters = {
        "w": w,
        "n": n,
        "p": person + n % PERSONS_PER_WRITER,
        "q": person + n * 7 % PERSONS_PER_WRITER,
        "name": f"person {w} {n}",
        "about": f"{w} {n} " * (10 + n % 20),
        "scores": list(range(n, n + 10 + n % 10)),
        "key": w * 1000000000 + n,
    }
    return COUNT + CHANGES[n % len(CHANGES)], parameters


def write(w, n, ports, log):
    client = Client(ports)
    while True:
        n += 1
        client.run(*transaction(w, n))
        os.write(log, b"%.6f %d %d\n" % (time.time(), w, n))


def guarded(*arguments):
    try:
        write(*arguments)
    except BaseException as problem:  # one client that ends must not leave the others writing as if all was well
        print(f"writer: {problem!r}", file=sys.stderr, flush=True)
        os._exit(1)


def main():
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    ports = [int(port) for port in sys.argv[2:]]
    counters = Client(ports).run("MATCH (w:Writer) RETURN w.id, w.n ORDER BY w.id", {})
    threads = [threading.Thread(target=guarded, args=(w, n, ports, log)) for w, n in counters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
