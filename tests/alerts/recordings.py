#!/usr/bin/env python3
"""Recordings of the operator's own /metrics, in states that the end-to-end tests provoke: recorded/STATE.prom. The first line of each
says when it was made. record.sh makes them.

recordings.py STATE FILE: fails where the metrics of the alerts have other labels in FILE, a text of /metrics, than in the recording.
"""
import pathlib
import re
import sys
from typing import NamedTuple

import alert_rules

DIRECTORY = pathlib.Path(__file__).resolve().parent / "recorded"
# Prometheus adds these labels; the operator tells none of them.
ADDED = {"pod", "instance", "job"}


class Series(NamedTuple):
    """A metric and its labels: sorted pairs of a name and a value, which is as escaped as it was read."""
    metric: str
    labels: tuple

    @property
    def shape(self):
        """The metric and the names of its labels, whatever their values."""
        return self.metric, frozenset(name for name, _ in self.labels) - ADDED

    def __str__(self):
        return self.metric + "{" + ",".join(f'{name}="{value}"' for name, value in self.labels) + "}"


class Recording(NamedTuple):
    """One state: when it was recorded, in seconds since 1970, and the value of each series."""
    at: float
    values: dict


def series_of(text):
    """Reads a series as PromQL and /metrics write it."""
    metric, labels = re.fullmatch(r"(\w+)(?:\{(.*)\})?", text).groups()
    return Series(metric, tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ""))))


def values_of(text):
    """The value of each series in a text of /metrics."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {series_of(series): float(value) for series, _, value in lines}


def read_all(directory=DIRECTORY):
    """Each recording by the name of its state."""
    recordings = {}
    for path in sorted(directory.glob("*.prom")):
        first, _, text = path.read_text().partition("\n")
        recordings[path.stem] = Recording(float(re.fullmatch(r"# recorded (\d+)", first).group(1)), values_of(text))
    return recordings


def shapes_of(values, metric):
    return {series.shape for series in values if series.metric == metric}


def main():
    state, file = sys.argv[1:]
    kept = read_all().get(state)
    if kept is None:
        print(f"   tests/alerts/recorded holds no recording of the state {state}")
        return
    now = values_of(pathlib.Path(file).read_text())
    for metric in set().union(*map(alert_rules.metrics_of, alert_rules.load().values())):
        before, after = shapes_of(kept.values, metric), shapes_of(now, metric)
        # What a state doesn't tell, such as the time of a success before the first one, may come a moment later.
        if before and after and before != after:
            sys.exit(f"FAILED: {metric} has the labels {[sorted(labels) for _, labels in after]}, recorded in the state {state}: "
                     f"{[sorted(labels) for _, labels in before]}. Record it anew (tests/alerts/record.sh)")


if __name__ == "__main__":
    main()
