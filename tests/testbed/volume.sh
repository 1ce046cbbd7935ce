#!/usr/bin/env bash
# volume.sh NAME SIZE [tiny]: a local volume as a fresh disk is, empty, root-owned and 0755; `tiny` makes it a file system
# of its own of that size (bytes, k or m), to fill up. An existing one of that name is emptied. Claims of the access mode MODE
# may have it; without, those of ReadWriteOnce and ReadWriteMany.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/env.sh"
name=${1:?usage: volume.sh NAME SIZE [tiny]} size=${2:?} kind=${3:-}
path=$TB/volumes/$name
modes=ReadWriteOnce,ReadWriteMany
[ "${MODE:-}" != ReadWriteOncePod ] || modes=$MODE # which allows no other beside it
kubectl delete pv "$name" --ignore-not-found --wait=false > /dev/null
umount -l "$path" 2> /dev/null || true
rm -rf "$path"
mkdir -p "$path"
[ "$kind" != tiny ] || mount -t tmpfs -o "size=$size,mode=0755" tmpfs "$path"
chmod 0755 "$path"
for _ in $(seq 50); do kubectl get pv "$name" > /dev/null 2>&1 || break; sleep 0.2; done
kubectl apply -f - > /dev/null <<Y
apiVersion: v1
kind: PersistentVolume
metadata: {name: $name}
spec:
  capacity: {storage: 1Gi}
  accessModes: [$modes]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: local
  local: {path: $path}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node1]}]}]}}
  claimRef: {namespace: ${N4B_NAMESPACE:-db}, name: $name}
Y
