#!/usr/bin/env python3
"""Holds the chart's alerts and dashboard to what the operator tells.  run.py

Each alert has cases in which it fires, stays silent and clears: on series of cases.yaml, and on those that the operator has told in
recorded states (recorded.yaml); promtool judges both. Alerts and dashboard name no metric that the operator doesn't have, and promtool
parses every query. What the dashboard's queries return is asked of a real operator by tests/e2e/dashboard.sh.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

import alert_rules
import dashboard
import live
import prometheus
import recordings

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def expected(alert, severity, at, labels, selected=None):
    """That an alert fires at that time, with these labels; no labels: that it is silent. selected: look only at those."""
    matchers = {"alertname": alert, "alertstate": "firing"} | (selected or {})
    query = "ALERTS{" + ",".join(f'{name}="{value}"' for name, value in matchers.items()) + "}"
    if labels is None:
        return {"expr": query, "eval_time": at, "exp_samples": []}
    all_labels = {"alertname": alert, "alertstate": "firing", "severity": severity} | labels
    text = ",".join(f'{name}="{value}"' for name, value in sorted(all_labels.items()))
    return {"expr": query, "eval_time": at, "exp_samples": [{"labels": f"ALERTS{{{text}}}", "value": 1}]}


def tests_of(alert, severity, cases):
    """The tests of one alert on the series of cases.yaml, as promtool takes them."""
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


def minutes(text):
    return int(text[:-1]) * {"m": 1, "h": 60, "d": 24 * 60}[text[-1]]


def recorded_series(after, metrics, interval, recorded):
    """The series of these metrics through the states of a case, as promtool takes them. Its time begins at 0, so each state's times are
    moved: it was recorded when its part begins."""
    parts, begin = {}, 0
    for state, lasts in after.items():
        count = minutes(lasts) // interval
        held = {}
        if state != "gone":
            at, values = recorded[state]
            held = {series: value - (at - begin * interval * 60 if series.metric.endswith("_timestamp_seconds") else 0)
                    for series, value in values.items() if series.metric in metrics}
        for series in held.keys() | parts.keys():
            missing = [f"_x{begin}"] if begin else []
            parts.setdefault(series, missing).append(f"{held[series]:.3f}+0x{count - 1}" if series in held else f"_x{count}")
        begin += count
    return [{"series": str(series), "values": " ".join(values)} for series, values in parts.items()]


def recorded_tests(alert, rule, cases, interval, recorded):
    """The tests of one alert on recorded series, of those cases whose states are all recorded."""
    for wanted in ("fires", "silent"):
        for case in cases[wanted]:
            if not set(case["after"]) <= recorded.keys() | {"gone"}:
                continue
            labels = case["labels"] if wanted == "fires" else None
            yield {
                "interval": f"{interval}m",
                "input_series": recorded_series(case["after"], alert_rules.metrics_of(rule), interval, recorded),
                "promql_expr_test": [expected(alert, rule["labels"]["severity"], case["at"], labels, case["labels"])],
            }


def shape_problems(cases, recorded, unrecorded):
    """Series of cases.yaml that the operator tells with other labels, as its recordings show."""
    told = {series.shape for recording in recorded.values() for series in recording.values}
    written = {}
    for alert, of_alert in cases.items():
        for case in of_alert["fires"] + of_alert["silent"] + [of_alert["clears"]]:
            for text in case["series"]:
                written[recordings.series_of(text).shape] = alert
    metrics = {metric for metric, _ in told}
    for (metric, labels), alert in written.items():
        if metric in metrics and (metric, labels) not in told:
            yield f"cases of {alert} have {metric} with the labels {sorted(labels)}, which the operator does not tell"
        if (metric in metrics) == (metric in unrecorded):
            yield f"{metric} of {alert} is {'recorded and ' if metric in metrics else 'not recorded, and not '}listed as unrecorded in recorded.yaml"


def state_problems(plan, alerts, recorded):
    """What is wrong with recorded.yaml itself."""
    states = plan["states"]
    if plan["cases"].keys() != alerts.keys():
        yield f"recorded.yaml has cases of {sorted(plan['cases'])}, expected {sorted(alerts)}"
    used = {state for cases in plan["cases"].values() for case in cases["fires"] + cases["silent"] for state in case["after"]}
    if unknown := (used | recorded.keys()) - states.keys() - {"gone"}:
        yield f"recorded.yaml says nothing of the states {sorted(unknown)}"
    for name, state in states.items():
        if ("waits" in state) == (name in recorded):
            yield f"state {name} {'is recorded: it waits no more' if name in recorded else 'has no recording, and nothing says why'}"


def metric_problems(alerts):
    """Metrics of alerts that the operator doesn't have, and what the documentation leaves out."""
    defined = dashboard.defined_metrics()
    told = (ROOT / "docs/operator.md").read_text()
    monitoring = (ROOT / "docs/monitoring.md").read_text()
    for alert, rule in alerts.items():
        if f"| `{alert}` |" not in monitoring:
            yield f"docs/monitoring.md says nothing of {alert}"
        for metric in sorted(alert_rules.metrics_of(rule) - defined):
            yield f"{alert} asks for {metric}, which no source of the operator defines"
    for metric in sorted(defined):
        if f"`{re.sub('_(bucket|sum|count)$', '', metric)}" not in told:
            yield f"docs/operator.md tells of no metric {metric}"


