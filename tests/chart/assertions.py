#!/usr/bin/env python3
"""What must hold of the rendered chart, whatever the values.  assertions.py CHART STATE (STATE/<variant>.yaml)."""
import pathlib
import sys

import yaml

state = pathlib.Path(sys.argv[2])
problems = []


def check(holds, text):
    if not holds:
        problems.append(text)


def objects(variant):
    return [o for o in yaml.safe_load_all((state / f"{variant}.yaml").read_text()) if o]


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
called = {"neo4jbackups": "get list watch", "neo4jbackupstorages": "list watch", "neo4jbackups/status": "patch",
          "neo4jbackupstorages/status": "patch", "neo4jbackups/finalizers": "update", "jobs": "get list watch create delete",
          "pods": "list watch", "persistentvolumeclaims": "get", "events": "list create", "endpointslices": "list"}
allowed = {}
for doc in objects("default"):
    if doc["kind"] == "ClusterRole" and doc["metadata"]["name"].endswith("-operator-operator"):
        for rule in doc["rules"]:
            for resource in rule["resources"]:
                allowed.setdefault(resource, []).extend(rule["verbs"])
check({r: " ".join(v) for r, v in allowed.items()} == called, f"the operator's ClusterRole allows {allowed}")
crds = [d for d in objects("default") if d["kind"] == "CustomResourceDefinition"]
check(len(crds) == 2, f"{len(crds)} CustomResourceDefinitions, expected 2")
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
guarded, unguarded = {80, 6000, 6362, 65535}, set()
for rule in policies[-1]["spec"]["ingress"] if policies else []:
    if "from" not in rule:
        for port in rule["ports"]:
            unguarded |= set(range(port["port"], port["endPort"] + 1))
check(unguarded == set(range(1, 65536)) - guarded, "all: the policy of Neo4j pods opens or closes other ports than it should")
print("\n".join(problems) if problems else "every assertion holds")
sys.exit(1 if problems else 0)
