#!/usr/bin/env python3
"""Accepts connections on PORT, and never says anything.  silent.py PORT"""
import socket
import sys

listener = socket.create_server(("0.0.0.0", int(sys.argv[1])))
kept = []
while True:
    kept.append(listener.accept()[0])
    del kept[:-500]
