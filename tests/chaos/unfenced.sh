#!/usr/bin/env bash
# That audit.py can fail: an operator whose Jobs are named at random and let go at once, and which writes a status whatever another has
# written meanwhile (unfenced.patch), goes through the same chaos, and the checker must find what this breaks.
#   tests/chaos/unfenced.sh [SECONDS [SEED]]      90
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
copy=$PWD/build/unfenced
mkdir -p "$copy"
# Only what differs is written, so that only that is compiled again.
tar -c --exclude=./build --exclude=./.git . | (rm -rf "$copy/new" && mkdir "$copy/new" && tar -x -C "$copy/new")
patch -s -p1 -d "$copy/new" < "$here/unfenced.patch"
python3 - "$copy/new" "$copy/src" <<'P'
import filecmp, os, shutil, sys
new, old = sys.argv[1:]
for folder, _, files in os.walk(new):
    to = os.path.join(old, os.path.relpath(folder, new))
    os.makedirs(to, exist_ok=True)
    for name in files:
        source, target = os.path.join(folder, name), os.path.join(to, name)
        if not os.path.exists(target) or not filecmp.cmp(source, target, shallow=False):
            shutil.copy(source, target)
shutil.rmtree(new)
P
echo "-- building an operator without fencing"
(cd "$copy/src" && cmake --preset release > /dev/null && cmake --build --preset release -j "$(nproc)" --target neo4j-backup-operator > /dev/null)
# With slots that are lost nothing comes to rest, so little is waited for that.
REST=20 OPERATOR_BINARY=$copy/src/build/release/bin/neo4j-backup-operator tests/chaos/run.sh "${1:-90}" "${2:-$RANDOM}" \
    --expect-violations recorded-first,one-job,one-alive
