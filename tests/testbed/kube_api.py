"""A small client of the API server that $KUBECONFIG names, for tests and benchmarks that make many calls. One connection a
thread, which is opened again when it breaks."""
import base64
import http.client
import json
import os
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse


class Refused(Exception):
    """The API server answered with an error."""

    def __init__(self, status, text):
        super().__init__(f"{status} {text[:300]}")
        self.status = status


class KubeApi:
    """Thread-safe; calls block. `patience` is for how many seconds a call is repeated while the server can't be reached, so
    that a server which restarts goes unnoticed; a call that is repeated may have been acted upon already."""

    def __init__(self, patience=0):
        config = json.loads(subprocess.check_output(
            ["kubectl", "config", "view", "--raw", "--minify", "--flatten", "-o", "json"]))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._server = urllib.parse.urlparse(cluster["server"])
        self._patience = patience
        self._local = threading.local()
        with tempfile.TemporaryDirectory() as directory:
            def stored(name, text):
                path = os.path.join(directory, name)
                with open(path, "wb") as file:
                    file.write(base64.b64decode(text))
                return path
            self._tls = ssl.create_default_context(cafile=stored("ca", cluster["certificate-authority-data"]))
            self._tls.load_cert_chain(stored("crt", user["client-certificate-data"]), stored("key", user["client-key-data"]))

    def _once(self, method, path, text, content_type):
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPSConnection(
                self._server.hostname, self._server.port, context=self._tls, timeout=30)
        try:
            self._local.connection.request(method, path, text, {"Content-Type": content_type})
            answer = self._local.connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            self._local.connection.close()
            del self._local.connection
            raise

    def call(self, method, path, body=None, content_type="application/json"):
        """The parsed answer. Raises Refused for an HTTP error, and OSError or HTTPException when there is no answer."""
        end = time.monotonic() + self._patience
        text = None if body is None else json.dumps(body)
        while True:
            try:
                status, answer = self._once(method, path, text, content_type)
                # A server that has just started has not read its own rules yet (403), or the definitions of custom resources.
                unread = status == 404 and answer.startswith("404 page not found")
                if not (unread or status in (403, 429, 500, 503)) or time.monotonic() > end:
                    break
            except (OSError, http.client.HTTPException):
                if time.monotonic() > end:
                    raise
            time.sleep(0.5)
        if status >= 300:
            raise Refused(status, answer)
        return json.loads(answer)

    def merge_patch(self, path, patch):
        return self.call("PATCH", path, patch, "application/merge-patch+json")
