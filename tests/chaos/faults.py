"""Which fault befalls a request or a stream of the operator. Pure: every choice comes from the random generator given."""
import dataclasses
import json

REQUEST_SHARE = 0.12  # Of all requests; more, and hardly a reconcile of a dozen calls ever gets through.
STREAM_MEAN_SECONDS = 25.0

# Of a custom resource, as after a restart of the API server.
UNKNOWN = "404-page"
READS = {"500": 2, "429": 2, "delay": 4, "drop": 2, "cut-answer": 2}
LISTS = {**READS, "410": 2}
# `error-after` and `drop-after` are what fencing is for: the server has acted, and the operator can't know.
WRITES = {"409": 3, "500": 2, "429": 2, "delay": 3, "drop": 2, "error-after": 4, "drop-after": 4, "hold-after": 1}
WATCH_STARTS = {"410": 2, "500": 1, "429": 1, "drop": 1}
STREAMS = {"cut": 3, "cut-line": 2, "410": 3, "stall": 2, "lag": 4}

ANSWERS = {
    "409": (409, "Conflict", "the object has been modified; please apply your changes to the latest version and try again"),
    "409-exists": (409, "AlreadyExists", "object already exists"),
    "410": (410, "Expired", "The resourceVersion for the provided watch is too old."),
    "429": (429, "TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    "500": (500, "InternalError", "Internal error occurred: a fault was injected"),
}


@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str
    seconds: float = 0.0


def _one_of(random, weights):
    return random.choices(list(weights), list(weights.values()))[0]


def is_watch(method, path):
    return method == "GET" and ("watch=1" in path or "watch=true" in path)


def is_list(method, path):
    return method == "GET" and "limit=" in path and not is_watch(method, path)


def of_request(random, method, path):
    """None for most requests. For a watch: what happens before its stream."""
    if random.random() >= REQUEST_SHARE:
        return None
    if path.startswith("/apis/neo4jbackup.dev/") and random.random() < 0.1:
        return Fault(UNKNOWN)
    if is_watch(method, path):
        return Fault(_one_of(random, WATCH_STARTS))
    if method == "GET":
        kind = _one_of(random, LISTS if is_list(method, path) else READS)
        return Fault(kind, random.uniform(0.1, 3.0))
    kind = _one_of(random, WRITES)
    # Longer than any call of the operator waits.
    seconds = random.uniform(16.0, 20.0) if kind == "hold-after" else random.uniform(0.1, 3.0)
    return Fault("409-exists" if kind == "409" and method == "POST" else kind, seconds)


def of_stream(random):
    """What ends or holds up a stream, and after how many seconds."""
    kind = _one_of(random, STREAMS)
    held = {"stall": random.uniform(5.0, 60.0), "lag": random.uniform(0.5, 6.0)}.get(kind, 0.0)
    return Fault(kind, held), random.expovariate(1 / STREAM_MEAN_SECONDS)


def answer(kind):
    """Status line, headers and body of an error as the API server would send it."""
    if kind == UNKNOWN:
        return b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n\r\n404 page not found\n"
    code, reason, message = ANSWERS[kind]
    body = json.dumps({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
                       "reason": reason, "code": code}).encode()
    retry = b"Retry-After: 1\r\n" if code == 429 else b""
    return b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s" % (
        code, reason.encode(), retry, len(body), body)


def gone_event():
    """The line by which a stream tells that its resourceVersion is too old."""
    code, reason, message = ANSWERS["410"]
    return json.dumps({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                                                   "message": message, "reason": reason, "code": code}}).encode() + b"\n"
