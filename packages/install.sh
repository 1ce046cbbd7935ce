#!/usr/bin/env bash
# Installs the packages of the sections named that are not there yet: packages/install.sh build lint
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
missing=()
for section in "$@"; do
    while read -r package; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep 'ok installed' > /dev/null || missing+=("$package")
    done < <(awk -v s="$section" '$1 == s {print $2}' "$here/debian.txt")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "these Debian packages are missing and only root can install them: ${missing[*]}" >&2
    exit 1
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
