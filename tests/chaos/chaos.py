#!/usr/bin/env python3
"""Applies backups while operators are killed and frozen and the API server restarts, then lets everything come to rest and
writes down what audit.py judges: plan.jsonl, final.json and slots.json in the directory STATE, which holds proxy.crt.
  chaos.py --seconds N --rest N --seed S --backups N --namespace NS --state STATE --testbed DIRECTORY --operator BINARY -- FLAG...
FLAGs are those of the operators. Exit code 1 when it does not come to rest within as many seconds after the last fault.
"""
import argparse
import concurrent.futures
import json
import os
import random
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../testbed")]
import backups  # noqa: E402
import processes  # noqa: E402
from kube_api import KubeApi, Refused  # noqa: E402

# How many seconds pass between two of them, on average.
KILLS, FREEZES, RESTARTS = 12.0, 45.0, 90.0
BLIND = 65.0  # Seconds after the last fault in which an operator may not see yet what is new.
OURS = "labelSelector=neo4jbackup.dev%2Fowner-uid"


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


class Cluster:
    """What chaos asks of the API server, directly."""

    def __init__(self, namespace):
        self.api = KubeApi(patience=120)
        self.ours = f"/apis/{backups.API}/namespaces/{namespace}"
        self.jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self.pods = f"/api/v1/namespaces/{namespace}/pods"

    def create(self, plural, obj):
        try:
            self.api.call("POST", f"{self.ours}/{plural}", obj)
        except Refused as error:
            if error.status != 409:  # The answer to an earlier try was lost.
                raise

    def list(self, path, kind):
        return [{**item, "kind": kind} for item in self.api.call("GET", path)["items"]]

    def everything(self):
        return [*self.list(f"{self.ours}/neo4jbackups", "Neo4jBackup"),
                *self.list(f"{self.ours}/neo4jbackupsources", "Neo4jBackupSource"),
                *self.list(f"{self.ours}/neo4jbackupstorages", "Neo4jBackupStorage"),
                *self.list(f"{self.jobs}?{OURS}", "Job"), *self.list(f"{self.pods}?{OURS}", "Pod")]

    def befall(self, mishap, name):
        backup = f"{self.ours}/neo4jbackups/{name}"
        if mishap == "cancel":
            self.api.merge_patch(backup, {"spec": {"cancel": True}})
        elif mishap == "delete":
            self._delete(backup)
        elif mishap:
            self._delete_part(self.pods if mishap == "delete-pod" else self.jobs, name)

    def _delete_part(self, collection, name):
        """The first pod or Job of a backup that is there within the next 20 s."""
        for _ in range(20):
            found = self.api.call("GET", f"{collection}?labelSelector=neo4jbackup.dev%2Fowner%3D{name}")["items"]
            if found:
                return self._delete(f"{collection}/{found[0]['metadata']['name']}?propagationPolicy=Background")
            time.sleep(1)

    def _delete(self, path):
        try:
            self.api.call("DELETE", path)
        except Refused as error:
            if error.status != 404:
                raise


