#!/usr/bin/env python3
"""What must hold of the rendered chart, whatever the values.  assertions.py CHART STATE (STATE/<variant>.yaml)."""
import functools
import json
import pathlib
import sys

import yaml

state = pathlib.Path(sys.argv[2])
problems = []


def check(holds, text):
    if not holds:
        problems.append(text)


@functools.cache
def objects(variant):
    return [o for o in yaml.load_all((state / f"{variant}.yaml").read_text(), Loader=yaml.CSafeLoader) if o]


def one(variant, kind, suffix=""):
    return next(d for d in objects(variant) if d["kind"] == kind and d["metadata"]["name"].endswith(suffix))


def pod_defaults(variant):
    return json.loads(one(variant, "ConfigMap", "-pod-defaults")["data"]["pod-defaults.json"])


def ids(node):
    """Every uid and gid that an object holds."""
    if isinstance(node, dict):
        yield from (key for key in node if key in ("runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"))
        node = node.values()
    for child in node if not isinstance(node, (str, int, float, type(None))) else ():
        yield from ids(child)


def unknown(value, schema, path):
    """Fields of a value that its schema does not know: the defaults have the shape of spec.runner."""
    if isinstance(value, dict) and "properties" in schema:
        for name, child in value.items():
            if name not in schema["properties"]:
                yield f"{path}.{name}"
            else:
                yield from unknown(child, schema["properties"][name], f"{path}.{name}")
    if isinstance(value, list):
        for child in value:
            yield from unknown(child, schema["items"], path + "[]")


