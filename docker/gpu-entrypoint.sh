#!/bin/sh
# Checks device and libraries before the service starts, so that a wrongly configured node fails with one line that names
# the fault. CLIPN_DEVICE=cpu skips the checks.
set -eu
cd /app
case "${CLIPN_DEVICE:-cuda}" in
  cuda* | tensorrt*)
    fail() { echo "GPU self-test: $1" >&2; exit 1; }
    ls /dev/nvidia[0-9]* /dev/nvidia-caps >/dev/null 2>&1 || [ -e /dev/dxg ] ||
      fail "no NVIDIA device in this container; run it with --gpus all, or on Kubernetes with a limit of nvidia.com/gpu"
    providers=node_modules/onnxruntime-node/bin/napi-v6/linux/x64
    [ -e "$providers/libonnxruntime_providers_cuda.so" ] || fail "the image has no CUDA provider of ONNX Runtime"
    # names a missing library; onnxruntime itself only reports that the provider is missing
    missing=$(LD_LIBRARY_PATH="$providers:${LD_LIBRARY_PATH:-}" ldd "$providers/libonnxruntime_providers_cuda.so" | awk '/not found/ {print $1}' | sort -u | tr '\n' ' ')
    [ -z "$missing" ] || fail "libraries are missing: $missing"
    ;;
esac
# the rest of the test is the start of the service: it becomes ready only if the device passes the golden file
exec node dist/cli/main.js "$@"
