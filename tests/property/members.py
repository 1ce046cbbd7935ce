"""The servers of the property test: a causal cluster on loopback, single servers on what was restored, and MinIO."""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
SERVERS = HERE.parent / "servers"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "neo4j-backup-operator/neo4j-3.4.10-v1"
HEAP = "-Xmx1200m"


class Unanswered(Exception):
    """Whether the server has done it is unknown, or it has not."""


class Refused(Exception):
    """The server answered with this error."""


def bash(script, *arguments, **environment):
    return subprocess.run(["bash", "-euc", script, "bash", *arguments], check=True, capture_output=True, text=True,
                          env={**os.environ, **environment}).stdout


def wait(seconds, what, done):
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"gave up waiting for {what}")
        time.sleep(0.2)


class Server:
    """Member 1 and 2 (cores), 3 (read replica) or 4 (a single server), as tests/servers/cluster.sh numbers them."""

    def __init__(self, state, number, mode, settings=""):
        self.number = number
        self.home = state / (str(number) if number != 4 else "single")
        self.process = None
        bash('. "$SERVERS/cluster.sh"; write_conf "$1" "$2" "$3"', str(self.home), mode, str(number), STATE=str(state),
             SERVERS=str(SERVERS))
        conf = self.home / "conf/neo4j.conf"
        conf.write_text(conf.read_text().replace("dbms.memory.heap.max_size=400m", "dbms.memory.heap.max_size=1200m") + settings)

    @property
    def database(self):
        return self.home / "data/databases/graph.db"

    def start(self):
        log = (self.home / "out.log").open("ab")
        self.process = subprocess.Popen(
            [CACHE / "jdk/bin/java", HEAP, "-cp", f"{CACHE}/neo4j:{CACHE}/neo4j/lib/*", "Neo4jServer", f"--home-dir={self.home}",
             f"--config-dir={self.home}/conf"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(90)

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def get(self, path):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", 27470 + self.number, timeout=5)
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return ""

    def is_leader(self):
        return self.get("/db/manage/server/core/writable") == "true"

    def is_replica(self):
        return self.get("/db/manage/server/read-replica/available") == "true"

    def run(self, statement, parameters=None):
        """The first row. Refused with the code of the error; Unanswered."""
        body = json.dumps({"statements": [{"statement": statement, "parameters": parameters or {}}]})
        try:
            connection = http.client.HTTPConnection("127.0.0.1", 27470 + self.number, timeout=120)
            connection.request("POST", "/db/data/transaction/commit", body, {"Content-Type": "application/json"})
            reply = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise Unanswered(repr(problem)) from problem
        for error in reply["errors"]:
            raise Refused(f"{error['code']}: {error['message']}")
        rows = reply["results"][0]["data"]
        return rows[0]["row"] if rows else []

    def last_transaction(self):
        return int(self.run("CALL dbms.queryJmx('org.neo4j:*,name=Transactions') YIELD attributes "
                            "RETURN attributes.LastCommittedTxId.value")[0])


class Cluster:
    """Two cores and a read replica."""

    def __init__(self, state, settings):
        self.servers = [Server(state, 1, "CORE", settings), Server(state, 2, "CORE", settings),
                        Server(state, 3, "READ_REPLICA", settings)]
        self.cores, self.replica = self.servers[:2], self.servers[2]
        self.start()

    def start(self):
        for server in self.servers:
            server.start()
        self.leader()
        wait(180, "the read replica", self.replica.is_replica)

    def kill(self):
        for server in self.servers:
            server.kill()

    def leader(self):
        found = []
        wait(180, "a leader", lambda: found.extend(core for core in self.cores if core.is_leader()) or found)
        return found[0]

    def restart(self, server):
        """The member is killed and comes back."""
        server.kill()
        server.start()
        wait(180, f"member {server.number}", server.is_replica if server is self.replica else
             lambda: server.get("/db/manage/server/core/available") == "true")

    def write(self, statement, parameters):
        """Commits it once, whatever happens to members meanwhile; the statement makes a node that can be made only once."""
        for _ in range(240):
            try:
                leader = self.leader()
                leader.run(statement, parameters)
                return leader.last_transaction()
            except Unanswered:
                time.sleep(0.3)
            except Refused as refusal:
                if "ConstraintValidationFailed" in str(refusal):
                    return self.leader().last_transaction()
                if not any(each in str(refusal) for each in ("TransientError", "Cluster.", "General.Unknown", "DatabaseUnavailable")):
                    raise
                time.sleep(0.3)
        raise TimeoutError(f"not written: {statement}")

    def caught_up(self, transaction):
        def is_there():
            try:
                return self.replica.last_transaction() >= transaction
            except (Unanswered, Refused):
                return False
        wait(180, f"the read replica to have transaction {transaction}", is_there)


class Minio:
    """MinIO with a bucket `backups`."""

    def __init__(self, state):
        self.program = SERVERS / "s3_servers"
        self.state = state
        self.servers = bash('"$1/fetch.sh"', str(self.program)).strip().splitlines()[-1]
        self.port = int(bash("python3 -c 'import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); print(s.getsockname()[1])'"))
        self.keys = state / "keys"
        self.keys.mkdir()
        (self.keys / "access-key-id").write_text("property-key")
        (self.keys / "secret-access-key").write_text("property-secret")
        self.start()
        bash('curl -sf -o /dev/null --aws-sigv4 aws:amz:us-east-1:s3 --user property-key:property-secret -X PUT "$1/backups"',
             f"http://127.0.0.1:{self.port}")

    def start(self):
        log = (self.state / "minio.log").open("ab")
        environment = {**os.environ, "MINIO_ROOT_USER": "property-key", "MINIO_ROOT_PASSWORD": "property-secret",
                       "MINIO_BROWSER": "off"}
        self.process = subprocess.Popen([f"{self.servers}/minio", "server", "--quiet", "--address", f"127.0.0.1:{self.port}",
                                         self.state / "minio"], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        wait(60, "MinIO", lambda: subprocess.run(["curl", "-sf", "-o", "/dev/null",
                                                  f"http://127.0.0.1:{self.port}/minio/health/live"], check=False).returncode == 0)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def flags(self):
        return ["--s3-endpoint", f"http://127.0.0.1:{self.port}", "--allow-insecure", "--s3-bucket", "backups",
                "--credentials-dir", str(self.keys)]
