"""The servers of the property test: a causal cluster on loopback, single servers on what was restored, MinIO, and a line that breaks."""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
SERVERS = HERE.parent / "servers"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "neo4j-backup-operator/neo4j-3.4.10-v1"
# NEO4J says which Neo4j all servers are: where its jars lie in the cache, and their entry point.
JARS, ENTRY_POINT = {"3.4.10": ("neo4j", "Neo4jServer"), "3.5.0-beta03": ("neo4j-3.5.0-beta03-v1", "Neo4jServer35")}[
    os.environ.get("NEO4J", "3.4.10")]
# Short-lived servers on few processors: compiling more than once costs them more than it gains. A transaction of 100 MB takes a
# multiple of that while it is made.
JAVA = [CACHE / "jdk/bin/java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx2500m", "-cp", f"{CACHE}/{JARS}:{CACHE}/{JARS}/lib/*"]
# How long anything may take that has to happen in the end, in seconds: a busy machine needs a minute for what else takes ten.
PATIENCE = 900
# Parts of the codes of errors that pass: no leader yet, or no longer.
PASSING = ["TransientError", "Cluster.", "General.Unknown", "DatabaseUnavailable"]

# Set once the test ends, so that nothing goes on waiting.
ENDED = threading.Event()


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
        if time.monotonic() > end or ENDED.wait(0.2):
            raise TimeoutError(f"gave up waiting for {what}")