variants = sorted(p.stem for p in (pathlib.Path(__file__).parent / "values").glob("*.yaml"))
for variant in variants:
    docs = objects(variant)
    check(any(d["kind"] == "Deployment" for d in docs), f"{variant}: no Deployment")
    for doc in docs:
        name = f'{variant}: {doc["kind"]} {doc["metadata"]["name"]}'
        if doc["kind"] in ("Role", "ClusterRole"):
            for rule in doc.get("rules", []):
                check("secrets" not in rule["resources"], f"{name}: reads Secrets")
                check("*" not in rule["resources"] + rule["apiGroups"], f"{name}: a wildcard")
        if doc["kind"] == "Deployment":
            pod = doc["spec"]["template"]["spec"]
            check(pod["securityContext"].get("runAsNonRoot") is True, f"{name}: may be root")
            check(pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", f"{name}: no seccomp")
            for container in pod["containers"]:
                context = container["securityContext"]
                check(context["allowPrivilegeEscalation"] is False, f"{name}: may escalate")
                check(context["readOnlyRootFilesystem"] is True, f"{name}: root is writable")
                check(context["capabilities"]["drop"] == ["ALL"], f"{name}: has capabilities")
                check("memory" in container["resources"]["limits"], f"{name}: no memory limit")
# What operator/ calls, and nothing more: a call that is added there needs its verb here and in the chart.
called = {"neo4jbackups": "get list watch create delete", "neo4jbackupschedules": "get list watch", "neo4jbackupschedules/status": "patch",
          "neo4jbackupschedules/finalizers": "update",
          "neo4jbackupsources": "get list watch", "neo4jbackupstorages": "get list watch",
          "neo4jrestores": "get list watch delete", "neo4jrestores/status": "patch", "neo4jrestores/finalizers": "update",
          "neo4jbackups/status": "patch", "neo4jbackupsources/status": "patch", "neo4jbackupstorages/status": "patch",
          "neo4jbackups/finalizers": "update", "neo4jbackupsources/finalizers": "update", "neo4jbackupstorages/finalizers": "update",
          "neo4jbackupchains": "get list watch create delete", "neo4jbackupchains/status": "patch",
          "jobs": "get list watch create patch delete", "pods": "list watch delete", "persistentvolumeclaims": "get",
          "events": "list create", "endpointslices": "list", "namespaces": "get"}
allowed = {}
for doc in objects("default"):
    if doc["kind"] == "ClusterRole" and doc["metadata"]["name"].endswith("-operator-operator"):
        for rule in doc["rules"]:
            check(("namespaces" in rule["resources"]) == (rule.get("resourceNames") == ["kube-system"]), f"the operator may {rule}")
            for resource in rule["resources"]:
                allowed.setdefault(resource, []).extend(rule["verbs"])
check({r: " ".join(v) for r, v in allowed.items()} == called, f"the operator's ClusterRole allows {allowed}")
check("--cluster-id=4f1d-9" in one("all", "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"], "all: --cluster-id")
resources = [r for d in objects("all") if d["kind"] == "ClusterRole" for rule in d["rules"] for r in rule["resources"]]
check("namespaces" not in resources, "all: the operator may read by what its cluster is known, although it was told")
crds = [d for d in objects("default") if d["kind"] == "CustomResourceDefinition"]
check(len(crds) == 6, f"{len(crds)} CustomResourceDefinitions, expected 6")
for crd in crds:
    check(crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep", "a CustomResourceDefinition goes with the release")
check(not any(d["kind"] == "CustomResourceDefinition" for d in objects("no-crds")), "no-crds renders them")
for doc in objects("namespaced"):
    if doc["kind"] == "ClusterRole":
        groups = {g for rule in doc.get("rules", []) for g in rule["apiGroups"]}
        check(groups <= {"neo4jbackup.dev"}, f'namespaced: ClusterRole {doc["metadata"]["name"]} reaches {groups}')
    check(doc["kind"] != "ClusterRoleBinding", "namespaced: a ClusterRoleBinding")
check(not any(d["kind"] == "NetworkPolicy" for d in objects("default")), "default: a NetworkPolicy that nobody asked for")
policies = [d for d in objects("all") if d["kind"] == "NetworkPolicy"]
check([p["metadata"]["namespace"] for p in policies] == ["backups", "more-backups", "db"], "all: NetworkPolicies of other namespaces")
def egress_ports(policy):
    return [sorted(port["port"] for port in rule["ports"]) for rule in policy["spec"]["egress"]]


check(egress_ports(policies[0]) == [[53, 53], [80, 6000, 6362, 65535], [8443, 9000], [7000]], f"all: runners reach {egress_ports(policies[0])}")
guarded, unguarded = {80, 6000, 6362, 65535}, set()
for rule in policies[-1]["spec"]["ingress"] if policies else []:
    if "from" not in rule:
        for port in rule["ports"]:
            unguarded |= set(range(port["port"], port["endPort"] + 1))
check(unguarded == set(range(1, 65536)) - guarded, "all: the policy of Neo4j pods opens or closes other ports than it should")
for rule in policies[-1]["spec"]["ingress"]:
    for peer in rule.get("from", []):
        selector = peer.get("namespaceSelector")
        named = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["backups", "more-backups"]}
        check(selector in (None, {"matchExpressions": [named]}), f"all: Neo4j's ports are open to runners of {selector}")
profile = next(c for c in crds if c["spec"]["names"]["kind"] == "Neo4jBackupStorage")["spec"]["versions"][0]["schema"]
profile = profile["openAPIV3Schema"]["properties"]["spec"]["properties"]["runner"]
for variant in variants:
    deployment = one(variant, "Deployment")["spec"]["template"]
    check(not list(unknown(pod_defaults(variant), profile, variant)), f"{variant}: not fields of spec.runner: {list(unknown(pod_defaults(variant), profile, variant))}")
    check("memory" in pod_defaults(variant)["resources"]["limits"], f"{variant}: runners without a memory limit")
    check("--pod-defaults=/etc/neo4j-backup-operator/pod-defaults.json" in deployment["spec"]["containers"][0]["args"], f"{variant}: --pod-defaults")
    volume = deployment["spec"]["volumes"][0]["configMap"]["name"]
    check(volume == one(variant, "ConfigMap", "-pod-defaults")["metadata"]["name"], f"{variant}: mounts {volume}")
checksums = {v: one(v, "Deployment")["spec"]["template"]["metadata"]["annotations"]["checksum/pod-defaults"] for v in ("default", "all", "namespaced")}
check(checksums["default"] == checksums["namespaced"] != checksums["all"], "a change of podDefaults does not restart the operator")
check(set(pod_defaults("all")) == set(profile["properties"]), "all: podDefaults lacks a field of spec.runner")
check([s["name"] for s in pod_defaults("all")["imagePullSecrets"]] == ["mirror", "registry", "runners"], "all: pull secrets of runners")
check(sorted(ids(pod_defaults("default"))) == ["fsGroup", "runAsGroup", "runAsUser"], "default: ids of runners")
check(sorted(ids(one("all", "Deployment"))) == ["fsGroup", "runAsGroup", "runAsUser"], "all: ids of the operator")
check(not list(ids(one("ids-from-cluster", "Deployment"))), "ids-from-cluster: the operator has ids")
check(not list(ids(pod_defaults("ids-from-cluster"))), "ids-from-cluster: runners have ids")
DIGEST = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
images = {v: [one(v, "Deployment")["spec"]["template"]["spec"]["containers"][0][k] for k in ("image", "args")] for v in variants}
images = {v: [image, args[0].removeprefix("--runner-image=")] for v, (image, args) in images.items()}
check(images["default"] == ["neo4j-backup-operator:0.1.0", "neo4j-backup-runner:0.1.0"], f"default: {images['default']}")
check(images["all"] == ["registry.example.com/backup/tools/operator:1.2.3-rc.1_x@" + DIGEST,
                        "registry.example.com/backup/tools/runner@sha256:" + "fedcba9876543210" * 4], f"all: {images['all']}")
check(images["ids-from-cluster"] == ["mirror/operator@" + DIGEST, "mirror/runner:1.0@" + DIGEST], f"ids-from-cluster: {images['ids-from-cluster']}")
# The dashboard reaches Grafana as it is: no {{label}} of its legends is taken for a template of Helm.
dashboard = (pathlib.Path(sys.argv[1]) / "files/dashboard.json").read_text()
for variant, namespace, label in (("service-monitor", "operators", "1"), ("all", "monitoring", "backups")):
    shown = one(variant, "ConfigMap", "-dashboard")
    check(shown["data"] == {"neo4j-backup-operator.json": dashboard}, f"{variant}: the dashboard is another one than that of the file")
    check(shown["metadata"]["namespace"] == namespace, f"{variant}: the dashboard lies in {shown['metadata']['namespace']}")
    check(shown["metadata"]["labels"].get("grafana_dashboard") == label, f"{variant}: Grafana's sidecar does not find the dashboard")
check(one("all", "ConfigMap", "-dashboard")["metadata"]["annotations"] == {"grafana_folder": "Backups"}, "all: annotations of the dashboard")
check(not any(d["metadata"]["name"].endswith("-dashboard") for d in objects("default")), "default: a dashboard that nobody asked for")
# What people may do. A backup editor writes neither sources nor storages, which name Secrets, annotations and priority classes.
READ, ALL = "get list watch", "create get list watch patch update delete deletecollection"
may = {"storage-admin": (READ, READ, ALL), "backup-editor": (ALL, READ, READ), "restore-editor": (READ, ALL, READ), "viewer": (READ, READ, READ)}
for role, (backups, restores, places) in may.items():
    verbs = {r: " ".join(rule["verbs"]) for rule in one("default", "ClusterRole", role)["rules"] for r in rule["resources"]}
    check(verbs == {"neo4jbackups": backups, "neo4jbackupschedules": backups, "neo4jrestores": restores, "neo4jbackupsources": places, "neo4jbackupstorages": places, "neo4jbackupchains": READ}, f"{role} may {verbs}")
# Argo CD's own ConfigMap is never part of the release, which would take it away when it is uninstalled.
scripts = yaml.safe_load((pathlib.Path(sys.argv[1]) / "files/argocd-cm.yaml").read_text())["data"]
check(set(scripts) == {f'resource.customizations.health.{c["spec"]["group"]}_{c["spec"]["names"]["kind"]}' for c in crds}, "a kind has no health script")
check(one("all", "ConfigMap", "-argocd-health")["data"] == scripts, "all: the ConfigMap for Argo CD has other scripts than the file")
for variant in variants:
    names = [d["metadata"]["name"] for d in objects(variant) if d["kind"] == "ConfigMap"]
    check("argocd-cm" not in names and (variant == "all") == any(n.endswith("-argocd-health") for n in names), f"{variant}: ConfigMaps {names}")
print("\n".join(problems) if problems else "every assertion holds")
sys.exit(1 if problems else 0)
