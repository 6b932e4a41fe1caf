#!/usr/bin/env bash
# Everything that is to be measured on a GPU, in one run and one file of JSON: see gpu/index.ts.
#
#   test/bench/gpu.sh [--dry-run] [options of the bench, such as --device cuda:0,tensorrt:0,webgpu:0 --minutes 25 --out gpu.json]
#
# VIT names a bundle of ViT-B/16's shape. Without it the bundle is made with CLIPN_PYTHON, a Python with the packages of models/.
# GPU_SITE names site-packages, separated by colons, that have NVIDIA's libraries (of a PyTorch for CUDA) or onnxruntime-gpu; what is missing
# comes from PyPI into GPU_LIBRARIES (gpu-libraries). TENSORRT=0 leaves TensorRT out. --dry-run does all of it on the CPU, without libraries.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/../.."
[ -d node_modules ] || npm ci
[ -f dist/cli/main.js ] || npm run --silent build
bench() { node --import tsx test/bench/main.ts gpu "$@"; }
case " $* " in *" --dry-run "*) bench "$@"; exit ;; esac
into=${GPU_LIBRARIES:-gpu-libraries}
sites=() devices=cuda:0,webgpu:0
IFS=: read -ra given <<<"${GPU_SITE:-}"
for site in "${given[@]}"; do sites+=(--site "$site"); done
[ "${TENSORRT:-1}" = 1 ] || sites+=(--no-tensorrt)
eval "$(node --import tsx scripts/gpu/assemble.ts --into "$into" "${sites[@]}")"
[ "$GPU_TENSORRT" = 0 ] || devices=cuda:0,tensorrt:0,webgpu:0
nvidia-smi --query-gpu=index,name,memory.total,driver_version --format=csv
if [ -z "${VIT:-}" ] && [ -n "${CLIPN_PYTHON:-}" ]; then
  VIT=$PWD/$into/vit
  if [ ! -f "$VIT/bundle.json" ]; then
    (cd models && "$CLIPN_PYTHON" -m clipn_models bench --write-bundle "$VIT" && "$CLIPN_PYTHON" -m clipn_models optimise --bundle "$VIT" --precisions fp16)
  fi
fi
case " $* " in *" --device "*) ;; *) set -- --device "$devices" "$@" ;; esac
bench ${VIT:+--vit "$VIT"} "$@"
