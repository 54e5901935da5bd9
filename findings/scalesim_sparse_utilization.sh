#!/usr/bin/env bash
# scalesim 3.0.0 (SCALE-Sim v3): the utilization of a layer whose weights are 1:4 sparse is reported as 170 %.
#
# Guess: the overall utilization is the multipliers' work over what they could do in those cycles, at most 100 %, and
# the work of a sparse layer is that of the weights it keeps.
# What happens: the work is the dense layer's, zeros included, and the cycles are the sparse layer's. On an array of
# 8 x 8 a layer of 16 x 64 x 16 has 42 % in 607 cycles, as 2:4 84 % in 303, as 1:4 169.54 % in 151. By the products
# that are left, 4,096 of them in 151 cycles of 64 multipliers, it is 42 % all along.
# Why it matters: a table of utilizations says that sparsity fills the array, which is as empty as before. Multiply
# by N / M.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
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
SparsitySupport = true
SparseRep = ellpack_block
OptimizedMapping = false
BlockSize = 8
RandomNumberGeneratorSeed = 40
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
ARRAY
venv/bin/pip install --quiet scalesim==3.0.0 numpy==2.2.6
declare -A seen
for ratio in 4:4 2:4 1:4; do
    printf 'Layer,M,N,K,Sparsity,\nsmall,16,16,64,%s,\n' "$ratio" >layer.csv
    venv/bin/python -m scalesim.scale -t layer.csv -l layout.csv -c array.cfg -p "out-$ratio" -i gemm -s N >log 2>&1 ||
        { tail -5 log; exit 1; }
    # LayerID, total cycles with prefetch, total cycles, stalls, overall utilization, ...
    seen[$ratio]=$(awk -F', *' 'NR == 2 { printf "%d cycles, %.2f %%", $3, $5 }' "out-$ratio/small/COMPUTE_REPORT.csv")
    work=$((16 * 16 * 64 * ${ratio%:*} / 4)) cycles=${seen[$ratio]%% *}
    echo "$ratio: ${seen[$ratio]}; $work products in so many cycles of 64: $((100 * work / (64 * cycles))) %"
done
[[ ${seen[4:4]} == "607 cycles, 42.17 %" && ${seen[2:4]} == "303 cycles, 84.49 %" &&
    ${seen[1:4]} == "151 cycles, 169.54 %" ]] ||
    { echo "the behaviour has changed"; exit 1; }
