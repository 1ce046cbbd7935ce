"""The course of events of the property test: writes, backups, faults, restores and set-backs, and what has to hold after each."""
import concurrent.futures
import dataclasses
import json
import random
import shutil
import signal
import struct
import subprocess
import time

import members
import model

# Small logs, so that a chain goes over many of the source's.
SETTINGS = "dbms.tx_log.rotation.size=1M\n"
SCHEMA = [
    ("CREATE INDEX ON :Item(v)", "DROP INDEX ON :Item(v)"),
    ("CREATE INDEX ON :Huge(n)", "DROP INDEX ON :Huge(n)"),
    ("CREATE CONSTRAINT ON (i:Item) ASSERT i.id IS UNIQUE", "DROP CONSTRAINT ON (i:Item) ASSERT i.id IS UNIQUE"),
]
CONSTRAINT = 2
SOURCE = ["--source", "prod", "--database", "graph.db"]
WORTH_ANOTHER_ATTEMPT, WOULD_END_ALIKE = 20, 30  # exit codes of the runner
RUNNER_KILLED = 0.4  # how often a backup's first runner is
LINE_BREAKS = 0.4  # how often a backup comes over a line that breaks


class Difference(Exception):
    """Something is not as it has to be."""


class NotRestored(Difference):
    """The runner refuses to restore a chain."""


@dataclasses.dataclass(frozen=True)
class Extent:
    """How much is done; counts of chain and restores are of each place."""

    increments: int  # of a chain, at least
    faults: int  # of members or the store while a chain grows: 3 are one of each kind
    points: int  # that a chain is restored to, of one increment: 4 are both borders and two within, 2 a border and one within
    all_borders: bool  # whether the last chains are restored to the borders of each of their increments
    huge_nodes: int  # of 4 KiB
    least: dict  # counts without which the test does not end


# 100 MB in one transaction; what a long run has to come to.
LONG = Extent(increments=10, faults=3, points=4, all_borders=True, huge_nodes=25_000,
              least={"set-backs": 3, "restores": 25, "restores within an increment": 13, "kills": 20, "huge transactions": 1})
SHORT = Extent(increments=3, faults=1, points=2, all_borders=False, huge_nodes=2_500, least={"set-backs": 1, "restores": 5})


class Chain:
    """One chain in one place: what each of its artifacts ends with, and the history that it was copied from."""

    def __init__(self, place, name, history):
        self.place, self.name, self.history = place, name, history
        self.lowest = []  # of each artifact
        self.highest = []

    def increments(self):
        return list(zip(self.lowest[1:], self.highest[1:]))

    def is_border(self, transaction):
        return transaction in self.lowest[1:] or transaction in self.highest


