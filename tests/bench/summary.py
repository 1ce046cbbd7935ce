#!/usr/bin/env python3
"""Medians of what measure.py printed, and ratios of wall time, CPU time and peak RSS to neo4j-admin and to cp+sync.
summary.py RESULTS"""
import statistics
import sys

rows = {}
for line in open(sys.argv[1]):
    name, *values = line.split()
    rows.setdefault(name, []).append([float(v) for v in values])
medians = {name: [statistics.median(column) for column in zip(*runs)] for name, runs in rows.items()}
print(f"medians of {len(next(iter(rows.values())))} rounds")
print(f"{'what':<14} {'wall s':>8} {'CPU s':>8} {'RSS MiB':>8}   ratios to neo4j-admin    wall to cp+sync, drain")
for name, (wall, cpu, rss) in medians.items():
    admin, cp, drain = medians["neo4j-admin"], medians["cp+sync"], medians["drain"]
    print(f"{name:<14} {wall:8.3f} {cpu:8.3f} {rss:8.1f}   {wall / admin[0]:.3f} {cpu / admin[1]:.3f} {rss / admin[2]:.3f}"
          f"        {wall / cp[0]:.2f} {wall / drain[0]:.2f}")
