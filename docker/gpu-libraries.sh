#!/bin/sh
# Installs NVIDIA's libraries and ONNX Runtime's provider for CUDA from PyPI, of the version of ONNX Runtime that the service has.
#
#   docker/gpu-libraries.sh PACKAGE-LOCK.JSON TARGET
#
# The wheels name the major version of CUDA that they are built for; docs/scaling.md says which.
set -eu
[ $# -ge 2 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
version=$(sed -n '\#"node_modules/onnxruntime-node"#,/"version"/s/.*"version": "\([^"]*\)".*/\1/p' "$1")
[ -n "$version" ] || { echo "$1 has no onnxruntime-node" >&2; exit 1; }
pip install --no-compile --target "$2" "onnxruntime-gpu[cuda,cudnn]==$version"
# headers are not used at run time
find "$2/nvidia" -type d -name include -prune -exec rm -rf {} +
