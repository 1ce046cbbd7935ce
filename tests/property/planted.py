#!/usr/bin/env python3
"""Proves that the property test can fail: each of the faults that a runner could have is planted, and the test has to find it.

  planted.py RUNNER [SEED]

The faults are planted into what was restored or stored, so that no program has any of them built in:
  - a log cut one transaction late: a restore goes one transaction further than it was told;
  - a skipped block: what one block holds, of the full or of an increment, is left out of what was restored;
  - an index line of a broken try used: a file is restored as far as it had come when its connection broke;
  - an increment appended after a set-back: transactions of the new history are stored as an increment of the old chain.

Before each fault the same point is restored without it. Ends with 1 when a fault is not found, or something else is.
"""
import contextlib
import dataclasses
import json
import pathlib
import random
import signal
import sys
import tempfile

import artifacts
import course

TRANSACTION_LOG = "neostore.transaction.db.0"


class Planted(course.Course):
    """Its restores have the fault that is set."""

    plant = None  # called with the chain's artifacts and the restored directory
    late = 0  # transactions

    def restore(self, chain, transaction, into):
        super().restore(chain, transaction + self.late, into)
        if self.plant:
            self.plant(self.stored(chain), into)

    def stored(self, chain):
        return artifacts.artifacts(self.state / "repository/prod/graph.db", chain.name)

    @contextlib.contextmanager
    def planted(self, plant=None, late=0):
        self.plant, self.late = plant, late
        yield
        self.plant, self.late = None, 0

    def finds(self, what, chain, transaction):
        try:
            self.check(chain, transaction)
        except course.NotRestored:
            raise  # a fault that the runner finds by itself proves nothing about this test
        except course.Difference as difference:
            text = " ".join(str(difference).split())
            self.tell(f"FOUND {what}: {text[:400]}")
            return
        raise AssertionError(f"{what} was not found")


def skip_block_of_full(stored, into):
    """Leaves out a block that holds nodes: its bytes stay zeros."""
    full = stored[0]
    extents = [each for each in full.of("extent") if each["try"] in full.done() and full.path_of(each["try"])]
    block = next(each["block"] for each in extents if full.path_of(each["try"]) == "neostore.nodestore.db")
    for each in extents:
        if each["block"] == block:
            with (into / full.path_of(each["try"])).open("r+b") as file:
                file.seek(each["plainOffset"])
                file.write(bytes(each["plainLength"]))


def skip_block_of_increment(number):
    """Leaves out the block of an increment that its log begins with."""
    def plant(stored, into):
        log = into / TRANSACTION_LOG
        before = len(bytes.fromhex(stored[0].head["logPreamble"])) + sum(len(each.log()) for each in stored[:number])
        skipped = next(each["plainLength"] for each in stored[number].of("extent") if each["try"] in stored[number].done())
        whole = log.read_bytes()
        log.write_bytes(whole[:before] + whole[before + skipped:])
    return plant


def broken_tries(full):
    """The tries that broke after some of the file was stored, which is not all of it: the number, and the path."""
    found = []
    for each in full.of("open"):
        number, path = each["try"], each.get("path")
        finished = [other["bytes"] for other in full.of("done") if full.path_of(other["try"]) == path]
        if path and number not in full.done() and 0 < len(full.content(number)) < max(finished, default=0):
            found.append((number, path))
    return found


def use_broken_try(number, path):
    def plant(stored, into):
        (into / path).write_bytes(stored[0].content(number))
    return plant


def full_with_broken_try(test):
    """Makes fulls over a line that breaks until one has such a try."""
    for _ in range(40):
        test.break_line(3_000_000)
        done = test.call("backup", "--quiet", "--output", "json", "--from", f"127.0.0.1:{test.line.port}", *course.SOURCE, "--type", "full",
                         "--to", str(test.state / "repository"))
        if done.returncode == course.WORTH_ANOTHER_ATTEMPT:
            continue
        if done.returncode != 0:
            raise course.Difference(f"a full over a breaking line: {done.stdout} {done.stderr}")
        name = json.loads(done.stdout)["artifact"]["chain"]
        chain = course.Chain("volume", name, test.history)
        test.look(chain)
        tries = broken_tries(test.stored(chain)[0])
        if tries:
            return chain, tries
    raise AssertionError("no connection broke within a file")


def run(test):
    test.prepare()
    test.write(65)  # one that is huge among them, for files of some size
    test.grow()
    chain = test.chains["volume"]
    low, high = max(chain.increments(), key=lambda each: each[1] - each[0])
    point = next(each for each in range((low + high) // 2, high) if each not in chain.history.doubtful)
    test.check(chain, point)
    with test.planted(late=1):
        test.finds("a log cut one transaction late", chain, point)

    tip = chain.highest[-1]
    test.check(chain, tip)
    with test.planted(plant=skip_block_of_increment(1)):
        test.finds("a skipped block of an increment", chain, tip)

    low, high = chain.increments()[-1]
    test.seed(chain, next(each for each in range(low, high) if each not in chain.history.doubtful))
    test.take("volume", "full")
    append_after_set_back(test, chain)

    # Of the cluster that was set back: its log begins with what it was seeded with, and does not make up for what a full lacks.
    test.cluster.caught_up(test.history.last())
    full, tries = full_with_broken_try(test)
    end = full.highest[0]
    test.check(full, end)
    with test.planted(plant=skip_block_of_full):
        test.finds("a skipped block of the full", full, end)
    number, path = test.chance.choice(tries)
    with test.planted(plant=use_broken_try(number, path)):
        test.finds(f"the index lines of a broken try used, of {path}", full, end)


def append_after_set_back(test, chain):
    """The cluster was set back into the chain's last increment, and has a full since."""
    tip = chain.highest[-1]
    test.overtake(tip)
    test.take("volume")
    other = test.chains["volume"]
    source = next(each for each in test.stored(other) if each.head["transactions"]["highest"]["id"] > tip)
    last = artifacts.append(test.state / "repository/prod/graph.db", test.stored(chain)[-1], source,
                            {"uid": "planted", "attempt": 1, "writer": "w000000"})
    test.look(chain)
    for history, name in ((chain.history, "old"), (other.history, "new")):
        chain.history = history
        test.finds(f"an increment appended after a set-back, beside the {name} history", chain, last)


def main():
    runner = str(pathlib.Path(sys.argv[1]).resolve())
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as directory:
        test = Planted(runner, dataclasses.replace(course.SHORT, faults=0), seed, pathlib.Path(directory))
        try:
            run(test)
        finally:
            test.end()
    print("each planted fault was found")


main()
