#!/usr/bin/env python3
"""Commits COUNT transactions, each of which raises one of 64 counters, by eight clients side by side.
increments_writer.py COUNT PORT...      HTTP ports of the cores"""
import http.client
import json
import os
import sys
import threading

CLIENTS = 8


def leader(ports):
    for port in ports:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/db/manage/server/core/writable")
        if connection.getresponse().read() == b"true":
            return port
    sys.exit("no core takes writes")


def write(port, client, count):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(count):
        statement = "MATCH (c:Counter {id: $id}) SET c.n = c.n + 1"
        body = json.dumps({"statements": [{"statement": statement, "parameters": {"id": client * 8 + number % 8 + 1}}]})
        connection.request("POST", "/db/data/transaction/commit", body, {"Content-Type": "application/json"})
        reply = json.loads(connection.getresponse().read())
        if reply["errors"]:
            print(reply["errors"], file=sys.stderr, flush=True)
            os._exit(1)  # One client that ends must not leave fewer transactions than were asked for.


count, port = int(sys.argv[1]), leader([int(p) for p in sys.argv[2:]])
threads = [threading.Thread(target=write, args=(port, c, count // CLIENTS + (c < count % CLIENTS))) for c in range(CLIENTS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
