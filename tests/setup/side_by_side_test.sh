#!/usr/bin/env bash
# Proves side_by_side.sh: order, failure, and that no step outlives its script.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
die() {
    echo "FAILED: $*" >&2
    cat "$state/out" >&2
    exit 1
}

# script TEXT: a script of steps, which runs in $state
script() { printf 'set -euo pipefail\ncd %q\n. %q\n%s\n' "$state" "$here/side_by_side.sh" "$1" > "$state/script.sh"; }
# gone FILE: until the process whose id it holds has ended
gone() {
    for _ in $(seq 100); do
        kill -0 "$(cat "$1")" 2> /dev/null || return 0
        sleep 0.1
    done
    return 1
}
appears() {
    for _ in $(seq 100); do
        [ ! -s "$1" ] || return 0
        sleep 0.1
    done
    return 1
}

script 'begin late after early sh -c "cat fact"; begin early sh -c "sleep 0.5; echo silent; echo known > fact"
await_step early; cp fact seen; finish; echo all'
bash "$state/script.sh" > "$state/out" 2>&1 || die "a step did not wait for the one it names"
[ "$(sed 's/[0-9]* s$/N s/' "$state/out" | tr '\n' '|')" = "-- early|-- early: N s|-- late|-- late: N s|all|" ] || die "it says something else"
[ -s "$state/seen" ] || die "the script did not wait for a step"

script 'begin long sh -c "echo \$\$ > pid; sleep 600"; begin wrong sh -c "until [ -s pid ]; do sleep 0.1; done; echo because; exit 3"
begin never after wrong touch never; finish; echo all'
! timeout 30 bash "$state/script.sh" > "$state/out" 2>&1 || die "a failed step went unnoticed"
grep -q '^FAILED: wrong$' "$state/out" || die "the failure is not named"
grep -q '^because$' "$state/out" || die "the failure is not explained"
! grep -q '^all$' "$state/out" || die "the script went on"
! kill -0 "$(cat "$state/pid")" 2> /dev/null || die "a step outlives the failure of another"
[ ! -e "$state/never" ] || die "a step ran whose condition failed"

for signal in INT TERM KILL; do
    rm -f "$state/pid"
    script 'sleep 600 & guard_process $!; echo $! > guarded; begin long sh -c "sleep 600 & echo \$! > pid; wait"; finish'
    # Job control, since a background process of a plain script ignores SIGINT.
    set -m
    bash "$state/script.sh" > "$state/out" 2>&1 &
    set +m
    script=$!
    disown # so that this shell does not report how it ended
    appears "$state/pid" || die "the step does not start"
    kill -$signal $script
    gone "$state/pid" || die "a step outlives SIG$signal"
    gone "$state/guarded" || die "a guarded process outlives SIG$signal"
done
