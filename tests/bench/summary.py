#!/usr/bin/env python3
"""Medians of what measure.py printed, as a table for docs/benchmarks.md, with the ratio of wall time to that of each BASE:
the median of the ratios within each round, since rounds differ when others use the machine.
summary.py RESULTS BASE..."""
import statistics
import sys

rows = {}
for line in open(sys.argv[1]):
    name, *values = line.split()
    rows.setdefault(name, []).append([float(v) for v in values])
bases = sys.argv[2:]
print(f"medians of {len(next(iter(rows.values())))} rounds\n")
print("| what | wall s | CPU s | peak RSS MiB | " + " | ".join(f"wall to {base}" for base in bases) + " |")
print("| --- " * (4 + len(bases)) + "|")
for name, runs in rows.items():
    wall, cpu, rss = (statistics.median(column) for column in zip(*runs))
    ratios = [statistics.median(run[0] / base[0] for run, base in zip(runs, rows[base])) for base in bases]
    print(f"| {name} | {wall:.3f} | {cpu:.3f} | {rss:.1f} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
