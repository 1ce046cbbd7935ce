#!/usr/bin/env python3
"""Holds all CustomResourceDefinitions to the rules of crds/README.md.  schemas_test.py ROOT

Reads the generated YAML. Afterwards each rule is broken once, in a copy, to show that this test would notice.
"""
import copy
import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(sys.argv[1])
KINDS = {"Neo4jBackup", "Neo4jBackupChain", "Neo4jBackupSchedule", "Neo4jBackupSource", "Neo4jBackupStorage", "Neo4jRestore"}
IMMUTABLE = "has(self.{0}) == has(oldSelf.{0}) && (!has(self.{0}) || self.{0} == oldSelf.{0})"
# Fields whose objects are references or selectors, which two managers must never mix from halves.
ATOMIC = re.compile(r"(Ref|[lL]abelSelector|namespaceSelector|nodeSelector|imagePullSecrets\[\])$")
# The API server describes these fields itself.
GIVEN = ("apiVersion", "kind", "metadata")


def union_members(schema):
    """Properties that must be set for one value of a discriminator only."""
    for rule in schema.get("x-kubernetes-validations", []):
        if re.search(r"self\.type == '", rule["rule"]):
            yield from re.findall(r"has\(self\.(\w+)\)", rule["rule"])


def field_problems(schema, path):
    """What is wrong with one field."""
    if not schema.get("description") and not path.endswith("[]") and not path.endswith("{}"):
        yield f"{path}: no description"
    if "x-kubernetes-preserve-unknown-fields" in schema:
        yield f"{path}: takes unknown fields"
    kind = schema.get("type")
    if kind == "array":
        if "x-kubernetes-list-type" not in schema:
            yield f"{path}: a list without a list type"
        if "maxItems" not in schema:
            yield f"{path}: a list without maxItems"
    if kind == "string" and "enum" not in schema and "maxLength" not in schema:
        yield f"{path}: a text without maxLength"
    if schema.get("x-kubernetes-int-or-string") and "maxLength" not in schema:
        yield f"{path}: a quantity without maxLength"
    if "additionalProperties" in schema and "maxProperties" not in schema:
        yield f"{path}: a map without maxProperties"
    if ("additionalProperties" in schema or ATOMIC.search(path)) and kind == "object":
        if schema.get("x-kubernetes-map-type") != "atomic":
            yield f"{path}: a map, reference or selector that is not atomic"


def problems(schema, path="", below=None):
    """What is wrong with a field and all below it. below: the atomic field above it, if there is one."""
    if path in GIVEN:
        return
    if path:
        yield from field_problems(schema, path)
    if "default" in schema and below:
        yield f"{path}: a default below the atomic {below}: server-side apply would differ for ever"
    atomic = schema.get("x-kubernetes-list-type") in ("atomic", "set") or schema.get("x-kubernetes-map-type") == "atomic"
    below = path if atomic else below
    members = set(union_members(schema))
    for name, child in schema.get("properties", {}).items():
        if name in members and "default" in child:
            yield f"{path}.{name}: a default on a member of a union"
        yield from problems(child, f"{path}.{name}".lstrip("."), below)
    if "items" in schema:
        yield from problems(schema["items"], path + "[]", below)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from problems(schema["additionalProperties"], path + "{}", below)


def defaults(schema, path):
    """The paths of all defaults of a field and below it."""
    if "default" in schema:
        yield path
    for name, child in schema.get("properties", {}).items():
        yield from defaults(child, f"{path}.{name}")
    if "items" in schema:
        yield from defaults(schema["items"], path + "[]")


def leads_somewhere(schema, json_path):
    """Whether a column's path names fields of the schema."""
    for name, index in re.findall(r"\.([A-Za-z0-9]+)(\[[^]]*\])?", re.sub(r"@\.\w+", "@", json_path)):
        if name == "metadata":
            return True
        schema = schema.get("properties", {}).get(name)
        if schema is None:
            return False
        schema = schema["items"] if index else schema
    return True


