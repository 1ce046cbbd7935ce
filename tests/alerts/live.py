#!/usr/bin/env python3
"""Asks the dashboard's queries of a real Prometheus that scrapes a real operator, and demands that each returns data.

live.py FLOW URL: FLOW is one of ABSENT, and URL the operator's /metrics.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import dashboard
import prometheus

SCRAPE_SECONDS = 2
# A rate needs two scrapes; the third one tells what changed between them. Four is what Grafana takes for $__rate_interval.
SCRAPES = 4
# Until every query has returned data. On a machine that compiles meanwhile, runs tell their progress late.
PATIENCE_SECONDS = 120
# What a flow of the end-to-end tests can't show, each with the reason: a text that a query contains. Each query of the dashboard has to
# return data in one of the flows at least.
NO_TLS = {"neo4jbackup_source_certificate_expiry": "its sources speak clear text"}
NO_SCHEDULE = {"neo4jbackup_schedule_": "it has no schedules"}
NO_RUN = {"neo4jbackup_run_": "no run is under way at that time"}
NO_RESTORE = {'kind="Neo4jRestore"': "no Neo4jRestore has ended since the operator's process began"}
ABSENT = {
    "schedules": NO_TLS | NO_RUN | NO_RESTORE | {
        "neo4jbackup_storage_free_bytes": "its storage is a bucket, and buckets do not tell their room",
        "neo4jbackup_storage_total_bytes": "the same",
    },
    "chain": NO_TLS | NO_SCHEDULE | NO_RUN,
    "held": NO_TLS | NO_SCHEDULE | NO_RESTORE,
    "tls": NO_SCHEDULE | NO_RUN | NO_RESTORE | {
        "neo4jbackup_last_current": "a cluster of two cores, asked through its only replica, need not tell its lag",
        "neo4jbackup_source_lag": "the same",
    },
}


def excused(expr, flow):
    """Why the query may return nothing in that flow; nothing: it may not."""
    return next((why for text, why in ABSENT[flow].items() if text in expr), None)


def problems(shown):
    """Queries that no flow would ever hold to data."""
    for query in dashboard.queries(shown):
        if all(excused(query.expr, flow) for flow in ABSENT):
            yield f'"{query.title}" may return nothing in every flow of tests/alerts/live.py: {query.expr}'


class Prometheus:
    """A server of ours that scrapes one target, until the block is left."""

    def __init__(self, url):
        self._target = urllib.parse.urlsplit(url)
        self._state = tempfile.TemporaryDirectory()
        # Proxies of the environment are for the world outside.
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def __enter__(self):
        state = pathlib.Path(self._state.name)
        (state / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "scrape_timeout": f"{SCRAPE_SECONDS}s"},
            "scrape_configs": [{"job_name": "operator", "honor_labels": True, "metrics_path": self._target.path,
                                "static_configs": [{"targets": [self._target.netloc]}]}]}))
        self._log = state / "log"
        with self._log.open("w") as log:
            # Port 0: it takes a free one and says which.
            self._process = subprocess.Popen(
                [prometheus.program("prometheus"), f"--config.file={state}/prometheus.yml", f"--storage.tsdb.path={state}/data",
                 "--web.listen-address=127.0.0.1:0"], stdout=log, stderr=log)
        self._address = self._await_address()
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._state.cleanup()

    def _await_address(self):
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            if found := re.search(r'msg="Listening on" address=(127\.0\.0\.1:\d+)', self._log.read_text()):
                return found.group(1)
            time.sleep(0.2)
        text = self._log.read_text()
        self.__exit__()
        sys.exit(f"FAILED: Prometheus does not start: {text}")

    def _get(self, path, **parameters):
        with self._open(f"http://{self._address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=30) as answer:
            return json.load(answer)["data"]

    def numbers(self, expr):
        """The values of a query's result that are numbers: a panel shows no NaN."""
        result = self._get("query", query=expr)["result"]
        return [sample["value"][1] for sample in result if sample["value"][1] != "NaN"]

    def label_values(self, selector, label):
        return self._get(f"label/{label}/values", **{"match[]": selector})

    def await_scrapes(self):
        """Until the target was scraped often enough."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            try:
                if any(int(count) >= SCRAPES for count in self.numbers("sum_over_time(up[10m])")):
                    return
            except urllib.error.HTTPError:
                pass  # It replays its log at first, and answers 503.
            time.sleep(SCRAPE_SECONDS / 2)
        sys.exit(f"FAILED: {self._target.geturl()} can't be scraped: {self._get('targets')['activeTargets']}")


def selection(shown, server, flow):
    """A value for each variable, as Grafana fills it in when everything is selected by name."""
    values = {"__rate_interval": f"{SCRAPES * SCRAPE_SECONDS}s", "__interval": f"{SCRAPE_SECONDS}s", "__range": "10m"}
    for name, selector, label in dashboard.variables(shown):
        found = server.label_values(dashboard.filled_in(selector, values), label)
        if not found and not excused(selector, flow):
            sys.exit(f"FAILED: the variable ${name} has no values: {selector}")
        # A backslash of the pattern is one of a string of PromQL, too.
        values[name] = "(" + "|".join(re.escape(value).replace("\\", "\\\\") for value in found) + ")" if found else ".*"
    return values


def missing(shown, server, values, flow):
    """The queries that return nothing although they should, and the metrics of them that have no series."""
    empty = []
    for query in dashboard.queries(shown):
        if excused(query.expr, flow):
            continue
        expr = dashboard.filled_in(query.expr, values)
        # A query that counts, or that falls back to another one, returns data without its metrics too.
        asked = re.findall(r"\b(?:neo4jbackup|workqueue)_\w+(?:\{[^}]*\})?", expr)
        absent = [series for series in asked if not server.numbers(f"count({series})")]
        if absent or not server.numbers(expr):
            empty.append(f'"{query.title}": {expr}' + (f" (no series: {', '.join(absent)})" if absent else ""))
    return empty


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ABSENT:
        sys.exit(f"usage: live.py {'|'.join(ABSENT)} URL")
    flow, url = sys.argv[1:]
    shown = dashboard.load()
    with Prometheus(url) as server:
        server.await_scrapes()
        values = selection(shown, server, flow)
        end = time.monotonic() + PATIENCE_SECONDS
        while (empty := missing(shown, server, values, flow)) and time.monotonic() < end:
            time.sleep(SCRAPE_SECONDS)
    if empty:
        sys.exit("FAILED: these queries of the dashboard return nothing:\n" + "\n".join(empty))
    asked = [query for query in dashboard.queries(shown) if not excused(query.expr, flow)]
    print(f"   {len(asked)} queries of the dashboard return data, {len(dashboard.queries(shown)) - len(asked)} are not for this flow")


if __name__ == "__main__":
    main()
