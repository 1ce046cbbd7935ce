#!/usr/bin/env python3
"""Holds docs/samples/gitops and docs/gitops.md to what the chart ships and what the tools can read.  samples.py ENGINES

ENGINES is the folder of the programs that read manifests as Argo CD and Flux do. kubectl builds what kustomize has to build.
"""
import pathlib
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILES = ROOT / "helm/neo4j-backup-operator/files"
SAMPLES = ROOT / "docs/samples/gitops"
# What an installation of Argo CD has, and a kustomization beside it that patches it with the chart's file, as docs/gitops.md says.
INSTALLED = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "labels": {"app.kubernetes.io/part-of": "argocd"}},
             "data": {"url": "https://argocd.example.com"}}
PATCHED = {"resources": ["installed.yaml"], "patches": [{"path": "argocd-cm.yaml"}]}


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"FAILED: {' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def patched_config_map(scripts):
    with tempfile.TemporaryDirectory() as state:
        folder = pathlib.Path(state)
        (folder / "installed.yaml").write_text(yaml.safe_dump(INSTALLED))
        (folder / "argocd-cm.yaml").write_text(scripts)
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(PATCHED))
        return yaml.safe_load(output_of("kubectl", "kustomize", folder))


def main():
    engines = pathlib.Path(sys.argv[1])
    output_of(engines / "argocd", "check", *sorted(SAMPLES.glob("argocd/*.yaml")))
    output_of(engines / "flux", "check", *sorted(SAMPLES.glob("flux/*.yaml")))
    for file in SAMPLES.rglob("kustomization.yaml"):
        output_of("kubectl", "kustomize", file.parent)
    wrong = []
    scripts = (FILES / "argocd-cm.yaml").read_text()
    if patched_config_map(scripts)["data"] != INSTALLED["data"] | yaml.safe_load(scripts)["data"]:
        wrong.append("kustomize makes something else of files/argocd-cm.yaml as a patch")
    shipped = (FILES / "flux-health-checks.yaml").read_text()
    expressions = shipped[shipped.index("healthCheckExprs:"):]
    if yaml.safe_load((SAMPLES / "flux/backups.yaml").read_text())["spec"]["healthCheckExprs"] != yaml.safe_load(expressions)["healthCheckExprs"]:
        wrong.append("docs/samples/gitops/flux/backups.yaml has other healthCheckExprs than files/flux-health-checks.yaml")
    if f"```yaml\n{expressions}```" not in (ROOT / "docs/gitops.md").read_text():
        wrong.append("docs/gitops.md shows other healthCheckExprs than files/flux-health-checks.yaml")
    if wrong:
        sys.exit("FAILED: " + "\n".join(wrong))
    print("Argo CD, Flux and kustomize can read the samples, and they and docs/gitops.md show what the chart ships")


if __name__ == "__main__":
    main()
