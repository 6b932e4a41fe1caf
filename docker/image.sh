#!/usr/bin/env bash
# Builds one image, with the version, the commit and the time of the commit as labels, and prints its name and digest.
#
#   docker/image.sh [Dockerfile|Dockerfile.gpu|Dockerfile.models] [NAME]
#   docker/image.sh --builder      only names the program that would build
#
# Takes docker if an engine answers it, else podman or buildah. BUILDAH names a command of buildah with its options instead, for machines without
# namespaces, and BUILDAH_BUILD options of its build (.ci/image has both). CONTEXT is the checkout to build, this one by default.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -n "${BUILDAH:-}" ]; then read -ra builder <<<"$BUILDAH"
elif docker version >/dev/null 2>&1; then builder=(docker)
elif command -v podman >/dev/null; then builder=(podman)
elif command -v buildah >/dev/null; then builder=(buildah)
elif command -v docker >/dev/null; then
  echo "No engine answers the command docker (docker version says more). Start one, or install podman or buildah." >&2; exit 1
else echo "Building images needs docker, podman or buildah." >&2; exit 1; fi

file=${1:-Dockerfile}
[ "$file" != --builder ] || { echo "${builder[0]}"; exit; }
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
case "$file" in
  Dockerfile) default=clipn-gate:$version ;;
  Dockerfile.gpu) default=clipn-gate:$version-gpu ;;
  Dockerfile.models) default=clipn-models:$version ;;
  *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
name=${2:-$default}
context=${CONTEXT:-.}
commit=$(git rev-parse HEAD)
[ -z "$(git status --porcelain)" ] || commit=$commit-dirty
labels=(--label "org.opencontainers.image.version=$version" --label "org.opencontainers.image.revision=$commit"
  --label "org.opencontainers.image.created=$(git log -1 --format=%cI)")

case "${builder[0]}" in
  *buildah)
    # docker's format, because OCI's has no health check
    read -ra more <<<"${BUILDAH_BUILD:-}"
    "${builder[@]}" bud --quiet --format docker --layers=false "${more[@]}" "${labels[@]}" --file "$context/docker/$file" --tag "$name" "$context" >/dev/null
    echo "$name $("${builder[@]}" inspect --type image --format '{{.FromImageDigest}}' "$name")"
    ;;
  *)
    "${builder[@]}" build --quiet "${labels[@]}" --file "$context/docker/$file" --tag "$name" "$context" >/dev/null
    echo "$name $("${builder[@]}" image inspect --format '{{.Id}}' "$name")"
    ;;
esac
