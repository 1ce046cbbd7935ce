#!/usr/bin/env python3
"""Looks for a history of writes, backups, kills and set-backs after which a restore is not exactly what it should be.

  run.py RUNNER SECONDS [SEED]

A causal cluster of Neo4j 3.4.10 runs on loopback. One client commits random transactions, whose effect a model knows. Chains of a
full and increments go to a volume and to a bucket, while the runner, the read replica, the leader and MinIO are killed. Now and then
the cluster is set back to an older point by a restore, and goes on with another history: the next increment must be refused. Each
chain is restored to borders and to points within its increments; each restored database must start, hold exactly the transactions up
to that point as the model has them, end with that very transaction, and pass the official consistency check.

Prints the seed, and in the end what was done. Ends with 1 at the first difference, which it describes; the same seed makes the same
choices, but not the same timing.
"""
import json
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import members
import model

SETTINGS = "dbms.tx_log.rotation.size=1M\n"
SCHEMA = [
    ("CREATE INDEX ON :Item(v)", "DROP INDEX ON :Item(v)"),
    ("CREATE INDEX ON :Huge(n)", "DROP INDEX ON :Huge(n)"),
    ("CREATE CONSTRAINT ON (i:Item) ASSERT i.id IS UNIQUE", "DROP CONSTRAINT ON (i:Item) ASSERT i.id IS UNIQUE"),
]
SOURCE = ["--source", "prod", "--database", "graph.db"]


class Difference(Exception):
    pass


class Chain:
    """One chain in one place: what each of its artifacts ends with, and the history that it was copied from."""

    def __init__(self, place, name, history):
        self.place, self.name, self.history = place, name, history
        self.highest = []  # of each artifact
        self.lowest = []

    def points(self, chance):
        """Every border of an increment, and as many points within."""
        for low, high in zip(self.lowest[1:], self.highest[1:]):
            yield low
            yield high
            if high - low > 1:
                yield chance.randrange(low + 1, high)
                yield chance.randrange(low + 1, high)


