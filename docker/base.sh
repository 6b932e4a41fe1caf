#!/usr/bin/env bash
# Makes the base images of the Dockerfiles on a machine that reaches no registry of images: Debian by mmdebstrap, Node.js from npm's
# package `node`, Python from Debian. They get the names that the Dockerfiles use. For tests; images for others are built on the official bases.
#
#   docker/base.sh node|python...
#
# Needs root, buildah and mmdebstrap (half the time of debootstrap). BUILDAH is the command, with its options for storage; MIRROR is the Debian
# mirror; NODE_PROGRAM is a `node` of the right version, instead of npm's package.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
read -ra buildah <<<"${BUILDAH:-buildah --storage-driver vfs}"
argument() { sed -n "s/^ARG $1=//p" "$2"; }
mirror=${MIRROR:-$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | sed -n 1p || true)}

work=$(mktemp -d "${TMPDIR:-/var/tmp}/clipn-base-XXXXXX")
container=
trap 'rm -rf "$work"; [ -z "$container" ] || "${buildah[@]}" rm "$container" >/dev/null 2>&1 || true' EXIT

# PACKAGES: an image from nothing with Debian's smallest system, without its lists and caches; its root is $root
system() {
  container=$("${buildah[@]}" from scratch)
  root=$("${buildah[@]}" mount "$container")
  mmdebstrap --mode=root --variant=minbase ${1:+--include="$1"} trixie "$root" "$mirror" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb
}
# TAG: the root as an image of one layer
commit() {
  "${buildah[@]}" umount "$container" >/dev/null
  "${buildah[@]}" config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd /bin/bash "$container"
  "${buildah[@]}" commit --quiet --rm "$container" "docker.io/library/$1" >/dev/null
  echo "$1"
}

for base; do
  case "$base" in
    node)
      version=$(argument NODE_VERSION docker/Dockerfile)
      # what the official image has beside minbase, because its programs are linked with it
      system libatomic1,libstdc++6
      node=${NODE_PROGRAM:-}
      if [ -z "$node" ]; then
        # npm's package `node` fetches the program in its install script
        npm install --silent --no-audit --no-fund --ignore-scripts=false --prefix "$work/modules" "node@$version"
        node=$(find -L "$work/modules/node_modules" -path '*/bin/node' -type f | head -n 1)
      fi
      case "$("$node" --version)" in "v$version".*) ;; *) echo "$node is not Node.js $version" >&2; exit 1 ;; esac
      install -D -m 755 "$node" "$root/usr/local/bin/node"
      # npm of this machine, where the official image has its own; from the registry where the command here is not npm itself
      npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
      if [ -f "$npm/bin/npm-cli.js" ]; then
        mkdir -p "$root/usr/local/lib/node_modules"
        cp -RL "$npm" "$root/usr/local/lib/node_modules/npm"
        for command in npm npx; do ln -s "../lib/node_modules/npm/bin/$command-cli.js" "$root/usr/local/bin/$command"; done
      else
        npm install --silent --no-audit --no-fund --global --prefix "$root/usr/local" npm
      fi
      mkdir -p "$root/usr/local/lib"
      commit "node:$version-trixie-slim"
      ;;
    python)
      version=$(argument PYTHON_VERSION docker/Dockerfile.models)
      system python3-pip,python3-venv
      [ -x "$root/usr/bin/python$version" ] || { echo "Debian's Python is not $version" >&2; exit 1; }
      # the official image has its own Python, into which pip may install
      rm -f "$root/usr/lib/python$version/EXTERNALLY-MANAGED"
      ln -s /usr/bin/python3 "$root/usr/local/bin/python"
      commit "python:$version-slim-trixie"
      ;;
    *) echo "docker/base.sh makes node and python, and not $base" >&2; exit 2 ;;
  esac
done