class Course:
    def __init__(self, runner, extent, seed, state):
        self.runner, self.extent, self.state = runner, extent, state
        self.chance = random.Random(seed)
        self.begin = time.monotonic()
        self.history = model.History(seed, extent.huge_nodes)
        self.minio = members.Minio(state)
        self.places = {"volume": ["--in", str(state / "repository")], "bucket": self.minio.flags()}
        self.cluster = members.Cluster(state, SETTINGS)
        self.line = members.Line(26363)
        self.chains = {}  # the one that goes on now, by place
        self.finished = []
        self.threads = concurrent.futures.ThreadPoolExecutor()
        self.backup_seconds = dict.fromkeys(self.places, 1.0)
        self.counts = dict.fromkeys(
            ["operations", "huge transactions", "schema changes", "chains", "increments", "kills of the runner", "kills of the replica",
             "kills of the leader", "kills of the store", "broken connections", "set-backs", "restores to a border",
             "restores within an increment", "restores within a constraint"], 0)

    def seconds(self):
        return time.monotonic() - self.begin

    def tell(self, text):
        print(f"-- {text} ({self.seconds():.0f} s)", flush=True)

    def call(self, *arguments):
        return subprocess.run([self.runner, *arguments], capture_output=True, text=True, check=False)

    # Writes
    def write(self, count):
        for _ in range(count):
            statement, parameters = self.history.next()
            transaction, before = self.cluster.write(statement, parameters), self.history.last()
            if transaction <= before:
                raise Difference(f"operation {parameters['number']} has transaction {transaction}, after {before}")
            self.history.committed(transaction)
            self.counts["operations"] += 1
            self.counts["huge transactions"] += self.history.last_kind == "huge"

    def change_schema(self, number):
        before, schema = self.history.last(), self.history.schemas[-1][1]
        drops = number in schema
        after = self.cluster.establish(SCHEMA[number][drops], lambda leader: self.has_schema(leader, number) != drops, before)
        if number == CONSTRAINT:
            self.history.doubtful |= set(range(before + 1, after))
        self.history.schema_changed(after, schema ^ {number})
        self.counts["schema changes"] += 1

    @staticmethod
    def has_schema(server, number):
        if number == CONSTRAINT:
            described = server.run("CALL db.constraints() YIELD description RETURN collect(description)")[0]
            return any(":Item " in each for each in described)
        described = server.run("CALL db.indexes() YIELD description RETURN collect(description)")[0]
        return SCHEMA[number][0].removeprefix("CREATE ") in described

    # Faults
    def fault(self, what, delay):
        time.sleep(delay)
        self.tell(f"the {what} is killed")
        if what == "store":
            self.minio.kill()
            time.sleep(delay)
            self.minio.start()
        else:
            self.cluster.restart(self.cluster.replica if what == "replica" else self.cluster.leader())
        self.counts[f"kills of the {what}"] += 1

    # Backups
    def backup(self, place, kind, breaks):
        """The report, and whether a runner was killed before it. breaks: the line may break."""
        to = ["--to", *self.places[place][1:]] if place == "volume" else self.places[place]
        port = 26363
        if breaks and self.chance.random() < LINE_BREAKS:
            port = self.line.port
            self.break_line(4_000_000)
        command = ["backup", "--quiet", "--output", "json", "--from", f"127.0.0.1:{port}", *SOURCE, "--type", kind, "--stall-timeout", "20s", *to]
        killed = False
        if self.chance.random() < RUNNER_KILLED:
            finished = self.killed([self.runner, *command], self.chance.random() * self.backup_seconds[place])
            if finished:
                return json.loads(finished), False
            killed = True
        end = time.monotonic() + members.PATIENCE
        while True:
            begin = time.monotonic()
            done = self.call(*command)
            if done.returncode == 0:
                self.backup_seconds[place] = time.monotonic() - begin
                return json.loads(done.stdout), killed
            if done.returncode != WORTH_ANOTHER_ATTEMPT or time.monotonic() > end:
                raise Difference(f"a backup into the {place} ends with {done.returncode}: {done.stdout} {done.stderr}")
            time.sleep(1)

    def break_line(self, within):
        """Far enough apart that none is within a handshake: a server that does not even get through that is taken for another kind."""
        self.line.break_after([20_000 * each for each in self.chance.sample(range(1, within // 20_000), 3)])

    def killed(self, command, delay):
        """What it printed when it ended well before it could be killed; else None."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        printed = process.communicate()[0]
        self.counts["kills of the runner"] += process.returncode == -signal.SIGKILL
        return printed if process.returncode == 0 else None

    def take(self, place, kind="auto", expected=None, breaks=True):
        """Makes a backup, and notes what is there. expected: why it has to be a full in place of an increment. breaks: the line to
        the source may break; not while the source is restarted, since a line takes connections that a dead server refuses."""
        known = self.history.last()
        self.cluster.caught_up(known)
        report, killed = self.backup(place, kind, breaks)
        reason = report.get("unexpectedFull", {}).get("reason")
        # A runner that was killed may have made that full, so that the next one had nothing to say about it.
        if reason != expected and not (killed and reason is None):
            raise Difference(f"the full into the {place} has the reason {report.get('unexpectedFull')}, expected {expected}")
        name = report["artifact"]["chain"] if "artifact" in report else report["upToDate"]["chain"]
        if place not in self.chains or self.chains[place].name != name:
            self.finish(place)
            self.chains[place] = Chain(place, name, self.history)
            self.counts["chains"] += 1
        self.look(self.chains[place])
        reached = self.chains[place].highest[-1]
        if reached < known:
            raise Difference(f"the backup into the {place} ends with transaction {reached}, but {known} was there")

    def look(self, chain):
        """Notes what its artifacts hold, also those of killed runners that had finished."""
        done = self.call("list", *self.places[chain.place], "--output", "json")
        if done.returncode != 0:
            raise Difference(f"list of the {chain.place}: {done.stdout} {done.stderr}")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        found = sorted((each["head"], each) for each in rows if "head" in each and each["chain"] == chain.name)
        self.counts["increments"] += len(found) - 1 - max(len(chain.lowest) - 1, 0)
        chain.lowest = [each["lowestTransaction"] for _, each in found]
        chain.highest = [each["highestTransaction"] for _, each in found]
        for before, after in zip(chain.highest, chain.lowest[1:]):
            if after != before + 1:
                raise Difference(f"chain {chain.name} in the {chain.place} goes from transaction {before} to {after}")

    def finish(self, place):
        if place in self.chains:
            self.finished.append(self.chains.pop(place))

    def grow(self):
        """Adds increments to the chains of all places while clients write and faults happen."""
        at = self.chance.sample(range(self.extent.increments), self.extent.faults)
        faults = dict(zip(at, self.chance.sample(["replica", "leader", "store"], self.extent.faults)))
        for place in self.places:
            if place not in self.chains:
                self.write(10)
                self.take(place, "full")
                self.tell(f"the full of chain {self.chains[place].name} in the {place}")
        number = 0
        while min(len(chain.increments()) for chain in self.chains.values()) < self.extent.increments:
            self.write(self.chance.randrange(6, 14))
            changes = [self.chance.randrange(len(SCHEMA))] if self.chance.random() < 0.4 else []
            meanwhile = [self.threads.submit(self.write_meanwhile, self.chance.randrange(4, 20), changes)]
            what = faults.get(number)
            if what:
                meanwhile.append(self.threads.submit(self.fault, what, self.chance.random()))
            for place in self.places:
                self.take(place, breaks=what != "replica")
            for each in meanwhile:
                each.result()
            number += 1
            self.tell(f"increment {number}, up to operation {self.history.state.markers}")

    def write_meanwhile(self, count, changes):
        self.write(count)
        for number in changes:
            self.change_schema(number)
            self.write(2)

    # Restores
    def restore(self, chain, transaction, into):
        shutil.rmtree(into, ignore_errors=True)
        done = self.call("restore", "--quiet", *self.places[chain.place], *SOURCE, "--chain", chain.name, "--until-transaction", str(transaction),
                         "--to", str(into))
        if done.returncode != 0:
            raise NotRestored(f"chain {chain.name} is not restored to {transaction}: {done.stdout} {done.stderr}")

    def single(self):
        server = members.Server(self.state, 4, "SINGLE")
        for old in ("data", "logs"):
            shutil.rmtree(server.home / old, ignore_errors=True)
        (server.home / "data/databases").mkdir(parents=True)
        return server

    def opened(self, server):
        """Starts it, and stops it again; what it answered to the model's questions, and its schema."""
        server.start()
        try:
            members.wait(members.PATIENCE, "the restored server", lambda: server.get("/") != "" or server.failure())
            if server.failure():
                raise Difference(f"the restored server does not start: {server.failure()}")
            found = {name: server.run(query) for name, query in model.QUERIES.items()}
            schema = {number for number in range(len(SCHEMA)) if self.has_schema(server, number)}
            server.stop()
            return found, schema
        finally:
            server.kill()

    def check(self, chain, transaction):
        """Restores the chain to there; raises a Difference unless that is what the model says."""
        server = self.single()
        self.restore(chain, transaction, server.database)
        within = transaction in chain.history.doubtful
        kind = "within a constraint" if within else "to a border" if chain.is_border(transaction) else "within an increment"
        where = f"chain {chain.name} in the {chain.place} at transaction {transaction} ({kind})"
        try:
            found, schema = self.opened(server)
        except members.Unanswered as problem:
            raise Difference(f"{where}: the restored server does not answer a query: {problem}") from problem
        except (Difference, members.Refused) as problem:
            raise Difference(f"{where}: {problem}") from problem
        expected = chain.history.state_at(transaction).facts()
        if found != expected:
            raise Difference(f"{where}: found {found}, expected {expected}")
        if not within and schema != chain.history.schema_at(transaction):
            raise Difference(f"{where}: schema {schema}, expected {chain.history.schema_at(transaction)}")
        last = struct.unpack(">q", (server.database / "neostore").read_bytes()[28:36])[0]
        if last != transaction:
            raise Difference(f"{where}: the database ends with transaction {last}")
        problems = server.check_consistency()
        if problems and not within:
            raise Difference(f"{where}: inconsistent: {problems[:2000]}")
        self.counts[f"restores {kind}"] += 1
        # Between the two transactions of a constraint its index is there without it, which the check may report.
        judged = "" if not within else f"; the consistency check says: {problems[:300] or 'nothing'}"
        self.tell(f"{where}: exactly {expected['markers'][0]} operations{judged}")

    def check_some(self, chain):
        """One of its increments, to its borders and to points within, and to one point within a constraint, if any."""
        low, high = self.chance.choice([each for each in chain.increments() if each[1] - each[0] > 3])
        within = self.chance.sample(range(low + 1, high), 2)
        for point in self.chance.sample([low, high], self.extent.points // 2) + within[:self.extent.points // 2]:
            self.check(chain, point)
        doubtful = sorted(each for each in chain.history.doubtful if chain.highest[0] <= each <= chain.highest[-1])
        if doubtful:
            self.tell(f"chain {chain.name} in the {chain.place}: within constraints are transactions {doubtful}")
            self.check(chain, self.chance.choice(doubtful))

    def check_all_borders(self, chain):
        for border in [each for increment in chain.increments() for each in increment if each not in chain.history.doubtful]:
            self.check(chain, border)

    # Set-backs
    def set_back(self):
        """The cluster goes on from an older point of a chain, and overtakes its old history."""
        tips = [chain.highest[-1] for chain in self.chains.values()]
        candidates = [(chain, point) for chain in [*self.chains.values(), *self.finished[-2:]]
                      for point in range(chain.highest[0], min(*tips, chain.highest[-1])) if point not in chain.history.doubtful]
        self.seed(*self.chance.choice(candidates))
        # A source that is only behind is told as such.
        self.overtake(max(tips))

    def seed(self, chain, transaction):
        self.tell(f"the cluster is set back to transaction {transaction} of chain {chain.name}")
        server = self.single()
        self.restore(chain, transaction, server.database)
        self.opened(server)
        self.cluster.kill()
        for member in self.cluster.servers:
            shutil.rmtree(member.home / "data")
        for core in self.cluster.cores:
            core.database.parent.mkdir(parents=True)
            shutil.copytree(server.database, core.database)
        self.cluster.start()
        self.history = chain.history.set_back(transaction, self.chance.randrange(2**32))
        self.counts["set-backs"] += 1

    def overtake(self, transaction):
        while self.history.last() <= transaction:
            self.write(5)

    def refused(self):
        """An increment is refused in each place, and the full that is made in its place says why."""
        self.cluster.caught_up(self.history.last())
        for place in self.places:
            to = ["--to", *self.places[place][1:]] if place == "volume" else self.places[place]
            done = self.call("backup", "--quiet", "--from", "127.0.0.1:26363", *SOURCE, "--type", "incremental",
                             "--on-incremental-impossible", "fail", *to)
            if done.returncode != WOULD_END_ALIKE or "HistoryDiverged" not in done.stderr:
                raise Difference(f"an increment into the {place} after a set-back ends with {done.returncode}: {done.stdout} {done.stderr}")
            self.take(place, expected="HistoryDiverged")

    # All of it
    def prepare(self):
        self.minio.create()
        self.cluster.start()
        self.tell("the cluster is there")
        for place in self.places:
            done = self.call("init", *self.places[place])
            if done.returncode != 0:
                raise Difference(f"init: {done.stderr}")
        self.cluster.write("CREATE CONSTRAINT ON (m:Marker) ASSERT m.n IS UNIQUE", {})

    def total(self, what):
        return sum(count for name, count in self.counts.items() if name.startswith(what))

    def lacks(self):
        return {what: self.total(what) for what, least in self.extent.least.items() if self.total(what) < least}

    def run(self, seconds, at_most):
        """Until that time has passed and the least counts are reached, which may take longer."""
        def ends():
            self.counts["broken connections"] = self.line.broken
            if self.seconds() > at_most and self.lacks():
                raise TimeoutError(f"the machine was too slow for what the test has to come to: {self.lacks()}")
            return self.seconds() > seconds and not self.lacks()

        self.prepare()
        while True:
            self.grow()
            for chain in self.chains.values():
                self.check_some(chain)
            if ends():
                break
            self.set_back()
            self.refused()
        for chain in self.chains.values() if self.extent.all_borders else []:
            self.check_all_borders(chain)

    def end(self):
        # A thread may be about to start a member that it has killed.
        members.ENDED.set()
        self.threads.shutdown(cancel_futures=True)
        self.cluster.kill()
        self.minio.kill()
