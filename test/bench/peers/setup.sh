#!/bin/sh
# Makes the peers' own environment: sh test/bench/peers/setup.sh [DIR]. Then: CLIPN_PEERS_PYTHON=DIR/bin/python npm run bench -- peers
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/clipn-gate/peers}
python3 -m venv "$dir"
"$dir/bin/pip" install --quiet "$here/../../../models" -r "$here/requirements.txt"
echo "CLIPN_PEERS_PYTHON=$dir/bin/python"
