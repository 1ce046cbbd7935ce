#!/usr/bin/env bash
# The difference between two directories of manifests, as KUBECTL_EXTERNAL_DIFF of `kubectl diff`, without what an operator at
# work may write between the two reads that kubectl compares: the status, and with it the resourceVersion.
#   diff_wanted.sh BEFORE AFTER
set -euo pipefail
for file in "$1"/* "$2"/*; do sed -i -e '/^status:/,$d' -e '/^  resourceVersion:/d' "$file"; done
diff -u -N "$1" "$2"
