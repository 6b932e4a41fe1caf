#!/usr/bin/env bash
# Everything that is to be checked on a GPU, in one go: golden check on the device, verdicts against the CPU within 2e-3, images/s of the raw
# session and of the whole service, share of the fp16 peak, memory, two engines.
#
#   test/bench/gpu.sh [DEVICE...]        cuda:0 where nothing is named; also tensorrt:0, webgpu:0; cpu is a dry run
#
# BUNDLE names the bundle (a folder), else the embedded one. PEAK_TFLOPS is the card's dense fp16 peak where the script does not know it.
# SECONDS_PER_PHASE, 10 by default. Results go to gpu-DEVICE.json as well.
# CUDA and TensorRT want CUDA 12 with cuDNN 9 (and TensorRT 10); their provider library is fetched by onnxruntime-node's own script when missing.
set -euo pipefail
case "${1:-}" in -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- cuda:0
[ -d node_modules ] || npm ci
ort=node_modules/onnxruntime-node
case " $* " in *" cuda"* | *" tensorrt"*)
  ls $ort/bin/napi-v*/linux/x64/libonnxruntime_providers_cuda.so >/dev/null 2>&1 ||
    node $ort/script/install.js --onnxruntime-node-install=cuda12
  nvidia-smi --query-gpu=index,name,memory.total,driver_version --format=csv
  ;;
esac
npm run --silent build
failed=0
for device; do
  echo "== $device"
  node --import tsx test/bench/main.ts device --device "$device" --seconds "${SECONDS_PER_PHASE:-10}" \
    ${BUNDLE:+--bundle "$BUNDLE"} --json "gpu-${device//[^a-z0-9]/-}.json" || failed=1
done
exit $failed
