#!/usr/bin/env python3
"""Judges a run of chaos by the API server's audit log and by what is left at its end. Exit code 1, and a line each, when a rule
of RULES is broken.
  audit.py --log FILE... --namespace NS --plan FILE --final FILE [--slots FILE] [--expect-violations RULE,...]
PLAN: JSON lines, one a backup: {"name", "expect": [reasons], "retries": N, "deleted": bool, "fresh": bool}.
FINAL: a List of all Neo4jBackups, Neo4jBackupSources, Neo4jBackupStorages, Jobs and pods of the namespace. SLOTS: {"operator": runs that hold a slot}.
"""
import argparse
import collections
import dataclasses
import datetime
import json
import sys

RULES = {
    "complete-log": "all that is judged by stands in the log",
    "one-job": "the pods of an attempt are those of one Job",
    "one-alive": "an owner never has two pods alive",
    "recorded-first": "the Job of a pod stood in its owner's status before the pod was made",
    "one-verdict": "the condition Succeeded leaves Unknown once and never changes again",
    "right-verdict": "each backup ends, in a way that is right for it",
    "attempts": "no attempt beyond the retries that were asked for",
    "lost-slot": "a backup that is alone starts at once, and no slot is held when nothing runs",
    "leftover": "no Job or pod stays behind that no status speaks of",
}
OWNERS = ("neo4jbackups", "neo4jbackupsources", "neo4jbackupstorages")
# They may be looked at again at any time.
LOOKED_AT = ("Neo4jBackupSource", "Neo4jBackupStorage")
AT_ONCE_SECONDS = 10.0  # From the creation of a backup that is alone to that of its Job, on a busy machine.
LOOK_UPS = 3


@dataclasses.dataclass(frozen=True)
class Violation:
    rule: str
    text: str


@dataclasses.dataclass
class Pod:
    name: str
    owner: str
    attempt: str
    job: str
    created: int
    ended: int = 0  # 0: alive


@dataclasses.dataclass
class Owner:
    name: str
    kind: str
    created: datetime.datetime = None
    recorded: dict = dataclasses.field(default_factory=dict)  # Job uid: since which resourceVersion
    verdicts: dict = dataclasses.field(default_factory=dict)  # resourceVersion: (status, reason)


@dataclasses.dataclass
class History:
    owners: dict = dataclasses.field(default_factory=dict)  # by uid
    pods: dict = dataclasses.field(default_factory=dict)    # by uid
    first_jobs: dict = dataclasses.field(default_factory=dict)  # owner's uid: when its first Job was made


def meta(obj, field, default=""):
    return obj.get("metadata", {}).get(field, default)


def version(obj):
    """resourceVersions of one etcd are numbers, and order the writes of all kinds."""
    return int(meta(obj, "resourceVersion", "0") or 0)


def controller_of(obj):
    return next((ref.get("uid", "") for ref in meta(obj, "ownerReferences", []) if ref.get("controller")), "")


def condition(obj, kind):
    conditions = obj.get("status", {}).get("conditions", [])
    return next((c for c in conditions if c.get("type") == kind), {})


def has_ended(pod):
    """Whether the pod's work is over: the pod as a whole, or its runner, whatever other containers do."""
    status = pod.get("status", {})
    if status.get("phase") in ("Succeeded", "Failed"):
        return True
    return any(c.get("name") == "runner" and "terminated" in c.get("state", {}) for c in status.get("containerStatuses", []))


def time_of(event):
    return datetime.datetime.fromisoformat(event["stageTimestamp"].replace("Z", "+00:00"))


def read_log(paths):
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    yield json.loads(line)


def changes_something(event, namespace):
    ref = event.get("objectRef", {})
    return (event.get("stage") == "ResponseComplete" and event.get("verb") in ("create", "update", "patch", "delete")
            and event.get("responseStatus", {}).get("code", 500) < 300 and ref.get("namespace") == namespace
            and "dryRun=" not in event.get("requestURI", ""))


def note_owner(history, event, obj):
    uid = meta(obj, "uid")
    if not uid or obj.get("kind") == "Status":
        return
    owner = history.owners.setdefault(uid, Owner(name=meta(obj, "name"), kind=event["objectRef"]["resource"]))
    if event["verb"] == "create":
        owner.created = time_of(event)
    at = version(obj)
    for attempt in obj.get("status", {}).get("attempts", []):
        job = attempt.get("jobUID")
        if job:
            owner.recorded[job] = min(at, owner.recorded.get(job, at))
    succeeded = condition(obj, "Succeeded")
    if succeeded:
        owner.verdicts[at] = (succeeded.get("status"), succeeded.get("reason"))


