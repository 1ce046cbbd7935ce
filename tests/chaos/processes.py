"""The processes that chaos hits: operators, each behind its own port of the proxy, and the testbed's API server."""
import os
import signal
import subprocess
import time
import urllib.request


class Operator:
    """One operator as a plain process of this host. `state` is the directory for its kubeconfig and its log."""

    def __init__(self, name, binary, state, proxy_port, http_port, flags):
        self.name, self.http_port = name, http_port
        kubeconfig = os.path.join(state, name + ".conf")
        with open(kubeconfig, "w", encoding="utf-8") as file:
            file.write("apiVersion: v1\nkind: Config\ncurrent-context: chaos\n"
                       f"clusters: [{{name: chaos, cluster: {{server: 'https://127.0.0.1:{proxy_port}', "
                       f"certificate-authority: {state}/proxy.crt}}}}]\n"
                       "users: [{name: chaos, user: {token: none}}]\n"
                       "contexts: [{name: chaos, context: {cluster: chaos, user: chaos}}]\n")
        self._command = [binary, "--kubeconfig", kubeconfig, "--http-port", str(http_port), *flags]
        self._log = os.path.join(state, name + ".log")
        self._process = None
        self.starts = 0

    def start(self):
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env={**os.environ, "POD_NAME": self.name})
        self.starts += 1

    def signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def exit_code(self):
        """None: it runs, or nobody has started it."""
        return self._process.poll() if self._process else None

    def end(self):
        """Ends it as Kubernetes does; how many seconds that took."""
        begin = time.monotonic()
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
        return time.monotonic() - begin

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=5) as answer:
            return answer.read().decode()

    def is_ready(self):
        try:
            self.get("/readyz")
            return True
        except OSError:
            return False

    def slots_held(self):
        for line in self.get("/metrics").splitlines():
            if line.startswith("neo4jbackup_runs_running "):
                return float(line.split()[1])
        return float("nan")


class ApiServer:
    """The API server that tests/testbed/up.sh started, found by the id that it wrote down."""

    def __init__(self, testbed):
        self._testbed = testbed
        self._pid_file = os.path.join(testbed, "run/apiserver.pid")
        self._stopping = None
        with open(f"/proc/{self._pid()}/cmdline", "rb") as file:
            self._command = file.read().split(b"\0")[:-1]
        if b"kube-apiserver" not in self._command[0]:
            raise SystemExit(f"{self._pid_file} does not name an API server")
        self.restarts = 0

    def _pid(self):
        with open(self._pid_file, encoding="utf-8") as file:
            return int(file.read())

    def _runs(self, pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                return file.read().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    def is_up(self):
        return self._stopping is None

    def stop(self):
        """Asks it to end. It writes the audit lines of what it has done, which a SIGKILL would lose."""
        self._stopping = (self._pid(), time.monotonic())
        os.kill(self._stopping[0], signal.SIGTERM)
        self.restarts += 1

    def go_on(self):
        """Starts it again once it has ended; to be called time and again."""
        if self._stopping is None:
            return
        pid, since = self._stopping
        if self._runs(pid):
            if time.monotonic() - since > 60:
                os.kill(pid, signal.SIGKILL)
            return
        with open(os.path.join(self._testbed, "log/apiserver.log"), "ab") as log:
            process = subprocess.Popen(self._command, cwd=self._testbed, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
        with open(self._pid_file, "w", encoding="utf-8") as file:
            file.write(f"{process.pid}\n")
        self._process, self._stopping = process, None  # Held on to, so that its end can be waited for.
