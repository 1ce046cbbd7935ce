"""Reads artifacts of a repository on a volume, and forges one, as docs/storage-format.md describes them."""
import hashlib
import json
import subprocess


def digest(data):
    return hashlib.sha256(data).hexdigest()


def decoded(data):
    return subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=True).stdout


def encoded(data):
    return subprocess.run(["zstd", "-cq"], input=data, capture_output=True, check=True).stdout


class Artifact:
    """What the index of one says: its blocks and extents, and which tries are done."""

    def __init__(self, database, name):
        self.database, self.name = database, name
        self.head = json.loads(self.head_path().read_text())
        self.folder = database / "chains" / self.head["chain"] / "{:06}-{}-{}".format(
            self.head["sequence"], self.head["kind"], run_name(self.head["run"]))
        lines = decoded(b"".join(self.block(each["block"]) for each in self.head["index"])).splitlines()
        self.lines = [next(iter(json.loads(line).items())) for line in lines]

    def head_path(self):
        return self.database / "heads" / self.name

    def block(self, number):
        return (self.folder / "blocks" / f"{number:08}").read_bytes()

    def of(self, member):
        return [value for name, value in self.lines if name == member]

    def done(self):
        return {each["try"] for each in self.of("done")}

    def path_of(self, number):
        """Of a try; None is the log."""
        return next(each.get("path") for each in self.of("open") if each["try"] == number)

    def content(self, number):
        """What was stored of a try."""
        plain = b""
        for each in self.of("extent"):
            if each["try"] == number:
                stored = self.block(each["block"])[each["blockOffset"]:each["blockOffset"] + each["storedLength"]]
                plain += decoded(stored) if "xxh3" in each else stored
        return plain

    def log(self):
        number = next(each["try"] for each in self.of("open") if each.get("log") and each["try"] in self.done())
        return self.content(number)

    def lengths(self):
        """Of each of its transactions, by id."""
        found = {}
        for group in self.of("transactions"):
            found.update(enumerate(group["lengths"], group["first"]))
        return found


def run_name(run):
    return f"{run['uid']}-{run['attempt']}" + (f"-{run['writer']}" if "writer" in run else "")


def artifacts(database, chain):
    """Those of a chain, in their order."""
    return [Artifact(database, each.name) for each in sorted((database / "heads").glob(f"{chain}-*.json"))]


def append(database, parent, source, run):
    """Appends what the artifact `source` of another chain holds behind the highest transaction of `parent` to the parent's chain."""
    lowest = parent.head["transactions"]["highest"]["id"] + 1
    lengths = source.lengths()
    first, last = min(lengths), max(lengths)
    offset = sum(lengths[each] for each in range(first, lowest))
    log = source.log()[offset:]
    kept = [lengths[each] for each in range(lowest, last + 1)]
    assert sum(kept) == len(log), "the log is not as long as its transactions"

    latest = source.of("transactions")[-1]["latestTimeMs"]
    lines = [
        {"open": {"try": 1, "log": True}},
        {"block": {"number": 0, "bytes": len(log), "sha256": digest(log)}},
        {"extent": {"try": 1, "plainOffset": 0, "plainLength": len(log), "block": 0, "blockOffset": 0, "storedLength": len(log)}},
        {"done": {"try": 1, "bytes": len(log)}},
        {"transactions": {"first": lowest, "offset": 0, "latestTimeMs": latest, "lengths": kept}},
    ]
    index = encoded("".join(json.dumps(each) + "\n" for each in lines).encode())
    stored = parent.head_path().read_bytes()
    above = parent.head.get("parent", {"blocks": 0, "storedBytes": 0, "headBytes": 0})
    head = dict(source.head, chain=parent.head["chain"], sequence=parent.head["sequence"] + 1, run=run)
    head.pop("sha256")
    head["parent"] = {"name": parent.name, "sha256": digest(stored),
                      "blocks": above["blocks"] + parent.head["counts"]["blocks"],
                      "storedBytes": above["storedBytes"] + parent.head["counts"]["storedBytes"],
                      "headBytes": above["headBytes"] + len(stored)}
    head["transactions"] = dict(head["transactions"], lowest=dict(head["transactions"]["lowest"], id=lowest),
                                earliestRestorable=parent.head["transactions"]["earliestRestorable"])
    head["encodings"] = ["none"]
    head["counts"] = {"files": 0, "tries": 1, "blocks": 2, "transactions": len(kept), "plainBytes": len(log),
                      "storedBytes": len(log) + len(index)}
    head["index"] = [{"block": 1, "bytes": len(index), "sha256": digest(index)}]

    folder = database / "chains" / head["chain"] / "{:06}-incr-{}".format(head["sequence"], run_name(run))
    (folder / "blocks").mkdir(parents=True)
    for number, data in enumerate([log, index]):
        (folder / "blocks" / f"{number:08}").write_bytes(data)
    body = json.dumps(head, separators=(",", ":")).encode()[:-1]
    name = "{}-{:06}-incr-{:019}-{}.json".format(head["chain"], head["sequence"], last, run_name(run))
    (database / "heads" / name).write_bytes(body + b',"sha256":"' + digest(body).encode() + b'"}\n')
    return last
