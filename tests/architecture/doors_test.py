#!/usr/bin/env python3
"""Holds the rooms to the doors that are drawn: which room may include which, and where foreign headers may stand.

Usage: doors_test.py ROOT. Exit 1 and one line a violation.
"""
import pathlib
import re
import sys

# What every kind may open. Each folder in operator/kinds is a room of its own.
KIND = {"common/base", "common/contract", "operator/kinds", "operator/jobs", "operator/run", "operator/api",
        "operator/kube", "operator/telemetry"}
# Room -> rooms it may open, its own apart. What is not here may open nothing.
DOORS = {
    "common/base": set(),
    "common/contract": {"common/base"},
    "common/httpd": {"common/base"},
    "common/calendar": {"common/base"},
    "backup-runner/txlog": {"common/base"},
    "backup-runner/net": {"common/base"},
    "backup-runner/catchup": {"common/base", "backup-runner/txlog", "backup-runner/net"},
    "backup-runner/archive": {"common/base"},
    "backup-runner/format": {"common/base", "backup-runner/archive"},
    "backup-runner/retention": {"common/base", "common/calendar"},
    "backup-runner/blocks": {"common/base", "backup-runner/archive", "backup-runner/format",
                             "backup-runner/object_store"},
    "backup-runner/storage": {"common/base"},
    "backup-runner/s3": {"common/base"},
    "backup-runner/object_store": {"common/base", "backup-runner/s3", "backup-runner/storage"},
    "backup-runner/engine": {"common/base", "common/contract", "backup-runner/catchup", "backup-runner/txlog",
                             "backup-runner/net", "backup-runner/archive", "backup-runner/format",
                             "backup-runner/blocks", "backup-runner/storage", "backup-runner/object_store",
                             "backup-runner/retention"},
    "backup-runner/app": {"common/base", "common/contract", "common/httpd", "backup-runner/engine",
                          "backup-runner/format", "backup-runner/storage", "backup-runner/net", "backup-runner/object_store",
                          "backup-runner/s3", "backup-runner/retention", "common/calendar"},
    "backup-runner": {"backup-runner/app", "common/contract", "common/process"},
    "common/process": set(),
    "operator/telemetry": {"common/base"},
    "operator/http": {"common/base"},
    "operator/kube": {"common/base", "operator/http", "operator/telemetry"},
    "operator/runtime": {"common/base", "operator/telemetry"},
    "operator/api": {"common/base", "common/contract"},
    "operator/run": {"common/base", "common/contract", "operator/api"},
    "operator/schedule": {"common/base", "common/calendar"},
    "operator/jobs": {"common/base", "common/contract", "operator/run", "operator/api", "operator/kube",
                      "operator/telemetry"},
    "operator/kinds": {"common/base", "common/contract", "operator/jobs", "operator/run", "operator/api",
                       "operator/kube", "operator/runtime", "operator/http", "operator/telemetry"},
    "operator/kinds/storage": KIND,
    "operator/kinds/source": KIND,
    "operator/kinds/backup": KIND | {"operator/kinds/source", "operator/kinds/storage"},
    "operator/kinds/restore": KIND | {"operator/kinds/backup", "operator/kinds/source", "operator/kinds/storage"},
    "operator/kinds/chain": KIND | {"operator/kinds/backup", "operator/kinds/storage"},
    "operator/kinds/backup_schedule": KIND | {"operator/schedule", "common/calendar", "operator/kinds/backup", "operator/kinds/chain",
                                              "operator/kinds/source", "operator/kinds/storage"},
    "operator/app": {"common/base", "common/contract", "common/httpd", "operator/api", "operator/run", "operator/jobs",
                     "operator/kinds", "operator/kinds/storage", "operator/kinds/source", "operator/kinds/backup",
                     "operator/kinds/restore", "operator/kinds/chain", "operator/kinds/backup_schedule", "operator/schedule", "common/calendar", "operator/kube", "operator/http", "operator/runtime", "operator/telemetry"},
    "operator": {"operator/app", "operator/telemetry", "common/process"},
}
# Foreign header -> rooms that may include it.
FOREIGN = {
    r"<absl/": {"common/calendar"},
    r"<boost/": {"backup-runner/net", "common/httpd", "operator/http"},
    r"<CLI/": {"backup-runner/app", "operator/app"},
    r"<curl/": {"backup-runner/object_store"},
    r"<openssl/": {"backup-runner/archive", "backup-runner/net", "backup-runner/s3", "operator/http", "operator/kube"},
    r"<zstd": {"backup-runner/format"},
    r"<xxhash": {"backup-runner/format"},
    r"<nlohmann/(?!json_fwd)": {"common/base"},
    r"<cpprest/": {"operator/http"},
    r"<pplx/": {"operator/http"},
    r"<yaml-cpp/": {"operator/kube"},
    r"<prometheus/": {"operator/telemetry"},
    r"<spdlog/": {"operator/telemetry"},
}
# Pure rooms: no thread, socket, file, environment or clock. (archive's digest only computes.)
PURE = {"common/contract", "backup-runner/txlog", "backup-runner/archive", "backup-runner/format", "backup-runner/s3",
        "backup-runner/retention", "operator/api", "operator/run", "operator/schedule"}
