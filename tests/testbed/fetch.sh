#!/usr/bin/env bash
# Everything the testbed needs, installed or built once into the cache: packages, Go tools, Neo4j. Idempotent.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/../../packages/install.sh" testbed servers
# shellcheck source=tests/setup/side_by_side.sh
. "$here/../setup/side_by_side.sh"
begin "Go tools" "$here/tools.sh"
begin "Neo4j and its JDK" "$here/../servers/fetch.sh"
finish