def note_job(history, event, obj):
    owner = controller_of(obj)
    if event["verb"] == "create" and owner:
        at = time_of(event)
        history.first_jobs[owner] = min(at, history.first_jobs.get(owner, at))


def note_new_pod(history, obj):
    labels = meta(obj, "labels", {})
    history.pods[meta(obj, "uid")] = Pod(
        name=meta(obj, "name"), owner=labels["neo4jbackup.dev/owner-uid"], attempt=labels.get("neo4jbackup.dev/attempt", ""),
        job=controller_of(obj), created=version(obj))


def note_pod_end(history, event, obj):
    pod = history.pods.get(meta(obj, "uid"))
    if pod is None or pod.ended:
        return
    deleted = event["verb"] == "delete"
    never_placed = deleted and not obj.get("spec", {}).get("nodeName")
    # A kubelet deletes a pod only when none of its containers is left.
    by_kubelet = deleted and event.get("user", {}).get("username", "").startswith("system:node:")
    if has_ended(obj) or never_placed or by_kubelet:
        pod.ended = max(version(obj), pod.created)


def is_our_pod(obj):
    # The answer to a binding or an eviction is no pod.
    return obj.get("kind") == "Pod" and "neo4jbackup.dev/owner-uid" in meta(obj, "labels", {})


def read_history(events, namespace):
    history = History()
    changes = [event for event in events if changes_something(event, namespace)]
    # A line is written when a call ends, so what reacts to a new pod may stand before the line that tells of the pod.
    for event in changes:
        obj = event.get("responseObject", {})
        if event["verb"] == "create" and is_our_pod(obj):
            note_new_pod(history, obj)
    for event in changes:
        ref, obj = event["objectRef"], event.get("responseObject", {})
        if ref["resource"] in OWNERS and event["verb"] != "delete":
            note_owner(history, event, obj)
        elif ref["resource"] == "jobs":
            note_job(history, event, obj)
        elif is_our_pod(obj):
            note_pod_end(history, event, obj)
    return history


def check_pods(history):
    by_attempt = collections.defaultdict(list)
    by_owner = collections.defaultdict(list)
    for pod in history.pods.values():
        by_attempt[pod.owner, pod.attempt].append(pod)
        by_owner[pod.owner].append(pod)
        recorded = history.owners[pod.owner].recorded.get(pod.job) if pod.owner in history.owners else None
        if recorded is None or recorded >= pod.created:
            yield Violation("recorded-first", f"pod {pod.name} of {pod.owner} was made at {pod.created}, its Job {pod.job} "
                                              f"recorded at {recorded}")
    for (owner, attempt), pods in by_attempt.items():
        # The Job controller itself makes a second pod when its view is old; one-alive tells whether that did harm.
        if len({pod.job for pod in pods}) > 1:
            yield Violation("one-job", f"{owner}, attempt {attempt}: pods {', '.join(sorted(p.name for p in pods))}")
    for owner, pods in by_owner.items():
        pods.sort(key=lambda p: p.created)
        for earlier, later in zip(pods, pods[1:]):
            if not earlier.ended or earlier.ended > later.created:
                yield Violation("one-alive", f"{owner}: {earlier.name} lived until {earlier.ended or 'the end'}, "
                                             f"{later.name} came at {later.created}")


def check_verdicts(history):
    for owner in history.owners.values():
        if owner.kind != "neo4jbackups":
            continue
        final = None
        for at in sorted(owner.verdicts):
            verdict = owner.verdicts[at]
            if final and verdict != final:
                yield Violation("one-verdict", f"{owner.name}: {final} became {verdict} at {at}")
            if verdict[0] != "Unknown":
                final = verdict