class Test:
    def __init__(self, runner, seconds, seed, state):
        self.runner, self.seconds, self.state = runner, seconds, state
        self.chance = random.Random(seed)
        self.begin = time.monotonic()
        # 100 MB in one transaction where there is time for it.
        self.history = model.History(seed, 25_000 if seconds >= 900 else 2_500)
        self.minio = members.Minio(state)
        self.places = {"volume": ["--in", str(state / "repository")], "bucket": self.minio.flags()}
        self.cluster = members.Cluster(state, SETTINGS)
        self.chains = {}  # the one that goes on now, by place
        self.finished = []
        self.indexes = set()
        self.counts = dict.fromkeys(["operations", "backups", "increments", "kills of the runner", "kills of the replica",
                                     "kills of the leader", "kills of the store", "set-backs", "restores", "restores within an increment",
                                     "restores within a constraint"], 0)

    def left(self):
        return self.seconds - (time.monotonic() - self.begin)

    def tell(self, text):
        print(f"-- {text} ({time.monotonic() - self.begin:.0f} s)", flush=True)

    def call(self, *arguments):
        return subprocess.run([self.runner, *arguments], capture_output=True, text=True, check=False)

    # Writes
    def write(self, count):
        for _ in range(count):
            statement, parameters = self.history.next()
            before = self.cluster.leader().last_transaction()
            self.history.committed(self.cluster.write(statement, parameters))
            if self.history.transactions[-1] <= before:
                raise Difference(f"operation {parameters['number']} has transaction {self.history.transactions[-1]}, after {before}")
            self.counts["operations"] += 1

    def change_schema(self):
        number = self.chance.randrange(len(SCHEMA))
        drop = number in self.indexes
        before = self.cluster.leader().last_transaction()
        self.cluster.write(SCHEMA[number][drop], {})
        self.indexes ^= {number}
        after = self.cluster.leader().last_transaction()
        self.history.doubtful |= set(range(before + 1, after))

    # Faults
    def fault(self):
        what = self.chance.choice(["replica", "leader", "store"])
        self.counts[f"kills of the {what}"] += 1
        self.tell(f"the {what} is killed")
        if what == "store":
            self.minio.kill()
            self.minio.start()
        else:
            self.cluster.restart(self.cluster.replica if what == "replica" else self.cluster.leader())

    # Backups
    def backup(self, place, kind):
        to = ["--to", str(self.state / "repository")] if place == "volume" else self.places[place]
        command = ["backup", "--quiet", "--output", "json", "--from", "127.0.0.1:26363", *SOURCE, "--type", kind, "--stall-timeout", "20s", *to]
        if self.chance.random() < 0.35:
            process = subprocess.Popen([self.runner, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(self.chance.random() * 0.4)
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.counts["kills of the runner"] += 1
        for _ in range(30):
            done = self.call(*command)
            if done.returncode == 0:
                return json.loads(done.stdout)
            if done.returncode != 20:
                raise Difference(f"a backup into the {place}: {done.stdout} {done.stderr}")
            time.sleep(1)
        raise Difference(f"no backup into the {place}: {done.stdout} {done.stderr}")

    def take(self, place, kind="auto", expected=None):
        """Makes a backup, and notes what it holds. expected: why it may be a full in place of an increment."""
        before = len(self.history.transactions)
        report = self.backup(place, kind)
        reason = report.get("unexpectedFull", {}).get("reason")
        if reason != expected:
            raise Difference(f"an increment into the {place} was impossible: {report.get('unexpectedFull')}, expected {expected}")
        artifact = report.get("artifact")
        if artifact is None:
            highest = report["upToDate"]["transaction"]
        else:
            # What a killed runner had finished is the tip that this one goes on from.
            highest = artifact["highestTransaction"]
            chain = self.chains.get(place)
            if chain is None or chain.name != artifact["chain"]:
                self.finish(place)
                chain = self.chains[place] = Chain(place, artifact["chain"], self.history)
            chain.lowest.append(artifact["lowestTransaction"])
            chain.highest.append(highest)
            self.counts["backups"] += 1
            self.counts["increments"] += artifact["kind"] == "Incremental"
        if before and highest < self.history.transactions[before - 1]:
            raise Difference(f"the backup into the {place} ends with transaction {highest}, but {self.history.transactions[before - 1]} was there")

    def finish(self, place):
        if place in self.chains:
            self.finished.append(self.chains.pop(place))

    # Restores
    def restore(self, chain, transaction, into):
        shutil.rmtree(into, ignore_errors=True)
        done = self.call("restore", "--quiet", *self.places[chain.place], *SOURCE, "--chain", chain.name, "--until-transaction", str(transaction),
                         "--to", str(into))
        if done.returncode != 0:
            raise Difference(f"chain {chain.name} is not restored to {transaction}: {done.stdout} {done.stderr}")

    def single(self):
        server = members.Server(self.state, 4, "SINGLE")
        shutil.rmtree(server.home / "data", ignore_errors=True)
        (server.home / "data/databases").mkdir(parents=True)
        return server

    def opened(self, server):
        """Starts it, and stops it again; what it answered to the model's questions."""
        server.start()
        try:
            members.wait(120, "the restored server", lambda: server.get("/") != "")
            found = {name: server.run(query) for name, query in model.QUERIES.items()}
            server.stop()
            return found
        finally:
            server.kill()

    def check(self, chain, transaction):
        server = self.single()
        self.restore(chain, transaction, server.database)
        within = transaction in chain.history.doubtful
        kind = "within a constraint" if within else "within an increment" if transaction not in chain.highest + chain.lowest else "to a border"
        found = self.opened(server)
        expected = chain.history.state_at(transaction).facts()
        where = f"chain {chain.name} in the {chain.place} at transaction {transaction} ({kind})"
        if found != expected:
            raise Difference(f"{where}: found {found}, expected {expected}")
        last = struct.unpack(">q", (server.database / "neostore").read_bytes()[28:36])[0]
        if last != transaction:
            raise Difference(f"{where}: the database ends with transaction {last}")
        # Between the two transactions of a constraint its index is there and the constraint is not, which the check reports.
        if not within:
            members.bash('. "$SERVERS/consistency.sh"; check_consistency NEO4J "$1"', str(server.home), SERVERS=str(members.SERVERS))
        self.counts["restores"] += 1
        if kind != "to a border":
            self.counts["restores " + kind] += 1
        self.tell(f"{where}: exactly {expected['markers'][0]} operations")

    # Set-backs
    def set_back(self):
        """The cluster is seeded from an older point of a chain, and goes on from there."""
        chain = self.chance.choice([each for each in [*self.chains.values(), *self.finished[-2:]] if len(each.highest) > 1])
        candidates = [p for p in chain.points(self.chance) if p not in chain.history.doubtful and p < chain.highest[-1]]
        transaction = self.chance.choice(candidates)
        self.counts["set-backs"] += 1
        self.tell(f"the cluster is set back to transaction {transaction} of chain {chain.name}")
        server = self.single()
        self.restore(chain, transaction, server.database)
        server.start()
        try:
            members.wait(120, "the seed", lambda: server.get("/") != "")
            indexes = {row for row in range(len(SCHEMA)) if self.has_schema(server, row)}
            server.stop()
        finally:
            server.kill()
        self.cluster.kill()
        for member in self.cluster.servers:
            shutil.rmtree(member.home / "data")
        for core in self.cluster.cores:
            core.database.parent.mkdir(parents=True)
            shutil.copytree(server.database, core.database)
        self.cluster.start()
        self.indexes = indexes
        self.history = chain.history.set_back(transaction, self.chance.randrange(2**32))
        # The old history must be overtaken: a source that is only behind is told as such.
        reached = max(each.highest[-1] for each in self.chains.values())
        while self.cluster.leader().last_transaction() <= reached:
            self.write(5)
        self.cluster.caught_up(self.cluster.leader().last_transaction())
        for place in self.places:
            refused = self.call("backup", "--quiet", "--from", "127.0.0.1:26363", *SOURCE, "--type", "incremental", "--on-incremental-impossible", "fail",
                                *(["--to", str(self.state / "repository")] if place == "volume" else self.places[place]))
            if refused.returncode != 30 or "HistoryDiverged" not in refused.stderr:
                raise Difference(f"an increment into the {place} after a set-back: exit {refused.returncode}: {refused.stdout} {refused.stderr}")
            self.take(place, expected="HistoryDiverged")

    @staticmethod
    def has_schema(server, number):
        create = SCHEMA[number][0]
        if "CONSTRAINT" in create:
            return any(":Item " in each for each in server.run("CALL db.constraints() YIELD description RETURN collect(description)")[0])
        return create.removeprefix("CREATE ") in server.run("CALL db.indexes() YIELD description RETURN collect(description)")[0]

    def run(self):
        for place in self.places:
            done = self.call("init", *self.places[place])
            if done.returncode != 0:
                raise Difference(f"init: {done.stderr}")
        self.cluster.write("CREATE CONSTRAINT ON (m:Marker) ASSERT m.n IS UNIQUE", {})
        short = self.seconds < 900
        rounds = 0
        while True:
            self.chain_of(increments=3 if short else 10, faults=1 if short else 3)
            rounds += 1
            for chain in list(self.chains.values()):
                points = list(chain.points(self.chance))
                for point in self.chance.sample(points, min(len(points), 2 if short else 5)):
                    self.check(chain, point)
            if self.left() < 60 and rounds > 1 or short and rounds > 1:
                break
            self.set_back()
        if not short and (self.counts["set-backs"] < 3 or self.counts["restores"] < 25):
            raise Difference(f"the machine was too slow for what the long run promises: {self.counts}")

    def chain_of(self, increments, faults):
        at = self.chance.sample(range(increments), faults)
        for place in self.places:
            if place not in self.chains:
                self.write(10)
                self.take(place, "full")
        for number in range(increments):
            self.write(self.chance.randrange(3, 25))
            if self.chance.random() < 0.4:
                self.change_schema()
                self.write(2)
            if number in at:
                self.fault()
            self.cluster.caught_up(self.history.transactions[-1])
            for place in self.places:
                self.take(place)
            self.tell(f"increment {number + 1}, up to operation {self.history.state.markers}")

    def end(self):
        self.cluster.kill()
        self.minio.kill()


def main():
    runner, seconds = str(pathlib.Path(sys.argv[1]).resolve()), int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as directory:
        test = Test(runner, seconds, seed, pathlib.Path(directory))
        try:
            test.run()
        except Exception as problem:
            print(f"FAILED with seed {seed} after {test.counts}: {problem!r}", file=sys.stderr, flush=True)
            raise
        finally:
            test.end()
    print(f"seed {seed}: " + ", ".join(f"{count} {what}" for what, count in test.counts.items()))
    print("no difference")


main()
