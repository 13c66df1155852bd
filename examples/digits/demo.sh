#!/usr/bin/env bash
# The whole way, on scikit-learn's digits: train, convert, verify, run, trace, report.
#
#   bash examples/digits/demo.sh [FOLDER]
#
# `make demo` calls this with the project's own environment (SNNC_BIN) first on the PATH.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ -z "${SNNC_BIN:-}" ] || PATH=$(cd "$SNNC_BIN" && pwd):$PATH
folder=${1:-demo}
mkdir -p "$folder"
cd "$folder"
rm -rf model.* test.npz verify.json trace.npz raster.png report.*

run() {
  printf '\n$ %s\n' "$*"
  "$@"
}

printf '\n$ python examples/digits/train.py --out .\n'
python "$here/train.py" --out .

run snnc convert model.pt --target loihi
run snnc verify model.pt model.snnc --data test.npz
run snnc run model.snnc --data test.npz --engine event
run snnc run model.snnc --data test.npz --engine dense
run snnc run model.snnc --data test.npz --engine event --code burst

if run snnc targets setup loihi; then
  run snnc verify model.pt model.loihi2 --data test.npz --limit 5
elif [[ ,${SNNC_REQUIRE:-}, == *,lava,* ]]; then
  echo "SNNC_REQUIRE names lava, but there is no Lava environment"
  exit 1
else
  printf '\nNo Lava environment (Lava 0.10.0 needs a Python 3.10): going on without it.\n'
fi

run snnc trace model.snnc --data test.npz --sample 0 --code burst -o trace.npz --plot raster.png
printf '\n$ snnc verify model.pt model.snnc --data test.npz --json > verify.json\n'
snnc verify model.pt model.snnc --data test.npz --json > verify.json
run snnc report model.snnc --data test.npz --code burst --map loihi2 --verification verify.json \
  -o report.html -o report.json -o report.csv

printf '\nIn %s: %s\n' "$folder" "$(ls | tr '\n' ' ')"
