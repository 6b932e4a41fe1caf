#!/bin/sh
# Proves driver, libraries and bundle before the service starts, so that a node set up wrongly says what is wrong in one line
# instead of serving at a hundredth of its speed. CLIPN_DEVICE=cpu skips it.
set -eu
cd /app
case "${CLIPN_DEVICE:-cuda}" in
  cuda* | tensorrt*)
    fail() { echo "GPU self-test: $1" >&2; exit 1; }
    ls /dev/nvidia[0-9]* /dev/nvidia-caps >/dev/null 2>&1 || [ -e /dev/dxg ] ||
      fail "no NVIDIA device in this container; run it with --gpus all, or on Kubernetes with a limit of nvidia.com/gpu"
    providers=node_modules/onnxruntime-node/bin/napi-v6/linux/x64
    [ -e "$providers/libonnxruntime_providers_cuda.so" ] || fail "the image has no CUDA provider of ONNX Runtime"
    # a missing library is named here; onnxruntime itself only says that the provider is not there
    missing=$(LD_LIBRARY_PATH="$providers:${LD_LIBRARY_PATH:-}" ldd "$providers/libonnxruntime_providers_cuda.so" | awk '/not found/ {print $1}' | sort -u | tr '\n' ' ')
    [ -z "$missing" ] || fail "libraries are missing: $missing"
    ;;
esac
# the service's own start is the rest of the test: the golden file on the device, or it does not become ready
exec node dist/cli/main.js "$@"
