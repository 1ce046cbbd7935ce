#!/usr/bin/env python3
"""Writes JSON schemas of Kubernetes' kinds for kubeconform, from the OpenAPI document in Kubernetes' sources.

Usage: schemas.py SWAGGER_JSON DIRECTORY. One file a kind, complete in itself: KIND[-GROUP]-VERSION.json in lower case.
Strict: objects with known fields take no others.
"""
import json
import pathlib
import sys

PREFIX = "#/definitions/"
API = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
PROPS = {"$ref": PREFIX + API + "JSONSchemaProps"}
# What OpenAPI v2 can't say, or leaves open.
REPLACED = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"]},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer"]},
    API + "JSONSchemaPropsOrBool": {"anyOf": [{"type": "boolean"}, PROPS]},
    API + "JSONSchemaPropsOrArray": {"anyOf": [PROPS, {"type": "array", "items": PROPS}]},
    API + "JSONSchemaPropsOrStringArray": {"anyOf": [PROPS, {"type": "array", "items": {"type": "string"}}]},
}


def references(node):
    """The names of all definitions a schema refers to."""
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(PREFIX)
        node = node.values()
    elif not isinstance(node, list):
        return
    for child in node:
        yield from references(child)


def closure(definitions, root):
    found, queue = {}, [root]
    while queue:
        name = queue.pop()
        if name not in found:
            found[name] = definitions[name]
            queue.extend(references(definitions[name]))
    return found


def main():
    swagger, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    definitions = json.loads(pathlib.Path(swagger).read_text())["definitions"]
    definitions.update(REPLACED)
    for definition in definitions.values():
        if "properties" in definition:
            definition.setdefault("additionalProperties", False)
    directory.mkdir(parents=True)
    for name, definition in definitions.items():
        kinds = definition.get("x-kubernetes-group-version-kind", [])
        fields = definition.get("properties", {})
        # Those of many kinds are DeleteOptions and the like, which no manifest contains.
        if len(kinds) != 1 or not {"apiVersion", "kind"} <= fields.keys():
            continue
        group, version, kind = (kinds[0][key] for key in ("group", "version", "kind"))
        schema = {
            "allOf": [{"$ref": PREFIX + name}],
            "required": ["apiVersion", "kind", "metadata"],
            "definitions": closure(definitions, name),
        }
        parts = [kind, group.split(".")[0], version] if group else [kind, version]
        (directory / ("-".join(parts).lower() + ".json")).write_text(json.dumps(schema))


if __name__ == "__main__":
    main()
