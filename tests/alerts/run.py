#!/usr/bin/env python3
"""Holds the chart's alerts to series for which each fires, stays silent and clears, by promtool.  run.py

Every alert of the chart has to have cases, and every metric that an alert names has to be one of docs/operator.md.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RULES = ROOT / "helm/neo4j-backup-operator/files/alerts.yaml"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "neo4j-backup-operator"


def promtool():
    """Its path. The package would start a server, so only its file is taken."""
    found = shutil.which("promtool")
    if found:
        return found
    kept = CACHE / "prometheus/usr/bin/promtool"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as state:
            # apt gives up root for a download, and warns where its user can't read the directory.
            subprocess.run(["apt-get", "-o", "APT::Sandbox::User=root", "-qq", "download", "prometheus"], cwd=state, check=True)
            package = next(pathlib.Path(state).glob("prometheus_*.deb"))
            subprocess.run(["dpkg-deb", "-x", package, f"{state}/files"], check=True)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(f"{state}/files/usr/bin/promtool", f"{kept}.new")
            os.rename(f"{kept}.new", kept)
    return str(kept)


def expected(alert, severity, at, labels):
    """That an alert fires at that time, with these labels; no labels: that it is silent."""
    query = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    if labels is None:
        return {"expr": query, "eval_time": at, "exp_samples": []}
    all_labels = {"alertname": alert, "alertstate": "firing", "severity": severity} | labels
    text = ",".join(f'{name}="{value}"' for name, value in sorted(all_labels.items()))
    return {"expr": query, "eval_time": at, "exp_samples": [{"labels": f"ALERTS{{{text}}}", "value": 1}]}


def tests_of(alert, severity, cases):
    """The tests of one alert, as promtool takes them."""
    labels = cases["fires"][0]["labels"]
    questions = [(case["series"], [(case["at"], case["labels"])]) for case in cases["fires"]]
    questions += [(case["series"], [(case["at"], None)]) for case in cases["silent"]]
    clears = cases["clears"]
    questions.append((clears["series"], [(clears["fired_at"], labels), (clears["at"], None)]))
    for series, times in questions:
        yield {
            "interval": cases.get("interval", "1m"),
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [expected(alert, severity, at, wanted) for at, wanted in times],
        }


def main():
    alerts = {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    cases = yaml.safe_load((HERE / "cases.yaml").read_text())
    if set(alerts) != set(cases):
        sys.exit(f"FAILED: alerts with cases: {sorted(cases)}, expected {sorted(alerts)}")
    told = (ROOT / "docs/operator.md").read_text()
    unknown = {metric for rule in alerts.values() for metric in re.findall(r"neo4jbackup_\w+", rule["expr"])
               if f"`{metric}" not in told}
    if unknown:
        sys.exit(f"FAILED: docs/operator.md tells of no metric {sorted(unknown)}")
    monitoring = (ROOT / "docs/monitoring.md").read_text()
    if missing := [alert for alert in alerts if f"| `{alert}` |" not in monitoring]:
        sys.exit(f"FAILED: docs/monitoring.md says nothing of {missing}")
    tests = [test for alert, rule in alerts.items() for test in tests_of(alert, rule["labels"]["severity"], cases[alert])]
    tool = promtool()
    with tempfile.TemporaryDirectory() as state:
        paths = []
        for interval in {test["interval"] for test in tests}:
            paths.append(pathlib.Path(state) / f"{interval}.yaml")
            chosen = [test for test in tests if test["interval"] == interval]
            paths[-1].write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": interval, "tests": chosen}))
        for command in (["check", "rules", RULES], ["test", "rules", *paths]):
            done = subprocess.run([tool, *command], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"FAILED: promtool {' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    print(f"{len(alerts)} alerts fire, stay silent and clear in {len(tests)} cases")


if __name__ == "__main__":
    main()