def judge(tests, queries):
    """Lets promtool parse alerts and queries, and hold the alerts to their tests."""
    tool = prometheus.program("promtool")
    with tempfile.TemporaryDirectory() as state:
        asked = pathlib.Path(state) / "dashboard.json"
        asked.write_text(queries)
        paths = []
        for interval in {test["interval"] for test in tests}:
            paths.append(pathlib.Path(state) / f"{interval}.yaml")
            chosen = [test for test in tests if test["interval"] == interval]
            paths[-1].write_text(json.dumps({"rule_files": [str(alert_rules.FILE)], "evaluation_interval": interval, "tests": chosen}))
        for command in (["check", "rules", alert_rules.FILE, asked], ["test", "rules", *paths]):
            done = subprocess.run([tool, *command], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"FAILED: promtool {' '.join(map(str, command))}: {done.stdout}{done.stderr}")


def main():
    alerts = alert_rules.load()
    cases = yaml.safe_load((HERE / "cases.yaml").read_text())
    if set(alerts) != set(cases):
        sys.exit(f"FAILED: alerts with cases: {sorted(cases)}, expected {sorted(alerts)}")
    plan = yaml.safe_load((HERE / "recorded.yaml").read_text())
    recorded = recordings.read_all()
    shown = dashboard.load()
    problems = [*metric_problems(alerts), *dashboard.problems(shown), *live.problems(shown)]
    if recorded:
        problems += [*state_problems(plan, alerts, recorded), *shape_problems(cases, recorded, plan["unrecorded"])]
    if problems:
        sys.exit("FAILED: " + "\n".join(problems))
    tests = [test for alert, rule in alerts.items() for test in tests_of(alert, rule["labels"]["severity"], cases[alert])]
    on_recordings = [test for alert, rule in alerts.items()
                     for test in recorded_tests(alert, rule, plan["cases"][alert], minutes(cases[alert].get("interval", "1m")), recorded)]
    judge(tests + on_recordings, dashboard.rules(shown))
    print(f"{len(alerts)} alerts fire, stay silent and clear in {len(tests)} cases, and in {len(on_recordings)} on series of "
          f"{len(recorded)} recorded states; the dashboard's {len(dashboard.queries(shown))} queries are valid")
    if not recorded:
        print("NOT HELD to the operator's own series: tests/alerts/recorded has no recordings (tests/alerts/record.sh makes them)")


if __name__ == "__main__":
    main()
