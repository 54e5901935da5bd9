#!/usr/bin/env bash
# scalesim 3.0.0 (SCALE-Sim v3): installed with the numpy that pip takes, 2.4.6, it ends every simulation in a TypeError.
#
# Guess: a simulator that pip installs without a complaint simulates, if not on the newest Python then on the newest
# numpy that it asked for: it asks for numpy without a bound.
# What happens: it reads the layer and begins, then read_buffer.py makes a whole number of an array of one element,
# which numpy has warned of since 1.25 and refuses in 2.4. With numpy 2.2.6 the same three files give a report.
# Why it matters: comparisons with SCALE-Sim need numpy pinned beside it; nothing in its installation says so.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
cat >layer.csv <<'LAYER'
Layer,M,N,K,Sparsity,
small,16,1,16,1:1,
LAYER
cat >layout.csv <<'LAYOUT'
Layer,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,
small,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,
LAYOUT
cat >array.cfg <<'ARRAY'
[general]
run_name = small
[architecture_presets]
ArrayHeight = 8
ArrayWidth = 8
IfmapSramSzkB = 64
FilterSramSzkB = 64
OfmapSramSzkB = 64
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Bandwidth = 64
Dataflow = ws
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
FilterCustomLayout = False
IfmapSRAMBankBandwidth = 64
IfmapSRAMBankNum = 1
IfmapSRAMBankPort = 2
FilterSRAMBankBandwidth = 64
FilterSRAMBankNum = 1
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
SparseRep = ellpack_block
OptimizedMapping = false
BlockSize = 8
RandomNumberGeneratorSeed = 40
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
ARRAY
declare -A seen
for numpy in 2.4.6 2.2.6; do
    venv/bin/pip install --quiet scalesim==3.0.0 "numpy==$numpy"
    status=0
    venv/bin/python -m scalesim.scale -t layer.csv -l layout.csv -c array.cfg -p "out-$numpy" -i gemm -s N >log 2>&1 || status=$?
    seen[$numpy]="status $status: $(grep -E 'TypeError|Total cycles|Compute cycles' log | head -1)"
    echo "numpy $numpy: ${seen[$numpy]}"
done
[[ ${seen[2.4.6]} == "status 1: TypeError: only 0-dimensional arrays"* && ${seen[2.2.6]} == "status 0: "*ycles* ]] ||
    { tail -5 log; echo "the behaviour has changed"; exit 1; }
