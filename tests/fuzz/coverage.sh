#!/usr/bin/env bash
# Line coverage of each reader's files under the corpus that run.sh left in OUT.
#
#   coverage.sh OUT [TARGET…]
#
# Needs `rustup component add llvm-tools --toolchain nightly`. The targets are built once more, with the coverage of our own
# crates; tests are no part of that build, so that a line is one of the reader itself.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh
out=$(realpath "${1:?usage: coverage.sh OUT [TARGET…]}")
shift
targets=("${@:-${all[@]}}")
root=$(realpath ../..)
tools=$(rustc +nightly --print sysroot)/lib/rustlib/$triple/bin

export RUSTC_WRAPPER=$PWD/instrument.sh
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target/coverage}
build

# The files of a reader.
files() {
    case $1 in
        plan) echo shared/src/corruption/{grammar,cursor,plan,parameter,bit_field,selection,resolve}.rs ;;
        page_url) echo web/src/state/{address,choices}.rs ;;
        delimited) echo shared/src/dataset/{csv,tsv,delimiter,lines,columns,label_cell,rows}.rs ;;
        json) echo shared/src/dataset/{json,lines,columns,label_cell,rows}.rs ;;
        safetensors) echo trainer/src/open_model/weight_files.rs shared/src/checkpoint/{weight_file,tensors,names,adapter,adapter/settings}.rs ;;
        pickle_zip) echo trainer/src/open_model/pickled.rs trainer/src/open_model/pickled/{zipped,machine,tensor}.rs ;;
        pickle_stream) echo trainer/src/open_model/pickled.rs trainer/src/open_model/pickled/{legacy,machine,tensor}.rs ;;
        parquet) echo trainer/src/open_dataset/parquet.rs trainer/src/open_dataset/parquet/{footer,label_kind,pages,thrift,broken}.rs ;;
        manifest) echo shared/src/bundle/{manifest,control,rows,open,encoding,bits}.rs ;;
    esac
}

for target in "${targets[@]}"; do
    folder=$out/$target
    rm -f "$folder"/*.prof*
    make_tmpdir
    # Given as files, each input runs once.
    export LLVM_PROFILE_FILE=$folder/%p.profraw
    find "$folder/corpus" "$folder/seeds" -type f -print0 |
        RAYON_NUM_THREADS=1 xargs -0 "$programs/$target" -rss_limit_mb=2048 >"$folder/coverage.log" 2>&1
    rm -rf "$TMPDIR"
    "$tools/llvm-profdata" merge -o "$folder/all.profdata" "$folder"/*.profraw
    mapfile -t sources < <(files "$target" | tr ' ' '\n' | sed "s|^|$root/|")
    "$tools/llvm-cov" export -summary-only -instr-profile "$folder/all.profdata" "$programs/$target" --sources "${sources[@]}" |
        python3 -c '
import json, sys
target, root = sys.argv[1:]
data = json.load(sys.stdin)["data"][0]
rows = [(f["filename"].removeprefix(root + "/"), f["summary"]["lines"]) for f in data["files"]]
for name, lines in rows + [("all", data["totals"]["lines"])]:
    print("{:14} {:52} {:5} lines {:6.1f} %".format(target, name, lines["count"], lines["percent"]))
' "$target" "$root"
done
