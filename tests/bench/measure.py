#!/usr/bin/env python3
"""Runs a command and prints: name, wall seconds, CPU seconds, peak RSS in MiB, from process start to exit.
measure.py NAME COMMAND..."""
import os
import sys
import time

name, command = sys.argv[1], sys.argv[2:]
start = time.monotonic()
pid = os.fork()
if pid == 0:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    # The official tool warns of its own Java on standard error; ours says there only why it failed.
    if name == "neo4j-admin":
        os.dup2(null, 2)
    os.execvp(command[0], command)
_, status, usage = os.wait4(pid, 0)
wall = time.monotonic() - start
if status != 0:
    sys.exit(f"{name}: exit status {os.waitstatus_to_exitcode(status)}")
print(f"{name:<14} {wall:8.3f} {usage.ru_utime + usage.ru_stime:8.3f} {usage.ru_maxrss / 1024:8.1f}", flush=True)
