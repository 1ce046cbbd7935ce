#!/usr/bin/env python3
"""Looks for a history of writes, backups, kills and set-backs after which a restore is not exactly what it should be.

  run.py RUNNER SECONDS [SEED]

A causal cluster of Neo4j 3.4.10 runs on loopback. One client commits random transactions, whose effect a model knows. Chains of a
full and increments go to a volume and to a bucket, while the client writes, connections to the source break, and the runner, the read
replica, the leader and MinIO are killed. Now and then the cluster is set back to an older point by a restore, and goes on with another
history: the next increment must be refused. Increments of each chain are restored to both borders and to points within; each restored
database must start, hold exactly the transactions up to that point as the model has them, with the schema of then, end with that very
transaction, and pass the official consistency check.

From 900 SECONDS on it is the long run, with transactions of 100 MB, chains of ten increments and least counts, for which it goes on
up to twice as long. With fewer, chains have three increments, and it ends after SECONDS and at least one set-back: 0 is the shortest.

Prints the seed, and in the end what was done. Ends with 1 at the first difference, which it describes; the same seed makes the same
choices, but not the same timing.
"""
import math
import pathlib
import random
import signal
import sys
import tempfile

import course

LONG_SECONDS = 900
# How long a long run may go on to reach its least counts.
STRETCH = 2


def main():
    runner, seconds = str(pathlib.Path(sys.argv[1]).resolve()), int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(2**32)
    extent = course.LONG if seconds >= LONG_SECONDS else course.SHORT
    print(f"seed {seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as directory:
        test = course.Course(runner, extent, seed, pathlib.Path(directory))
        try:
            test.run(seconds, STRETCH * seconds if extent is course.LONG else math.inf)
        except Exception as problem:
            print(f"FAILED with seed {seed} after {test.seconds():.0f} s and {test.counts}: {problem!r}", file=sys.stderr, flush=True)
            raise
        finally:
            test.end()
    print(f"seed {seed}, {test.seconds():.0f} s: " + ", ".join(f"{count} {what}" for what, count in test.counts.items()))
    print("no difference")


main()
