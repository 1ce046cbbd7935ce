#!/usr/bin/env python3
"""Asks the API server of KUBECONFIG what it makes of the manifests of cases.yaml.  table.py NAMESPACE

Objects named api-full and api-base are left in the namespace, one of each kind; everything else is a dry run.
"""
import concurrent.futures
import copy
import json
import pathlib
import subprocess
import sys

import yaml

NAMESPACE = sys.argv[1]
HERE = pathlib.Path(__file__).parent
API_VERSION = yaml.safe_load((HERE / "../../crds/fragments/crd.yaml").read_text())["spec"]


def kubectl(*arguments, document=None):
    """The exit code and all that kubectl says."""
    text = json.dumps(document) if document is not None else None
    done = subprocess.run(["kubectl", "-n", NAMESPACE, *arguments], input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def merged(base, change):
    """A JSON merge patch: null removes a field."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return copy.deepcopy(change)
    result = copy.deepcopy(base)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key, {} if isinstance(value, dict) else None), value)
    return result


def manifest(kind, name, spec):
    version = f'{API_VERSION["group"]}/{API_VERSION["versions"][0]["name"]}'
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def judge(what, code, output, message):
    """Nothing, or what is wrong with an answer. No message: the request should have been taken."""
    if message is None:
        return f"{what}: refused: {output}" if code != 0 else None
    if code == 0:
        return f"{what}: not refused, expected '{message}'"
    return None if message in output else f"{what}: expected '{message}', got: {output}"


def applied(kind, base, change, message):
    document = manifest(kind, "api-case", merged(base, change))
    code, output = kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", document=document)
    return judge(f"{kind} {json.dumps(change)}", code, output, message)


def changed(kind, on, operation, path, value, message):
    patch = {"op": operation, "path": path} | ({} if operation == "remove" else {"value": value})
    code, output = kubectl("patch", kind, f"api-{on}", "--dry-run=server", "--type=json", "-p", json.dumps([patch]))
    return judge(f"{kind} {on} {json.dumps(patch)}", code, output, message)


def filled_in(kind, base, defaults):
    code, output = kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", document=manifest(kind, "api-case", base))
    if code != 0:
        return f"{kind}: the base is refused: {output}"
    taken, wrong = json.loads(output), []
    for path, expected in defaults.items():
        found = taken
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if found != expected:
            wrong.append(f"{kind} {path}: {found} instead of {expected}")
    return "; ".join(wrong) or None


def name_of_64(kind, base):
    code, output = kubectl("apply", "--dry-run=server", "-f", "-", document=manifest(kind, "a" * 64, base))
    # The names of a schedule's backups are made from the schedule's name and a time.
    longest = 47 if kind == "Neo4jBackupSchedule" else 63
    return judge(f"{kind} with a name of 64 characters", code, output, f"metadata.name must have at most {longest} characters")


def jobs(kind, cases):
    """All questions about a kind, as functions with their arguments."""
    base = cases["base"]
    yield filled_in, kind, base, cases["defaults"]
    if kind != "Neo4jBackupChain":  # Its name becomes no label: it has no Jobs.
        yield name_of_64, kind, base
    for change in cases["accepted"]:
        yield applied, kind, base, change, None
    for change, message in cases["refused"]:
        yield applied, kind, base, change, message
    for change in cases["changes"]:
        yield changed, kind, *change


def main():
    kinds = yaml.safe_load((HERE / "cases.yaml").read_text())
    for kind, cases in kinds.items():
        specs = {"full": cases["full"], "base": cases["base"]}
        specs |= {name: merged(cases["base"], change) for name, change in cases.get("more", {}).items()}
        for name, spec in specs.items():
            code, output = kubectl("apply", "--validate=strict", "-f", "-", document=manifest(kind, f"api-{name}", spec))
            if code != 0:
                raise SystemExit(f"{kind} {name}: {output}")
    asked = [job for kind, cases in kinds.items() for job in jobs(kind, cases)]
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        answers = pool.map(lambda job: job[0](*job[1:]), asked)
        wrong = [answer for answer in answers if answer]
    print("\n".join(wrong) if wrong else f"   {len(asked)} cases")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
