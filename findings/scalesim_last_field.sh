#!/usr/bin/env bash
# scalesim 3.0.0 (SCALE-Sim v3): a layer's sparsity is dropped if its line of the table does not end with a comma.
#
# Guess: layers are a CSV table, so the last field of a line counts with or without a comma after it, as in what a
# spreadsheet or pandas writes; or a line of the wrong length is refused.
# What happens: what stands after a line's last comma is cut off. In a table of GEMMs that is the column Sparsity: the
# layer 1:4 takes 151 cycles with the comma and 607 without it, as if it were dense, and the report on sparsity says
# that all of its filter is stored. There is no word of it.
# Why it matters: a study of sparsities whose tables pandas wrote has the dense layer in every row.
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
for end in "," ""; do
    name=${end:+comma}
    printf 'Layer,M,N,K,Sparsity%s\nsmall,16,16,64,1:4%s\n' "$end" "$end" >layer.csv
    venv/bin/python -m scalesim.scale -t layer.csv -l layout.csv -c array.cfg -p "out$name" -i gemm -s N >log 2>&1 ||
        { tail -5 log; exit 1; }
    cycles=$(awk -F', *' 'NR == 2 { print $3 }' "out$name/small/COMPUTE_REPORT.csv")
    words=$(awk -F', *' 'NR == 2 { print $3 " to " $4 }' "out$name/small/SPARSE_REPORT.csv")
    seen[${name:-none}]="$cycles cycles, $words words"
    echo "$(tail -1 layer.csv) -> ${seen[${name:-none}]}"
done
[[ ${seen[comma]} == "151 cycles, 1024 to 272.0 words" && ${seen[none]} == "607 cycles, 1024 to 1024.0 words" ]] ||
    { echo "the behaviour has changed"; exit 1; }
