#!/bin/sh
# Installs models/ and its packages into the Python on the PATH: the build step of Dockerfile.models.
#
#   docker/models.sh FOLDER [INDEX OF PYTORCH WHEELS]
set -eu
[ $# -ge 1 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
if [ -n "${2:-}" ]; then
  pip install --index-url "$2" 'torch>=2.8' 'torchvision>=0.21'
fi
pip install "$1"
python -m clipn_models --help >/dev/null