IMPURE = re.compile(r"<(thread|mutex|fstream|filesystem|unistd\.h|sys/.*|fcntl\.h|random)>|steady_clock::now|"
                    r"system_clock::now|getenv")


# A controller gathers, asks its plan, and applies. A longer one decides something that a plan should.
MAX_CONTROLLER_LINES = 300


def room_of(path):
    folder = pathlib.PurePosixPath(path).parts[:-1]
    return "/".join(folder[:3] if folder[:2] == ("operator", "kinds") else folder[:2])


def check_length(name, text):
    controls = "controller" in pathlib.PurePosixPath(name).name
    if not controls or not name.startswith(("operator/kinds/", "operator/jobs/")):
        return []
    lines = text.count("\n")
    return [f"{name}: a controller of {lines} lines"] if lines > MAX_CONTROLLER_LINES else []


def members_of(room, text):
    """The classes whose members a source file defines at namespace level, each with its room."""
    return {f"{room} {name}" for name in re.findall(r"^(?!using |//)[^\s#{}].*?\b([A-Z]\w*)::~?\w+\([^;]*$", text, re.M)}


def check(root):
    problems, files, sources_of = [], 0, {}
    for building in ("common", "backup-runner", "operator"):
        for file in sorted((root / building).rglob("*.[ch]pp")):
            files += 1
            name = file.relative_to(root).as_posix()
            room = room_of(name)
            if room not in DOORS:
                problems.append(f"{name}: the room {room} is not in the plan")
                continue
            text = file.read_text()
            for include in re.findall(r'#include "([^"]+)"', text):
                other = room_of(include)
                if other != room and other not in DOORS[room]:
                    problems.append(f"{name}: opens a door that isn't drawn, {room} -> {other}")
            for pattern, rooms in FOREIGN.items():
                if re.search(r"#include " + pattern, text) and room not in rooms:
                    problems.append(f"{name}: includes {pattern[1:]}, which belongs to {', '.join(sorted(rooms))}")
            if room in PURE and (found := IMPURE.search(text)):
                problems.append(f"{name}: {found.group(0)} in a pure room")
            problems += check_length(name, text)
            if name.endswith(".cpp"):
                for which in members_of(room, text):
                    sources_of.setdefault(which, set()).add(name)
    for which, sources in sorted(sources_of.items()):
        if len(sources) > 1:
            problems.append(f"{which}: one class defined in {', '.join(sorted(sources))}")
    if files == 0:
        problems.append("no source files found")
    return problems


if __name__ == "__main__":
    found = check(pathlib.Path(sys.argv[1]))
    print("\n".join(found) if found else "every door is drawn")
    sys.exit(1 if found else 0)