def crd_problems(crd):
    kind, version = crd["spec"]["names"]["kind"], crd["spec"]["versions"][0]
    if [v["name"] for v in crd["spec"]["versions"]] != ["v1alpha1"]:
        yield f"{kind}: other versions than v1alpha1"
    schema = version["schema"]["openAPIV3Schema"]
    yield from (f"{kind}.{text}" for text in problems(schema))
    spec = schema["properties"]["spec"]
    if kind == "Neo4jBackup":
        rules = {rule["rule"] for rule in spec["x-kubernetes-validations"]}
        for name in spec["properties"]:
            if name != "cancel" and IMMUTABLE.format(name) not in rules:
                yield f"{kind}.spec.{name}: can be changed"
        for name in ("labels", "annotations", "priorityClassName", "serviceAccountName", "image", "affinity", "tolerations"):
            if name in spec["properties"]["runner"]["properties"]:
                yield f"{kind}.spec.runner.{name}: belongs to administrators"
    elif "runner" in spec["properties"]:
        for path in defaults(spec["properties"]["runner"], "spec.runner"):
            yield f"{kind}.{path}: a default of the pod profile, which belongs into the chart's values"
    if schema["properties"]["status"].get("default") != {"observedGeneration": -1}:
        yield f"{kind}.status: observedGeneration is not -1 at first"
    for column in version["additionalPrinterColumns"]:
        if not leads_somewhere(schema, column["jsonPath"]):
            yield f"{kind}: the column {column['name']} leads nowhere"


def at(crd, *path):
    """A schema within a definition, by the names of properties; [] is the items of a list."""
    node = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for name in path:
        node = node["items"] if name == "[]" else node["properties"][name]
    return node


def set_key(kind, path, key, value):
    return lambda crds: at(crds[kind], *path.split()).__setitem__(key, value)


def drop_key(kind, path, key):
    return lambda crds: at(crds[kind], *path.split()).pop(key)


# What is broken, and what the test must say then.
BREAKS = [
    (set_key("Neo4jBackupSource", "spec endpoints [] port", "default", 6362), "below the atomic spec.endpoints"),
    (set_key("Neo4jBackupSource", "spec service", "default", {}), "a default on a member of a union"),
    (set_key("Neo4jBackupStorage", "spec persistentVolumeClaim", "default", {}), "a default on a member of a union"),
    (set_key("Neo4jBackupStorage", "spec s3", "default", {}), "a default on a member of a union"),
    (drop_key("Neo4jBackupStorage", "spec s3 credentialsSecretRef", "x-kubernetes-map-type"), "that is not atomic"),
    (set_key("Neo4jBackup", "spec sourceRef name", "default", "x"), "below the atomic spec.sourceRef"),
    (set_key("Neo4jBackupStorage", "spec runner securityContext runAsUser", "default", 7474), "a default of the pod profile"),
    (drop_key("Neo4jBackup", "spec sourceRef", "x-kubernetes-map-type"), "that is not atomic"),
    (drop_key("Neo4jBackupSource", "spec runner labels", "x-kubernetes-map-type"), "that is not atomic"),
    (drop_key("Neo4jBackupSource", "spec runner imagePullSecrets []", "x-kubernetes-map-type"), "that is not atomic"),
    (drop_key("Neo4jBackup", "spec databases", "x-kubernetes-list-type"), "without a list type"),
    (drop_key("Neo4jBackup", "spec databases", "maxItems"), "without maxItems"),
    (drop_key("Neo4jBackupSource", "status members [] lag", "description"), "no description"),
    (set_key("Neo4jBackupSource", "spec runner affinity", "x-kubernetes-preserve-unknown-fields", True), "takes unknown fields"),
    (drop_key("Neo4jBackupSource", "spec service name", "maxLength"), "a text without maxLength"),
    (lambda crds: at(crds["Neo4jBackup"], "spec")["x-kubernetes-validations"].pop(), "can be changed"),
    (set_key("Neo4jBackup", "spec runner", "properties", {"labels": {"type": "object"}}), "belongs to administrators"),
    (lambda crds: crds["Neo4jBackup"]["spec"]["versions"][0]["additionalPrinterColumns"][0].update(jsonPath=".spec.source.name"), "leads nowhere"),
    (lambda crds: crds["Neo4jBackup"]["spec"]["versions"][0].update(name="v1"), "other versions than v1alpha1"),
]


def main():
    files = sorted((ROOT / "crds").glob("*.yaml"))
    crds = {crd["spec"]["names"]["kind"]: crd for crd in (yaml.safe_load(f.read_text()) for f in files)}
    found = [text for crd in crds.values() for text in crd_problems(crd)]
    if crds.keys() != KINDS:
        found.append(f"the kinds are {sorted(crds)}")
    for breaks, expected in BREAKS:
        broken = copy.deepcopy(crds)
        breaks(broken)
        if not any(expected in text for crd in broken.values() for text in crd_problems(crd)):
            found.append(f"the test would not notice: {expected}")
    if subprocess.run([sys.executable, ROOT / "crds/generate.py", "--check"], check=False).returncode != 0:
        found.append("the generated files are not up to date")
    print("\n".join(found) if found else f"{len(crds)} kinds keep every rule; {len(BREAKS)} breaks are noticed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
