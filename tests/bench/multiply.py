#!/usr/bin/env python3
"""Creates COUNT copies of an object and of its status, named many-0 and so on, in NAMESPACE; the object comes from standard
input as JSON, the API server's address and credentials from $KUBECONFIG.
multiply.py PLURAL NAMESPACE COUNT"""
import base64
import concurrent.futures
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.parse

plural, namespace, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
first = json.load(sys.stdin)
status = first.pop("status")
labels = first["metadata"].get("labels", {})
collection = f"/apis/{first['apiVersion']}/namespaces/{namespace}/{plural}"
config = json.loads(subprocess.check_output(
    ["kubectl", "config", "view", "--raw", "--minify", "--flatten", "-o", "json"]))
server = urllib.parse.urlparse(config["clusters"][0]["cluster"]["server"])
with tempfile.TemporaryDirectory() as directory:
    def stored(name, text):
        path = os.path.join(directory, name)
        with open(path, "wb") as file:
            file.write(base64.b64decode(text))
        return path
    user = config["users"][0]["user"]
    context = ssl.create_default_context(
        cafile=stored("ca", config["clusters"][0]["cluster"]["certificate-authority-data"]))
    context.load_cert_chain(stored("crt", user["client-certificate-data"]), stored("key", user["client-key-data"]))
local = threading.local()


def call(method, path, body):
    if not hasattr(local, "connection"):
        local.connection = http.client.HTTPSConnection(server.hostname, server.port, context=context)
    local.connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    answer = local.connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
    return json.loads(text)


def create(number):
    name = f"many-{number}"
    made = call("POST", collection, {**first, "metadata": {"name": name, "labels": labels}})
    call("PUT", f"{collection}/{name}/status", {**made, "status": status})


with concurrent.futures.ThreadPoolExecutor(8) as pool:
    for _ in pool.map(create, range(count)):
        pass
