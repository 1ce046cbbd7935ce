#!/usr/bin/env python3
"""Forwards TCP to a real server, and stops passing bytes from the server at byte BYTES (counted over all connections)
until the file GATE exists: makes "half-way" certain. A GATE that holds "cut" closes each
connection at its own byte BYTES instead.  paused_proxy.py LISTEN_HOST:PORT TARGET_HOST:PORT BYTES GATE
"""
import os
import socket
import sys
import threading
import time

lock = threading.Lock()
passed = 0


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def pump(source, sink, counted):
    global passed
    own = 0
    try:
        while data := source.recv(16384):
            own += len(data)
            if counted:
                with lock:
                    passed += len(data)
                while passed > limit and not os.path.exists(gate):
                    time.sleep(0.05)
                if own > limit and open(gate).read() == "cut":
                    break
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


limit, gate = int(sys.argv[3]), sys.argv[4]
listener = socket.create_server(address(sys.argv[1]))
while True:
    client, _ = listener.accept()
    server = socket.create_connection(address(sys.argv[2]))
    threading.Thread(target=pump, args=(client, server, False), daemon=True).start()
    threading.Thread(target=pump, args=(server, client, True), daemon=True).start()
