#!/usr/bin/env python3
"""Applies backups at a steady rate, beside COUNT others that can only queue, and plays the kubelet for them all: pods stay
without a node, and end as soon as they are there, so that the figures are those of the operator and not of the containers that
a machine can start in a second. start.sh sets it up and reads the audit log afterwards.
  start.py NAMESPACE BACKUPS RATE COUNT COUNT_RATE    (COUNT 0: nothing beside)
"""
import http.client
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../testbed"))
from kube_api import KubeApi, Refused  # noqa: E402

API = "neo4jbackup.dev/v1alpha1"
SOURCES = 20  # Each is asked for its next backup some seconds after the last one, which has ended by then.
namespace = sys.argv[1]
ours = f"/apis/{API}/namespaces/{namespace}"
pods = f"/api/v1/namespaces/{namespace}/pods"


def create(api, plural, kind, name, spec):
    try:
        api.call("POST", f"{ours}/{plural}", {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec})
    except Refused as error:
        if error.status != 409:
            raise


def backup(api, name, source):
    create(api, "neo4jbackups", "Neo4jBackup", name, {
        "sourceRef": {"name": source}, "storageRef": {"name": "bench"}, "retry": {"limit": 0}, "timeouts": {"start": "5h"}})


def at_rate(rate, count, call):
    begin = time.monotonic()
    for number in range(count):
        time.sleep(max(begin + number / rate - time.monotonic(), 0))
        call(number)


def end_pod(api, pod):
    labels, name = pod["metadata"]["labels"], pod["metadata"]["name"]
    report = json.dumps({"schemaVersion": 1, "reason": "NotCatchupServer", "message": "this is no runner", "adopted": False,
                         "runUid": labels["neo4jbackup.dev/owner-uid"], "attempt": int(labels["neo4jbackup.dev/attempt"])})
    ended = {"exitCode": 30, "reason": "Error", "message": report, "finishedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    try:
        api.merge_patch(f"{pods}/{name}/status", {"status": {"phase": "Failed", "containerStatuses": [
            {"name": "runner", "image": "none", "imageID": "", "ready": False, "restartCount": 0, "state": {"terminated": ended}}]}})
    except Refused as error:
        if error.status not in (404, 409):
            raise


def play_kubelet():
    """Ends each pod but that of the backup `holder`, for whose end the others queue."""
    api, done = KubeApi(patience=60), set()
    while True:
        for pod in api.call("GET", pods + "?fieldSelector=status.phase%3DPending&resourceVersion=0")["items"]:
            meta = pod["metadata"]
            if meta["uid"] in done or meta["labels"].get("neo4jbackup.dev/owner") == "holder":
                continue
            done.add(meta["uid"])
            end_pod(api, pod)
        time.sleep(0.1)


def crowd():
    """The processes beside: each makes its part of the objects that queue, at its part of the rate."""
    count, rate, parts = int(sys.argv[4]), float(sys.argv[5]), 4
    return [subprocess.Popen([sys.executable, os.path.abspath(__file__), namespace, "crowd", str(part), str(count // parts),
                              str(rate / parts)]) for part in range(parts if count else 0)]


def main():
    api = KubeApi(patience=60)
    if sys.argv[2] == "crowd":
        part, count, rate = int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
        at_rate(rate, count, lambda number: backup(api, f"queued-{part}-{number}", "held"))
        return
    for name in ["held"] + [f"source-{number}" for number in range(SOURCES)]:
        create(api, "neo4jbackupsources", "Neo4jBackupSource", name, {
            "databases": ["graph.db"], "type": "Endpoints", "endpoints": [{"host": "192.0.2.1"}],
            "runner": {"nodeSelector": {"neo4jbackup.dev/bench": "nowhere"}}})
    threading.Thread(target=play_kubelet, daemon=True).start()
    backup(api, "holder", "held")
    time.sleep(10)  # The sources' first probes end.
    kind = "beside" if int(sys.argv[4]) else "alone"
    others = crowd()
    at_rate(float(sys.argv[3]), int(sys.argv[2]), lambda number: backup(api, f"{kind}-{number}", f"source-{number % SOURCES}"))
    for other in others:
        other.wait()
    time.sleep(10)


if __name__ == "__main__":
    try:
        main()
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"the API server can't be reached: {error}")
