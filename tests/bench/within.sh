#!/usr/bin/env bash
# within.sh CGROUP COMMAND...: runs the command in a cgroup
echo $$ > "$1/cgroup.procs"
shift
exec "$@"
