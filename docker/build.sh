#!/bin/sh
# Makes the content of the images from a checkout: a folder with everything that the service needs at run time, and nothing else.
#
#   docker/build.sh SOURCE TARGET [SITE]
#
# SITE is a Python's site-packages with onnxruntime-gpu and NVIDIA's libraries (docker/gpu-libraries.sh): adds the provider for CUDA (linux/x64 only).
# The Dockerfiles run this. CI, which has no Docker engine, runs it too, so that a fault is noticed.
set -eu
[ $# -ge 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
source=$(cd "$1" && pwd)
mkdir -p "$2"
target=$(cd "$2" && pwd)
cd "$source"

npm ci --no-audit --no-fund
npm run --silent build

cp package.json package-lock.json .npmrc "$target/"
node --import tsx scripts/release/write-sbom.ts "$target/sbom.cdx.json" "${COMMIT:-}"
cp -R dist proto "$target/"
mkdir -p "$target/models"
cp -R models/clipn-small models/words "$target/models/"

# The packages of development go; a second installation would fetch and unpack everything again. Links take a tenth of the time of copies, and are
# possible within one file system. npm writes into its list, so that has to be a copy.
cp -RPl node_modules "$target/" 2>/dev/null || { rm -rf "$target/node_modules" && cp -R node_modules "$target/"; }
list=node_modules/.package-lock.json
rm -f "$target/$list"
cp "$list" "$target/$list"
cd "$target"
npm prune --omit=dev --no-audit --no-fund
find node_modules -type d -empty -delete
runtime=node_modules/onnxruntime-node
if [ -n "${3:-}" ]; then
  cd "$source"
  node --import tsx scripts/gpu/assemble.ts --into "$(mktemp -d)" --site "$3" --no-tensorrt --copy --node "$target/$runtime"
  cd "$target"
fi

# binaries of other systems are four fifths of ONNX Runtime's package
here=$(node -p 'process.platform + "/" + process.arch')
for folder in "$runtime"/bin/napi-v6/*/*; do
  case "$folder" in */"$here") ;; *) rm -rf "$folder" ;; esac
done
find "$runtime/bin" -mindepth 2 -type d -empty -delete
# source maps and sources of packages are not used in a container
find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '*.md' \) -delete
find node_modules -type d \( -name test -o -name tests \) -prune -exec rm -rf {} +
# second copies of the same code, for bundlers of web pages
rm -rf node_modules/@opentelemetry/*/build/esm node_modules/@opentelemetry/*/build/esnext
rm -f package-lock.json .npmrc
