#!/usr/bin/env python3
"""Creates COUNT copies of an object and of its status, named many-0 and so on, in NAMESPACE; the object comes from standard
input as JSON, the API server's address and credentials from $KUBECONFIG.
multiply.py PLURAL NAMESPACE COUNT"""
import concurrent.futures
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../testbed"))
from kube_api import KubeApi  # noqa: E402

plural, namespace, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
first = json.load(sys.stdin)
status = first.pop("status")
labels = first["metadata"].get("labels", {})
collection = f"/apis/{first['apiVersion']}/namespaces/{namespace}/{plural}"
api = KubeApi()


def create(number):
    name = f"many-{number}"
    made = api.call("POST", collection, {**first, "metadata": {"name": name, "labels": labels}})
    api.call("PUT", f"{collection}/{name}/status", {**made, "status": status})


with concurrent.futures.ThreadPoolExecutor(8) as pool:
    for _ in pool.map(create, range(count)):
        pass
