#!/usr/bin/env python3
"""Holds the chart's health scripts for Argo CD and its expressions for Flux to cases.yaml.  health.py ENGINES

ENGINES is the folder of the programs that judge, argocd and flux. Every kind that there is has to have cases, and its script has to
have called one of them Healthy, one Progressing and one Degraded, so that no kind is left out by mistake.
"""
import json
import pathlib
import subprocess
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FILES = ROOT / "helm/neo4j-backup-operator/files"
VERSION = yaml.safe_load((ROOT / "crds/fragments/crd.yaml").read_text())["spec"]
TELLS = ("argocd", "kstatus", "flux")


def condition(generation, told):
    kind, status, reason, *of = told
    return {"type": kind, "status": status, "reason": reason, "message": "what is meant for people", "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": of[0] if of else generation}


def object_of(kind, case):
    generation = case.get("generation", 1)
    status = {"observedGeneration": case.get("observed", generation)}
    if case["conditions"]:
        status["conditions"] = [condition(generation, told) for told in case["conditions"]]
    return {"apiVersion": f'{VERSION["group"]}/{VERSION["versions"][0]["name"]}', "kind": kind,
            "metadata": {"name": "judged", "namespace": "db", "generation": generation}, "spec": {}, "status": status}


def judged(program, file, objects):
    done = subprocess.run([program, "health", FILES / file], input=json.dumps(objects), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"FAILED: {done.stderr}")
    return json.loads(done.stdout)


def main():
    engines = pathlib.Path(sys.argv[1])
    asked = [(kind, case) for group in yaml.safe_load((HERE / "cases.yaml").read_text()) for kind in group["kinds"] for case in group["cases"]]
    objects = [object_of(kind, case) for kind, case in asked]
    health = judged(engines / "argocd", "argocd-cm.yaml", objects)
    others = judged(engines / "flux", "flux-health-checks.yaml", objects)
    wrong, seen = [], {}
    for (kind, case), argocd, other in zip(asked, health, others, strict=True):
        found = {"argocd": argocd["status"], **other}
        wrong += [f'{kind} that {case["name"]}: {tool} says {found[tool]} instead of {case[tool]}' for tool in TELLS if found[tool] != case[tool]]
        message = argocd.get("message", "")
        if not message or not message.startswith(case.get("says", "")):
            wrong.append(f'{kind} that {case["name"]}: Argo CD shows "{message}" instead of "{case.get("says", "some text")}..."')
        seen.setdefault(kind, set()).add(argocd["status"])
    for file in (ROOT / "crds/kinds").glob("*.yaml"):
        kind = yaml.safe_load(file.read_text())["kind"]
        if missing := {"Healthy", "Progressing", "Degraded"} - seen.get(kind, set()):
            wrong.append(f"{kind}: no case is {sorted(missing)}")
    if wrong:
        sys.exit("FAILED: " + "\n".join(wrong))
    print(f"Argo CD, kstatus and Flux say of {len(asked)} objects of {len(seen)} kinds what is expected")


if __name__ == "__main__":
    main()
