#!/usr/bin/env bash
# Puts MinIO, versitygw and rclone into the cache and prints the directory. Separate processes in tests only. Needs what
# `packages/install.sh servers` installs; three minutes when the cache is empty. Idempotent; they appear under their name only when
# all are there, and the name says which sources they come from.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/../../testbed/env.sh"
mkdir -p "$CACHE"
sources=$(cd "$here" && cat ../rclone.sh build.sh fetch.sh go.mod go.sum | sha256sum | cut -c1-12)
servers=$CACHE/s3-servers-$sources
exec 9> "$CACHE/s3-servers.lock"
flock 9
if [ ! -d "$servers" ]; then
    {
        "$here/../../testbed/go.sh"
        timed "building MinIO and versitygw (minutes, once)" "$here/build.sh" "$servers.new"
        cp "$("$here/../rclone.sh")" "$servers.new/rclone"
    } >&2
    mv "$servers.new" "$servers"
fi
echo "$servers"
