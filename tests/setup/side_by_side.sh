#!/usr/bin/env bash
# Sourced: steps that run side by side. Each says when it begins and how long it took. Whatever else it prints shows only when
# it fails, which ends the other steps and the script. However the script ends, by SIGKILL too, its steps end with it.
#   begin NAME [after STEP]... COMMAND...: starts a step, which waits until the steps that it names are done
#   await_step NAME: until that step is done
#   finish: until all steps are done
#   guard_process ID: a process that must not outlive the script either
# The script has this file's traps; one that sets a trap for EXIT itself calls end_steps there.
steps_state=$(mktemp -d)
declare -A steps_running=() # process id -> name

# The guard waits until the script has ended or asks for it, and then ends what *.target names: each step's process group (job
# control gives each its own), and single processes. It asks for the script's process, since the end of a pipe would be seen only
# when every process that inherited it has ended.
set -m
(
    set +m +e
    trap '' INT TERM HUP
    while [ ! -e "$steps_state/end" ] && kill -0 $$ 2> /dev/null; do sleep 0.2; done
    # Five seconds to end by themselves; a signal that finds nobody says that a target has ended.
    for signal in TERM $(printf '0 %.0s' {1..50}) KILL; do
        for file in "$steps_state"/*.target; do
            [ ! -f "$file" ] || kill -"$signal" -- "$(cat "$file")" 2> /dev/null || rm -f "$file"
        done
        ls "$steps_state"/*.target > /dev/null 2>&1 || break
        sleep 0.1
    done
    rm -rf "$steps_state"
) < /dev/null &
set +m
steps_guard=$!

guard_process() { echo "$1" > "$steps_state/$1.target"; }

# end_steps: ends what still runs, and returns when it has ended
end_steps() {
    [ -d "$steps_state" ] || return 0
    touch "$steps_state/end"
    wait "$steps_guard" 2> /dev/null || true
}
trap end_steps EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

begin() {
    local name=$1 after=()
    shift
    while [ "$1" = after ]; do
        after+=("$2")
        shift 2
    done
    set -m
    (
        set +m
        trap - EXIT HUP INT TERM
        echo "-$BASHPID" > "$steps_state/$name.target"
        for step in "${after[@]}"; do
            until [ -e "$steps_state/$step.done" ]; do sleep 0.2; done
        done
        start=$SECONDS
        echo "-- $name"
        "$@" > "$steps_state/$name.log" 2>&1
        echo "-- $name: $((SECONDS - start)) s"
        touch "$steps_state/$name.done"
        rm "$steps_state/$name.target"
    ) < /dev/null &
    steps_running[$!]=$name
    set +m
}

# next_step: until one of the steps has ended
next_step() {
    local id code=0 name
    wait -n -p id "${!steps_running[@]}" || code=$?
    name=${steps_running[$id]}
    unset "steps_running[$id]"
    [ "$code" != 0 ] || return 0
    echo "FAILED: $name" >&2
    cat "$steps_state/$name.log" >&2
    exit 1
}
await_step() { while [ ! -e "$steps_state/$1.done" ]; do next_step; done; }
finish() { while [ ${#steps_running[@]} -gt 0 ]; do next_step; done; }
