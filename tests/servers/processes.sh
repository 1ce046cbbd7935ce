#!/usr/bin/env bash
# Sourced by whatever starts servers for a test: their process ids are in pids, and stop_all ends them.
[ -n "${pids+set}" ] || pids=()
# Most servers of tests live for a minute or two. With the simple compiler alone they take half the processor time to start. Who measures
# how fast a server is, as benchmarks do, sets JVM_OPTIONS to nothing before.
# shellcheck disable=SC2034 # whoever sources this starts servers with them
read -ra jvm_options <<< "${JVM_OPTIONS--XX:TieredStopAtLevel=1 -XX:+UseSerialGC}"

# forget PID: a server that has ended; its id may become another's
forget() {
    local others=() pid
    for pid in "${pids[@]}"; do [ "$pid" = "$1" ] || others+=("$pid"); done
    pids=("${others[@]}")
}

stop_all() {
    local pid
    for pid in "${pids[@]}"; do kill -9 "$pid" 2> /dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2> /dev/null || true; done
    pids=()
}
