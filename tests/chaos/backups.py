"""The backups of a run of chaos: what each copies, what is done to it meanwhile, and how it has to end. Pure: every choice
comes from the random generator given."""
import dataclasses

API = "neo4jbackup.dev/v1alpha1"
REPLICAS = [{"host": f"replica-{n}.neo4j.db.svc.cluster.local", "port": 6362} for n in (0, 1)]
HOST = "10.200.0.1"  # the node as pods see it
SHUT_PORT, SILENT_PORT = 27551, 27552

# Each source, and the storage that its backups go to. Those on `one`, a claim that one node alone may mount, take turns.
SOURCES = {
    "prod-1": (REPLICAS, "many"),
    "prod-2": (REPLICAS, "many"),
    "prod-3": (REPLICAS, "one"),
    "prod-4": (REPLICAS, "one"),
    "shut": ([{"host": HOST, "port": SHUT_PORT}], "many"),
    "web": ([{"host": REPLICAS[0]["host"], "port": 7474}], "one"),
    "silent": ([{"host": HOST, "port": SILENT_PORT}], "many"),
}
GOOD = ["prod-1", "prod-2", "prod-3", "prod-4"]
# How often which kind comes.
KINDS = {"good": 40, "slow": 10, "pod-deleted": 8, "job-deleted": 8, "shut": 8, "retried": 6, "web": 8, "silent": 4,
         "cancelled": 10, "cancelled-silent": 4, "deleted": 10}
MISHAPS = {"pod-deleted": "delete-pod", "job-deleted": "delete-job", "cancelled": "cancel", "cancelled-silent": "cancel",
           "deleted": "delete"}
SILENT = ["NotCatchupServer", "SourceStalled"]


@dataclasses.dataclass
class Planned:
    """One backup: `at` is the second in which it is applied; `mishap` befalls it `later` seconds after that."""
    name: str
    kind: str
    at: float
    spec: dict
    expect: list
    retries: int
    mishap: str = ""
    later: float = 0.0

    def entry(self):
        """Its line in the plan that audit.py reads."""
        return {"name": self.name, "expect": self.expect, "retries": self.retries, "deleted": self.mishap == "delete",
                "fresh": self.kind == "fresh"}


def source_object(name):
    return {"apiVersion": API, "kind": "Neo4jBackupSource", "metadata": {"name": name},
            "spec": {"databases": ["graph.db"], "type": "Endpoints", "endpoints": SOURCES[name][0]}}


def backup_object(planned):
    return {"apiVersion": API, "kind": "Neo4jBackup", "metadata": {"name": planned.name}, "spec": planned.spec}


def _spec(source, retries, **more):
    # Each backup makes an artifact of its own, which audit.py looks for.
    return {"sourceRef": {"name": source}, "storageRef": {"name": SOURCES[source][1]}, "type": "Full",
            "retry": {"limit": retries, "backoff": "1s"}, **more}


def _planned(random, name, kind, at):
    retries, expect, more = 3, ["Completed"], {}
    source = random.choice(GOOD)
    if kind in ("slow", "cancelled", "deleted", "pod-deleted", "job-deleted"):
        more["runner"] = {"bandwidthLimit": random.choice(["256Ki", "512Ki", "1Mi"])}
    if kind == "cancelled":
        expect = ["Completed", "Cancelled"]
    elif kind in ("shut", "retried"):
        source, expect, retries = "shut", ["SourceUnreachable"], 2 if kind == "retried" else 0
        more["timeouts"] = {"connect": "1s"}
    elif kind == "web":
        source, expect = "web", ["NotCatchupServer"]
    elif kind in ("silent", "cancelled-silent"):
        source, expect, retries = "silent", list(SILENT), 0
        more["timeouts"] = {"connect": "5s"}
        if kind == "cancelled-silent":
            expect.append("Cancelled")
    return Planned(name=name, kind=kind, at=at, spec=_spec(source, retries, **more), expect=expect, retries=retries,
                   mishap=MISHAPS.get(kind, ""), later=random.uniform(0.0, 15.0))


def plan(random, count, seconds):
    """Comes in bursts, so that backups of one source queue."""
    planned = []
    while len(planned) < count:
        at = random.uniform(0.0, seconds)
        for _ in range(random.randint(1, 8)):
            kind = random.choices(list(KINDS), list(KINDS.values()))[0]
            planned.append(_planned(random, f"{kind}-{len(planned)}", kind, at + random.uniform(0.0, 2.0)))
    return sorted(planned[:count], key=lambda p: p.at)


def fresh():
    """One backup of each source, to be applied when all others have ended."""
    return [Planned(name=f"fresh-{source}", kind="fresh", at=0.0, retries=0,
                    spec=_spec(source, 0, **({"timeouts": {"connect": "1s"}} if source == "shut" else {})),
                    expect=["Completed"] if source in GOOD else
                    {"shut": ["SourceUnreachable"], "web": ["NotCatchupServer"], "silent": SILENT}[source])
            for source in SOURCES]