def check_end(history, plan, final):
    """What became of each backup of the plan."""
    backups = {meta(o, "name"): o for o in final if o["kind"] == "Neo4jBackup"}
    known = {o.name for o in history.owners.values()}
    for entry in plan:
        name = entry["name"]
        backup = backups.get(name)
        if name not in known:
            yield Violation("complete-log", f"{name}: the log does not tell of its creation")
        if backup is None:
            if not entry.get("deleted"):
                yield Violation("right-verdict", f"{name} is gone")
            continue
        if entry.get("deleted"):
            yield Violation("right-verdict", f"{name} was deleted, and is still there")
            continue
        succeeded = condition(backup, "Succeeded")
        status, reason = succeeded.get("status"), succeeded.get("reason")
        right = reason in entry["expect"] and status == ("True" if reason == "Completed" else "False")
        if not right or condition(backup, "Finished").get("status") != "True":
            yield Violation("right-verdict", f"{name}: {status}/{reason}, expected {' or '.join(entry['expect'])}: "
                                             f"{succeeded.get('message')}")
        attempts = backup.get("status", {}).get("attempts", [])
        copies = [a for a in attempts if not a.get("lookUp")]
        if len(copies) > entry.get("retries", 0) + 1 or len(attempts) - len(copies) > LOOK_UPS:
            yield Violation("attempts", f"{name}: {[(a.get('number'), a.get('reason')) for a in attempts]}")


def check_fresh(history, plan, slots):
    fresh = {entry["name"] for entry in plan if entry.get("fresh")}
    for uid, owner in history.owners.items():
        if owner.kind != "neo4jbackups" or owner.name not in fresh or not owner.created:
            continue
        made = history.first_jobs.get(uid)
        took = (made - owner.created).total_seconds() if made else None
        if took is None or took > AT_ONCE_SECONDS:
            yield Violation("lost-slot", f"{owner.name} got its Job after {took} s")
    for name, running in slots.items():
        if running != 0:
            yield Violation("lost-slot", f"{name} holds {running} slots while nothing runs")


def check_leftovers(history, final):
    owners = {meta(o, "uid"): o for o in final if o["kind"] in ("Neo4jBackup", *LOOKED_AT)}
    for obj in final:
        labels = meta(obj, "labels", {})
        if "neo4jbackup.dev/owner-uid" not in labels:
            continue
        name = f"{obj['kind']} {meta(obj, 'name')}"
        if obj["kind"] == "Pod":
            if meta(obj, "uid") not in history.pods:
                yield Violation("complete-log", f"{name}: the log does not tell of its creation")
            if not has_ended(obj) and labels.get("neo4jbackup.dev/kind") not in LOOKED_AT:
                yield Violation("leftover", f"{name} is alive")
        if obj["kind"] == "Job":
            owner = owners.get(controller_of(obj), {})
            attempts = owner.get("status", {}).get("attempts", [])
            attempt = next((a for a in attempts if a.get("jobUID") == meta(obj, "uid")), None)
            if attempt is None:
                yield Violation("leftover", f"{name}, which no status speaks of")
            elif attempt.get("reason") == "Completed":
                yield Violation("leftover", f"{name} of an attempt that has succeeded")


def judge(events, namespace, plan, final, slots):
    history = read_history(events, namespace)
    violations = [*check_pods(history), *check_verdicts(history), *check_end(history, plan, final),
                  *check_fresh(history, plan, slots), *check_leftovers(history, final)]
    return history, violations


def summary(history, plan):
    backups = [o for o in history.owners.values() if o.kind == "neo4jbackups"]
    return (f"{len(plan)} backups planned, {len(backups)} seen, {len(history.pods)} pods of "
            f"{len({(p.owner, p.attempt) for p in history.pods.values()})} attempts")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", nargs="+", required=True)
    for name in ("namespace", "plan", "final"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--slots")
    parser.add_argument("--expect-violations", default="")
    options = parser.parse_args()
    with open(options.plan, encoding="utf-8") as file:
        plan = [json.loads(line) for line in file if line.strip()]
    with open(options.final, encoding="utf-8") as file:
        final = json.load(file)["items"]
    slots = {}
    if options.slots:
        with open(options.slots, encoding="utf-8") as file:
            slots = json.load(file)
    history, violations = judge(read_log(options.log), options.namespace, plan, final, slots)
    print(summary(history, plan))
    for violation in violations:
        print(f"BROKEN {violation.rule} ({RULES[violation.rule]}): {violation.text}")
    found = {violation.rule for violation in violations}
    if options.expect_violations:
        missing = set(options.expect_violations.split(",")) - found
        print(f"expected violations that were not found: {sorted(missing)}" if missing else "found all that was expected")
        sys.exit(1 if missing else 0)
    print("no rule was broken" if not violations else f"{len(violations)} violations of {sorted(found)}")
    sys.exit(1 if violations or not history.pods else 0)


if __name__ == "__main__":
    main()
