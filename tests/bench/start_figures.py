#!/usr/bin/env python3
"""The figures of start.sh, from the API server's audit log: how long from the end of the call that made a Neo4jBackup to the
end of the call that made its Job, and to the status that tells that it queues.
  start_figures.py NAMESPACE LOG..."""
import datetime
import json
import sys

namespace, logs = sys.argv[1], sys.argv[2:]
created, jobs, queued = {}, {}, {}


def controller(obj):
    return next((ref["uid"] for ref in obj["metadata"].get("ownerReferences", []) if ref.get("controller")), None)


def note(event):
    ref, obj = event["objectRef"], event.get("responseObject", {})
    at = datetime.datetime.fromisoformat(event["stageTimestamp"].replace("Z", "+00:00")).timestamp()
    if ref["resource"] == "jobs" and event["verb"] == "create":
        jobs.setdefault(controller(obj), at)
    elif ref["resource"] == "neo4jbackups" and event["verb"] == "create":
        created[obj["metadata"]["uid"]] = (obj["metadata"]["name"].split("-")[0], at)
    elif ref["resource"] == "neo4jbackups" and ref.get("subresource") == "status":
        reasons = {c.get("reason") for c in obj.get("status", {}).get("conditions", []) if c.get("type") == "Succeeded"}
        if "Queued" in reasons:
            queued.setdefault(obj["metadata"]["uid"], at)


def row(what, spans, missing):
    spans.sort()

    def at(share):
        return spans[min(int(len(spans) * share), len(spans) - 1)]
    print(f"| {what} | {len(spans)} | {missing} | {at(0.5):.3f} | {at(0.99):.3f} | {spans[-1]:.3f} |")


for path in logs:
    with open(path, encoding="utf-8") as file:
        for line in file:
            if f'"{namespace}"' not in line:
                continue
            event = json.loads(line)
            if event["responseStatus"].get("code", 500) < 300:
                note(event)
print("| what | backups | never | median s | p99 s | most s |\n| --- | --- | --- | --- | --- | --- |")
for kind in ("alone", "beside"):
    mine = {uid: at for uid, (name, at) in created.items() if name == kind}
    spans = [jobs[uid] - at for uid, at in mine.items() if uid in jobs]
    if spans:
        row(f"apply -> Job, {kind}", spans, len(mine) - len(spans))
crowd = {uid: at for uid, (name, at) in created.items() if name == "queued"}
told = [queued[uid] - at for uid, at in crowd.items() if uid in queued]
if told:
    row("apply -> told that it queues", told, len(crowd) - len(told))
    begin, end = min(crowd.values()), max(crowd.values())
    print(f"\n{len(crowd)} arrived in {end - begin:.0f} s; all that were told had been {max(queued.values()) - begin:.0f} s after the first came")
