#!/usr/bin/env bash
# Builds etcd and kube-apiserver from Go modules, for `npm run bench -- cluster`, in one folder outside the checkout, and prints it. A second run has nothing
# to do. The first one takes minutes of two cores. k8s.io/kubernetes names its own parts by v0.0.0; go.mod replaces them by the released modules.
set -euo pipefail
cd "$(dirname "$0")"
dir="${CLIPN_CLUSTER:-${XDG_CACHE_HOME:-$HOME/.cache}/clipn-gate/cluster-$(cat go.mod go.sum build.sh | sha256sum | cut -c1-12)}"
if [ ! -e "$dir/.whole" ]; then
  mkdir -p "$dir/modules"
  cp go.mod go.sum "$dir/modules/"
  export CGO_ENABLED=0 GOFLAGS="-mod=mod -trimpath -gcflags=all=-dwarf=false ${GOFLAGS:-}"
  # the server says its version to helm, which compares it with the chart's kubeVersion
  version=$(sed -n 's/.*k8s.io\/kubernetes \(v[0-9.]*\).*/\1/p' go.mod)
  IFS=. read -r major minor _ <<<"${version#v}"
  at=k8s.io/component-base/version
  go -C "$dir/modules" build -ldflags=-w -o "$dir/etcd" go.etcd.io/etcd/server/v3 >&2
  go -C "$dir/modules" build -ldflags="-w -X $at.gitVersion=$version -X $at.gitMajor=$major -X $at.gitMinor=$minor" -o "$dir/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver >&2
  touch "$dir/.whole"
fi
echo "$dir"
