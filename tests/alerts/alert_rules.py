"""The chart's alerts, as Prometheus reads them."""
import pathlib
import re

import yaml

FILE = pathlib.Path(__file__).resolve().parent.parent.parent / "helm/neo4j-backup-operator/files/alerts.yaml"


def load():
    """Each rule by the name of its alert."""
    return {rule["alert"]: rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]}


def metrics_of(rule):
    return set(re.findall(r"neo4jbackup_\w+", rule["expr"]))
