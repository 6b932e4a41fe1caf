#!/usr/bin/env bash
# The default bundle's larger sibling on one GPU, in one go: photographs, a teacher's labels, both stages of training, export, evaluation.
#
#   models/gpu.sh DATA WORK OUT [further options of make-default]
#
# DATA holds tiny-imagenet-200/, cifar100/, caltech101/, flickr8k/ and the teacher, tf2_mobilenet_v2_1.0_224_ptq.tflite;
# folders below DATA/far/ (textures, ...) are photographs unlike anything in training, for the evaluation only.
# An interrupted run goes on from WORK. PYTHON names an interpreter with models[teacher] installed.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
data=$(realpath "$1") work=$(realpath -m "$2") out=$(realpath -m "$3")
shift 3
python=${PYTHON:-python3}
cd "$(dirname "$0")"

"$python" -c 'import sys, torch
torch.cuda.is_available() or sys.exit("PyTorch finds no CUDA device here; on a CPU: python -m clipn_models make-default")
print(torch.cuda.get_device_name(), "with PyTorch", torch.__version__)'

far=()
for folder in "$data"/far/*/; do [ -d "$folder" ] && far+=("${folder%/}"); done

mkdir -p "$work"
time "$python" -m clipn_models make-default --preset gpu --work "$work" --out "$out" --name clipn-small \
  --tiny-imagenet "$data/tiny-imagenet-200" --cifar100 "$data/cifar100" --caltech101 "$data/caltech101" --flickr8k "$data/flickr8k" \
  --teacher "$data/tf2_mobilenet_v2_1.0_224_ptq.tflite" ${far[@]+--far "${far[@]}"} "$@" 2>&1 | tee -a "$work/gpu.log"
