"""What the chart's dashboard asks of Prometheus, and what must hold of the dashboard without one."""
import json
import pathlib
import re
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILE = ROOT / "helm/neo4j-backup-operator/files/dashboard.json"
METRIC = re.compile(r"\b(?:neo4jbackup|workqueue)_\w+")
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# What Grafana itself fills in.
BUILT_IN = {"__rate_interval", "__range", "__interval"}
# A panel shows what its variables select, so metrics with these names have to be asked for with the variable's matcher. Metrics of the
# operator itself have no namespace of their own: a Prometheus may add the one that the operator runs in.
SELECTED = (
    (re.compile(r"neo4jbackup_(schedule|storage|source|last|run)_"), "namespace"),
    (re.compile(r"neo4jbackup_schedule_"), "schedule"),
    (re.compile(r"neo4jbackup_storage_"), "storage"),
)


class Query(NamedTuple):
    """One query of a panel, or of a variable (its title is then $NAME)."""
    title: str
    expr: str


def filled_in(expr, values):
    """The query with each variable replaced. KeyError: a variable that nobody has."""
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values[found.group(1)], expr)


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(dashboard):
    return [Query(panel["title"], target["expr"]) for panel in panels(dashboard) for target in panel["targets"]]


def variables(dashboard):
    """(name, selector, label) of each variable whose values come from Prometheus."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
            yield variable["name"], selector, label


def defined_metrics():
    """The names of all metrics that the operator's sources define, with those that a histogram consists of."""
    names = set()
    for source in (ROOT / "operator").rglob("*.cpp"):
        text = source.read_text()
        found = set(re.findall(r'"((?:neo4jbackup|workqueue)_\w+)"', text))
        histograms = set(re.findall(r'BuildHistogram\(\)\s*\.Name\("(\w+)"', text))
        names |= found - histograms | {name + part for name in histograms for part in ("_bucket", "_sum", "_count")}
    return names


def layout_problems(dashboard):
    """Panels that overlap or leave the grid, and ids that two of them have."""
    taken, ids = {}, set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        name = f'{panel["type"]} "{panel["title"]}"'
        if place["x"] + place["w"] > 24:
            yield f"{name} leaves the grid"
        if panel["id"] in ids:
            yield f'{name} has the id {panel["id"]} of another panel'
        ids.add(panel["id"])
        for cell in ((x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])):
            if cell in taken:
                yield f"{name} overlaps {taken[cell]}"
                break
            taken[cell] = name


def panel_problems(panel, known):
    """What one panel lacks, and what its queries name that is not there. known: names of variables."""
    name = f'panel "{panel["title"]}"'
    if not panel["title"] or not panel.get("description"):
        yield f"{name} lacks a title or a description"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield f"{name} has no unit"
    if not panel["targets"] or len({target["refId"] for target in panel["targets"]}) < len(panel["targets"]):
        yield f"{name} has no queries, or two with the same refId"
    for place in (panel, *panel["targets"]):
        if place.get("datasource") != DATASOURCE:
            yield f"{name} asks {place.get('datasource')}, not the data source that the user chose"
    for target in panel["targets"]:
        for variable in re.findall(r"\$\{?(\w+)", target["expr"] + target["legendFormat"]):
            if variable not in known:
                yield f"{name} names a variable ${variable} that there is not"
        if target.get("format") != "table" and not target["instant"] and not target["legendFormat"]:
            yield f"{name} has a line without a legend"
        for metric, matchers in re.findall(r"\b((?:neo4jbackup|workqueue)_\w+)(?:\{([^}]*)\})?", target["expr"]):
            for names, label in SELECTED:
                if names.match(metric) and f'{label}=~"${label}"' not in matchers.split(","):
                    yield f"{name} asks for {metric} of every {label}, whatever was selected"


def problems(dashboard):
    """What is wrong with the dashboard, as far as can be seen without a Prometheus."""
    known = {variable["name"] for variable in dashboard["templating"]["list"]} | BUILT_IN
    yield from layout_problems(dashboard)
    for panel in panels(dashboard):
        yield from panel_problems(panel, known)
    metrics = defined_metrics()
    for query in queries(dashboard) + [Query("$" + name, selector) for name, selector, _ in variables(dashboard)]:
        for metric in METRIC.findall(query.expr):
            if metric not in metrics:
                yield f'"{query.title}" asks for {metric}, which no source of the operator defines'


def rules(dashboard):
    """The queries as a file of recording rules, so that promtool parses them."""
    values = {"__rate_interval": "5m", "__range": "1h", "__interval": "1m", "namespace": ".*", "schedule": ".*", "storage": ".*"}
    asked = [filled_in(query.expr, values) for query in queries(dashboard)]
    asked += [filled_in(selector, values) for _, selector, _ in variables(dashboard)]
    return json.dumps({"groups": [{"name": "dashboard", "rules": [{"record": f"dashboard:query:{number}", "expr": expr}
                                                                    for number, expr in enumerate(asked)]}]})


def load():
    return json.loads(FILE.read_text())
