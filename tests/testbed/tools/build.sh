#!/usr/bin/env bash
# Builds the Go tools from one module, so that what they share is compiled once: kube-apiserver, kube-controller-manager,
# kube-scheduler, kubelet and kube-proxy as one binary, kubectl, CoreDNS, Helm and kubeconform.
#   build.sh OUTPUT_DIRECTORY
set -euo pipefail
out=$(realpath -m "${1:?usage: build.sh OUTPUT_DIRECTORY}")
cd "$(dirname "$0")"
# version MODULE: as go.mod pins it
version() { awk -v m="$1" '$1 == m && $2 ~ /^v/ {print $2; exit}' go.mod; }
kubernetes=$(version k8s.io/kubernetes)
minor=${kubernetes#v1.}
minor=${minor%%.*}
flags="-s -w -X helm.sh/helm/v3/internal/version.version=$(version helm.sh/helm/v3)"
for package in k8s.io/component-base k8s.io/client-go/pkg; do
    flags+=" -X $package/version.gitVersion=$kubernetes -X $package/version.gitMajor=1 -X $package/version.gitMinor=$minor"
done
# Helm's defaults for rendering and linting without a cluster.
for package in chartutil lint/rules; do
    flags+=" -X helm.sh/helm/v3/pkg/$package.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/$package.k8sVersionMinor=$minor"
done
mkdir -p "$out"
# -mod=readonly: go.mod and go.sum alone say what is built. Nobody debugs these tools, so the compiler writes no debug
# information, which saves time and a gigabyte of cache.
GOTOOLCHAIN=local GOFLAGS='' GOWORK=off CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false -gcflags=all=-dwarf=false \
    -ldflags="$flags" -o "$out/" ./hyperkube ./coredns k8s.io/kubernetes/cmd/kubectl helm.sh/helm/v3/cmd/helm \
    github.com/yannh/kubeconform/cmd/kubeconform
for component in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy; do
    ln -sf hyperkube "$out/$component"
done
