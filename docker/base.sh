#!/usr/bin/env bash
# Makes the base images of the Dockerfiles on a machine that reaches no registry of images: Debian by debootstrap, Node.js from npm's
# package `node`, Python from Debian. They get the names that the Dockerfiles use. For tests; images for others are built on the official bases.
#
#   docker/base.sh node|python...
#
# Needs root, buildah and debootstrap. BUILDAH is the command, with its options for storage; MIRROR is the Debian mirror.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
read -ra buildah <<<"${BUILDAH:-buildah --storage-driver vfs}"
argument() { sed -n "s/^ARG $1=//p" "$2"; }
mirror=${MIRROR:-$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | sed -n 1p || true)}

work=$(mktemp -d "${TMPDIR:-/var/tmp}/clipn-base-XXXXXX")
trap 'rm -rf "$work"' EXIT

# NAME PACKAGES: debootstrap's system without its lists and caches, in $work/NAME
system() {
  debootstrap --variant=minbase ${2:+--include="$2"} trixie "$work/$1" "$mirror" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
  rm -rf "$work/$1"/var/lib/apt/lists/* "$work/$1"/var/cache/apt/archives/*.deb
}
# NAME TAG: the folder $work/NAME as an image of one layer
commit() {
  local container
  container=$("${buildah[@]}" from scratch)
  "${buildah[@]}" copy --quiet "$container" "$work/$1" / >/dev/null
  "${buildah[@]}" config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd /bin/bash "$container"
  "${buildah[@]}" commit --quiet --rm "$container" "docker.io/library/$2" >/dev/null
  rm -rf "${work:?}/$1"
  echo "$2"
}

for base; do
  case "$base" in
    node)
      version=$(argument NODE_VERSION docker/Dockerfile)
      # what the official image has beside minbase, because its programs are linked with it
      system node libatomic1,libstdc++6
      # npm's package `node` fetches the program in its install script; `npm` is where the official image has it
      npm install --silent --no-audit --no-fund --ignore-scripts=false --prefix "$work/modules" "node@$version"
      install -D -m 755 "$(find -L "$work/modules/node_modules" -path '*/bin/node' -type f | head -n 1)" "$work/node/usr/local/bin/node"
      npm install --silent --no-audit --no-fund --global --prefix "$work/node/usr/local" npm
      mkdir -p "$work/node/usr/local/lib"
      commit node "node:$version-trixie-slim"
      ;;
    python)
      version=$(argument PYTHON_VERSION docker/Dockerfile.models)
      system python python3-pip,python3-venv
      [ -x "$work/python/usr/bin/python$version" ] || { echo "Debian's Python is not $version" >&2; exit 1; }
      # the official image has its own Python, into which pip may install
      rm -f "$work/python/usr/lib/python$version/EXTERNALLY-MANAGED"
      ln -s /usr/bin/python3 "$work/python/usr/local/bin/python"
      commit python "python:$version-slim-trixie"
      ;;
    *) echo "docker/base.sh makes node and python, and not $base" >&2; exit 2 ;;
  esac
done
