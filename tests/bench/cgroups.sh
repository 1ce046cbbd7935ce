#!/usr/bin/env bash
# Sourced by the benchmarks: cgroups (v1 or v2) with a memory limit, page cache and all, as a kubelet sets them.
cgroup_root=/sys/fs/cgroup
cgroup_file=memory.max
if [ -d /sys/fs/cgroup/memory ]; then
    cgroup_root=/sys/fs/cgroup/memory
    cgroup_file=memory.limit_in_bytes
fi
cgroups=()

# make_cgroup MIB: its directory is in $cgroup; fails where none can be made
make_cgroup() {
    [ -w "$cgroup_root" ] || return 1
    cgroup=$cgroup_root/n4b-bench-$$-$1
    if [ ! -d "$cgroup" ]; then
        mkdir "$cgroup"
        echo $(($1 << 20)) > "$cgroup/$cgroup_file"
        cgroups+=("$cgroup")
    fi
}

remove_cgroups() {
    local each
    for each in "${cgroups[@]}"; do rmdir "$each"; done
}
