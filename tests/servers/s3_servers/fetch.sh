#!/usr/bin/env bash
# Puts MinIO and versitygw into the cache and prints the directory. Separate processes in tests only. Needs what
# `packages/install.sh servers` installs; three minutes when the cache is empty. Idempotent; they appear under their name only when
# both are there, and the name says which sources they were built from.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/../../testbed/env.sh"
mkdir -p "$CACHE"
sources=$(cd "$here" && cat build.sh go.mod go.sum | sha256sum | cut -c1-12)
servers=$CACHE/s3-servers-$sources
exec 9> "$CACHE/s3-servers.lock"
flock 9
if [ ! -d "$servers" ]; then
    {
        "$here/../../testbed/go.sh"
        timed "building MinIO and versitygw (minutes, once)" "$here/build.sh" "$servers.new"
    } >&2
    mv "$servers.new" "$servers"
fi
echo "$servers"
