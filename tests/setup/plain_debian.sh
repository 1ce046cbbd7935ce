#!/usr/bin/env bash
# Proves the set-up on a plain machine: in a fresh minimal Debian bookworm where nothing is installed but make, it installs the
# packages, fetches Go, builds every tool and the release, fetches the servers, makes all images and tests the chart. Kubernetes is
# not started there. Needs root. Caches of downloads and compilers are this machine's, and so is where packages come from.
#   tests/setup/plain_debian.sh [--if-changed] [--unit]: only if the files of the set-up changed since it last passed; unit tests too
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=tests/testbed/env.sh
. tests/testbed/env.sh
# What the outcome hangs on. Sources of C++ are none of it: that they compile is the build's own matter.
setup_files=(.ci .dockerignore CMakeLists.txt CMakePresets.json Dockerfile Makefile cmake packages tests/chart tests/e2e/setup.sh
    tests/servers/fetch.sh tests/servers/Neo4jServer.java tests/servers/OngdbServer.java tests/setup tests/testbed)
passed=$CACHE/plain-debian-passed
state=$(git ls-files --cached --others --exclude-standard -- "${setup_files[@]}" | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1)
targets=(build test-chart)
only_if_changed=
for option in "$@"; do
    case $option in
    --if-changed) only_if_changed=yes ;;
    --unit) targets+=(test-unit) ;;
    *) echo "usage: plain_debian.sh [--if-changed] [--unit]" >&2; exit 2 ;;
    esac
done
if [ -n "$only_if_changed" ] && [ "$(cat "$passed" 2> /dev/null)" = "$state" ]; then
    echo "-- skipped: the files of the set-up are those that it last passed with on a plain Debian"
    exit 0
fi
packages/install.sh testbed
tests/testbed/images.sh base
exec 9> "$CACHE/plain-debian.lock"
flock 9
# Mounts and processes of the tree are in namespaces of their own, which end with the command: nothing in the tree belongs to the
# machine when it is removed. The guard ends the command even when this script is killed, and the next run removes the tree.
# shellcheck source=tests/setup/side_by_side.sh
. tests/setup/side_by_side.sh
tree=$CACHE/plain-debian
trap 'end_steps; rm -rf "$tree"' EXIT
rm -rf "$tree"
mkdir "$tree"
tar -x -C "$tree" -f "$CACHE/images/debian.tar"
# The tree is thrown away, so nothing in it need survive a loss of power.
echo force-unsafe-io > "$tree/etc/dpkg/dpkg.cfg.d/fast"

# The tree reaches package registries as this machine does.
rm -rf "$tree/etc/apt"
cp -rL /etc/apt "$tree/etc/"
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
    [ ! -e "$file" ] || cp -L "$file" "$tree$file"
done
mkdir -p "$tree/usr/local/share/ca-certificates" "$tree/root/.m2"
cp -rL /usr/local/share/ca-certificates/. "$tree/usr/local/share/ca-certificates/" 2> /dev/null || true
for settings in ~/.m2/settings.xml /etc/maven/settings.xml; do
    [ ! -f "$settings" ] || { cp "$settings" "$tree/root/.m2/settings.xml"; break; }
done
environment=(HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive)
while IFS= read -r variable; do
    environment+=("$variable")
done < <(env | grep -E '^([A-Za-z]+_proxy|[A-Z]+_PROXY|GOPROXY|GONOPROXY|GOPRIVATE|GOSUMDB|GONOSUMDB|GOAUTH|PIP_[A-Z_]+|MAVEN_OPTS|[A-Z_]*CA_BUNDLE|SSL_CERT_FILE)=')

# A checkout as it is now, with what is not committed.
mkdir "$tree/src"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    [ ! -e "$file" ] || printf '%s\0' "$file"
done | tar -c --null -T - | tar -x -C "$tree/src"

# cached DIRECTORY PATH: a cache of this machine, in the tree as PATH
mounts=()
cached() {
    mkdir -p "$1" "$tree$2"
    mounts+=("$1" "$tree$2")
}
user_cache=${XDG_CACHE_HOME:-$HOME/.cache}
cached "$(go env GOCACHE 2> /dev/null || echo "$user_cache/go-build")" /root/.cache/go-build
cached "$(go env GOMODCACHE 2> /dev/null || echo "$HOME/go/pkg/mod")" /root/go/pkg/mod
cached "$(ccache --get-config cache_dir 2> /dev/null || echo "$user_cache/ccache")" /root/.cache/ccache
cached "$user_cache/pip" /root/.cache/pip
cached "$HOME/.m2/repository" /root/.m2/repository

cat > "$tree/root/mount.sh" <<'M'
set -euo pipefail
tree=$1
shift
# buildah changes how / is mounted, which needs a / that is a mount.
mount --bind "$tree" "$tree"
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
mount --rbind -o ro /sys "$tree/sys"
while [ "$1" != -- ]; do
    mount --bind "$1" "$2"
    shift 2
done
shift
exec chroot "$tree" "$@"
M
cat > "$tree/root/set_up.sh" <<'S'
set -euo pipefail
cd /src
update-ca-certificates > /dev/null 2>&1
apt-get update -qq
apt-get install -y -qq --no-install-recommends make > /dev/null 2>&1
make "$@" images
tests/testbed/images.sh pause neo4j ongdb
. tests/testbed/env.sh
[ "$(command -v kubectl)" = "$BIN/kubectl" ]
kubectl version --client | grep -x "Client Version: $(kube-apiserver --version | cut -d' ' -f2)" > /dev/null
S
in_tree() { # COMMAND...
    unshare --mount --pid --fork --kill-child bash "$tree/root/mount.sh" "$tree" "${mounts[@]}" -- env -i "${environment[@]}" "$@" 9>&- &
    guard_process $!
    wait $!
}
timed "the set-up in a plain Debian" in_tree bash /root/set_up.sh "${targets[@]}"
echo "$state" > "$passed"