class Server:
    """Member 1 and 2 (cores), 3 (read replica) or 4 (a single server), as tests/servers/cluster.sh numbers them."""

    def __init__(self, state, number, mode, settings=""):
        self.number = number
        self.home = state / (str(number) if number != 4 else "single")
        self.process = None
        bash('. "$SERVERS/cluster.sh"; write_conf "$1" "$2" "$3"', str(self.home), mode, str(number), STATE=str(state),
             SERVERS=str(SERVERS))
        with (self.home / "conf/neo4j.conf").open("a") as conf:
            conf.write(settings)

    @property
    def database(self):
        return self.home / "data/databases/graph.db"

    def start(self):
        with (self.home / "out.log").open("ab") as log:
            self.process = subprocess.Popen([*JAVA, ENTRY_POINT, f"--home-dir={self.home}", f"--config-dir={self.home}/conf"],
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def check_consistency(self):
        """What the official check says against graph.db, which no server may have open; empty: nothing."""
        for old in self.home.glob("*.report"):
            old.unlink()
        done = subprocess.run([*JAVA, "org.neo4j.commandline.admin.AdminTool", "check-consistency", "--database=graph.db",
                               f"--report-dir={self.home}"], capture_output=True, text=True, check=False,
                              env={**os.environ, "NEO4J_HOME": str(self.home), "NEO4J_CONF": str(self.home / "conf")})
        reports = "".join(each.read_text() for each in self.home.glob("*.report"))
        return reports or (done.stdout + done.stderr if done.returncode != 0 else "")

    def failure(self):
        """What keeps it from starting; empty as long as nothing does. A server that could not recover may live on."""
        log = self.home / "logs/debug.log"
        told = [line for line in (log.read_text().splitlines() if log.exists() else [])
                if "Database panic" in line or "Exception occurred while setting up store modules" in line]
        return told[0] if told else "it ended" if self.process.poll() is not None else ""

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

    def start(self):
        for server in self.servers:
            server.start()
        self.leader()
        wait(PATIENCE, "the read replica", self.replica.is_replica)

    def kill(self):
        for server in self.servers:
            server.kill()

    def leader(self):
        found = []
        wait(PATIENCE, "a leader", lambda: found.extend(core for core in self.cores if core.is_leader()) or found)
        return found[0]

    def restart(self, server):
        """The member is killed and comes back."""
        server.kill()
        server.start()
        wait(PATIENCE, f"member {server.number}", server.is_replica if server is self.replica else
             lambda: server.get("/db/manage/server/core/available") == "true")

    def write(self, statement, parameters):
        """Commits it once, whatever happens to members meanwhile, and returns its transaction. The statement makes a node that can
        be made only once, so that one that was committed without an answer is refused the next time."""
        refusal = None
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not ENDED.is_set():
            try:
                leader = self.leader()
                try:
                    leader.run(statement, parameters)
                except Refused as problem:
                    if refusal is None or "ConstraintValidationFailed" not in str(problem):
                        raise
                return leader.last_transaction()
            except (Unanswered, Refused) as problem:
                refusal = problem
                if isinstance(problem, Refused) and not any(each in str(problem) for each in PASSING):
                    raise
                time.sleep(0.3)
        raise TimeoutError(f"not written: {statement}: {refusal}")

    def establish(self, statement, is_there, known):
        """Runs a statement about the schema until is_there(leader), whatever happens to members meanwhile, and returns its
        transaction. known: the last one before; a new leader that has not got so far yet can't tell."""
        refusal = None
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not ENDED.is_set():
            try:
                leader = self.leader()
                last = leader.last_transaction()
                if last >= known and is_there(leader):
                    return leader.last_transaction()
                leader.run(statement)
            except (Unanswered, Refused) as problem:
                refusal = problem
                time.sleep(0.3)
        raise TimeoutError(f"not done: {statement}: {refusal}")

    def caught_up(self, transaction):
        def is_there():
            try:
                return self.replica.last_transaction() >= transaction
            except (Unanswered, Refused):
                return False
        wait(PATIENCE, f"the read replica to have transaction {transaction}", is_there)


class Minio:
    """MinIO with a bucket `backups`."""

    def __init__(self, state):
        self.program = SERVERS / "s3_servers"
        self.state = state
        self.servers = bash('"$1/fetch.sh"', str(self.program)).strip().splitlines()[-1]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.keys = state / "keys"
        self.keys.mkdir()
        (self.keys / "access-key-id").write_text("property-key")
        (self.keys / "secret-access-key").write_text("property-secret")
        self.process = None

    def create(self):
        self.start()
        bash('curl -sf -o /dev/null --aws-sigv4 aws:amz:us-east-1:s3 --user property-key:property-secret -X PUT "$1/backups"',
             f"http://127.0.0.1:{self.port}")

    def start(self):
        environment = {**os.environ, "MINIO_ROOT_USER": "property-key", "MINIO_ROOT_PASSWORD": "property-secret",
                       "MINIO_BROWSER": "off"}
        with (self.state / "minio.log").open("ab") as log:
            self.process = subprocess.Popen([f"{self.servers}/minio", "server", "--quiet", "--address", f"127.0.0.1:{self.port}",
                                             self.state / "minio"], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        wait(PATIENCE, "MinIO", lambda: subprocess.run(["curl", "-sf", "-o", "/dev/null",
                                                  f"http://127.0.0.1:{self.port}/minio/health/live"], check=False).returncode == 0)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def flags(self):
        return ["--s3-endpoint", f"http://127.0.0.1:{self.port}", "--allow-insecure", "--s3-bucket", "backups",
                "--credentials-dir", str(self.keys)]


class Line:
    """A way to a server that breaks: each connection that is under way when so many bytes came from the server, counted from
    break_after on. Other connections are forwarded unchanged."""

    def __init__(self, target):
        self.target = target
        self.lock = threading.Lock()
        self.passed, self.breaks, self.broken = 0, [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def break_after(self, counts):
        with self.lock:
            self.passed, self.breaks = 0, sorted(counts)

    def _accept(self):
        while True:
            client = self.listener.accept()[0]
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _breaks_now(self, count):
        with self.lock:
            self.passed += count
            if not self.breaks or self.passed < self.breaks[0]:
                return False
            self.breaks.pop(0)
            self.broken += 1
            return True

    def _pump(self, source, sink, counted):
        try:
            while data := source.recv(16 * 1024):
                if counted and self._breaks_now(len(data)):
                    break
                sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
