#!/usr/bin/env bash
# Sourced by the server tests: the steps they are made of. The caller sets STATE, a directory of its own.
: "${STATE:?}"
step() { echo "-- $* ($SECONDS s)"; }
die() {
    echo "FAILED: $*" >&2
    exit 1
}

# expect CODE REASON COMMAND...: the runner ends with that code and names that reason
expect() {
    local code=$1 reason=$2 got=0
    shift 2
    "$@" > "$STATE/out" 2> "$STATE/err" || got=$?
    if [ "$got" != "$code" ] || ! grep -q "error: $reason: " "$STATE/err"; then
        cat "$STATE/out" "$STATE/err" >&2
        die "expected exit $code and $reason, got exit $got"
    fi
    sed 's/^/   /' "$STATE/err"
}

# chain_of REPORT: the chain that a RunReport names
chain_of() { sed -n 's/.*"chain":"\([^"]*\)".*/\1/p' "$1"; }