class Chaos:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.plan = backups.plan(self.random, options.backups, options.seconds * 0.85)
        self.cluster = Cluster(options.namespace)
        self.apiserver = processes.ApiServer(options.testbed)
        self.operators = [processes.Operator(f"operator-{letter}", options.operator, options.state, 18443 + i, 18081 + i,
                                             options.flags) for i, letter in enumerate("ab")]
        self.pool = concurrent.futures.ThreadPoolExecutor(64)  # They mostly wait.
        self.acts = []  # (when, what), what is still to come
        self.frozen = None
        self.calm_since = 0.0
        self.kills = self.freezes = 0
        self.faults = []

    def later(self, seconds, act):
        self.acts.append((time.monotonic() + seconds, act))

    def apply(self, planned):
        future = self.pool.submit(self.life_of, planned)
        future.add_done_callback(lambda f: f.exception() and self.faults.append(f"{planned.name}: {f.exception()}"))

    def life_of(self, planned):
        self.cluster.create("neo4jbackups", backups.backup_object(planned))
        time.sleep(planned.later)
        self.cluster.befall(planned.mishap, planned.name)

    def kill(self):
        self.later(self.random.expovariate(1 / KILLS), self.kill)
        operator = self.random.choice(self.operators)
        if operator.exit_code() is not None:
            return
        operator.kill()
        self.kills += 1
        self.later(self.random.uniform(0.0, 3.0), operator.start)

    def freeze(self):
        self.later(self.random.expovariate(1 / FREEZES), self.freeze)
        operator = self.random.choice(self.operators)
        if self.frozen or operator.exit_code() is not None:
            return
        self.freezes += 1
        self.frozen = operator
        operator.signal(signal.SIGSTOP)
        self.later(self.random.uniform(1.0, 40.0), self.thaw)

    def thaw(self):
        if self.frozen and self.frozen.exit_code() is None:
            self.frozen.signal(signal.SIGCONT)
        self.frozen = None

    def restart_api_server(self):
        self.later(max(self.random.expovariate(1 / RESTARTS), 30.0), self.restart_api_server)
        if self.apiserver.is_up():
            self.apiserver.stop()

    def tick(self):
        """Does what is due, and starts again what ended by itself."""
        self.apiserver.go_on()
        now = time.monotonic()
        due = [act for when, act in self.acts if when <= now]
        self.acts = [entry for entry in self.acts if entry[0] > now]
        for act in due:
            act()
        for operator in self.operators:
            code = operator.exit_code()
            if code not in (None, -signal.SIGKILL):
                # It may end when the API server does not answer for two minutes; it may not crash.
                say(f"{operator.name} ended with {code}")
                if code < 0:
                    self.faults.append(f"{operator.name} crashed with signal {-code}")
                operator.start()

    def rage(self):
        for source in backups.SOURCES:
            self.cluster.create("neo4jbackupsources", backups.source_object(source))
        for operator in self.operators:
            operator.start()
        for planned in self.plan:
            self.later(planned.at, lambda planned=planned: self.apply(planned))
        self.later(self.random.expovariate(1 / KILLS), self.kill)
        self.later(self.random.expovariate(1 / FREEZES), self.freeze)
        self.later(self.random.uniform(15.0, 30.0), self.restart_api_server)
        end = time.monotonic() + self.options.seconds
        told = time.monotonic()
        while time.monotonic() < end:
            self.tick()
            time.sleep(0.1)
            if time.monotonic() - told > 60:
                told = time.monotonic()
                say(f"{int(end - told)} s left; {self.kills} kills, {self.freezes} freezes, "
                    f"{self.apiserver.restarts} restarts of the API server")

    def calm_down(self):
        """No more faults: both operators run, the API server too, and everything that was begun goes on."""
        with open(os.path.join(self.options.state, "calm"), "w", encoding="utf-8"):
            pass
        self.calm_since = time.monotonic()
        self.thaw()
        pending = [act for act in (act for _, act in self.acts) if act in [o.start for o in self.operators]]
        self.acts = []
        for start in pending:
            start()
        while not self.apiserver.is_up():
            self.tick()
            time.sleep(0.1)
        self.pool.shutdown()

    def unrest(self):
        """What has not come to rest; empty: nothing."""
        found = []
        gone = {p.name for p in self.plan if p.mishap == "delete"}
        for obj in self.cluster.everything():
            name = f"{obj['kind']} {obj['metadata']['name']}"
            conditions = {c["type"]: c["status"] for c in obj.get("status", {}).get("conditions", [])}
            if obj["kind"] == "Neo4jBackup" and (conditions.get("Finished") != "True" or obj["metadata"]["name"] in gone):
                found.append(name)
            if obj["kind"] == "Pod" and obj.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
                found.append(name)
        return found

    def rest(self, seconds, unrest):
        """Waits until there is none; whether that came true."""
        end = time.monotonic() + seconds
        while found := unrest():
            if time.monotonic() > end:
                say(f"no rest: {found[:10]}")
                return False
            self.tick()
            time.sleep(1)
        return True

    def slots(self):
        def held(operator):
            try:
                return operator.slots_held()
            except OSError:
                return -1
        return {operator.name: held(operator) for operator in self.operators}

    def lost_slots(self):
        """By operator, the slots that it still counts when nothing has run for a minute; 0 when none is lost. A single look
        would not do: an operator whose stream of events was stalled may take a slot for a run that is over, see that
        when it reads the object, and give the slot back, and a source may be probed at any time."""
        slots = {}

        def counted():
            slots.update(self.slots())
            return [f"{name}: {held}" for name, held in slots.items() if held != 0]
        self.rest(60, counted)
        return slots

    def settle(self):
        rested = self.rest(self.options.rest, self.unrest)
        say(f"at rest: {rested}; {self.kills} kills, {self.freezes} freezes, {self.apiserver.restarts} restarts")
        # An operator whose lists failed last waits up to 60 s before it lists again.
        while time.monotonic() < self.calm_since + BLIND:
            self.tick()
            time.sleep(1)
        before = self.lost_slots()
        for planned in backups.fresh():
            self.plan.append(planned)
            self.cluster.create("neo4jbackups", backups.backup_object(planned))
            rested = self.rest(min(self.options.rest, 120), self.unrest) and rested
        slots = {name: max(held, before[name], key=abs) for name, held in self.lost_slots().items()}
        time.sleep(3)  # Jobs of what has succeeded go after the verdict.
        return rested, slots

    def write(self, name, text):
        with open(os.path.join(self.options.state, name), "w", encoding="utf-8") as file:
            file.write(text)

    def run(self):
        try:
            self.rage()
            self.calm_down()
            rested, slots = self.settle()
        finally:
            while not self.apiserver.is_up():
                self.apiserver.go_on()
                time.sleep(0.2)
            took = {operator.name: operator.end() for operator in self.operators if operator.exit_code() is None}
        self.write("plan.jsonl", "".join(json.dumps(p.entry()) + "\n" for p in self.plan))
        self.write("final.json", json.dumps({"items": self.cluster.everything()}))
        self.write("slots.json", json.dumps(slots))
        for name, seconds in took.items():
            if seconds > 10:
                self.faults.append(f"{name} took {seconds:.1f} s to end")
        for fault in self.faults:
            say(f"BROKEN {fault}")
        return 0 if rested and not self.faults else 1


def main():
    parser = argparse.ArgumentParser()
    for name in ("namespace", "state", "testbed", "operator", "seed"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--backups", type=int, required=True)
    parser.add_argument("--rest", type=float, required=True)
    parser.add_argument("flags", nargs="*")
    sys.exit(Chaos(parser.parse_args()).run())


if __name__ == "__main__":
    main()
