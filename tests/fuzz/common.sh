# What the scripts of this folder share; sourced by them.

all=(plan page_url delimited json safetensors pickle_zip pickle_stream parquet manifest)
triple=$(rustc +nightly -vV | sed -n 's/^host: //p')

# Seconds that an input may take, by the clock on the wall: on a busy machine more than an idle one would need.
timeout=${FUZZ_TIMEOUT:-10}

# Builds all targets and sets `programs`, their folder.
build() {
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}
    # What cargo-fuzz passes, without a sanitizer: the readers have no unsafe code of their own, and a bound on memory is in
    # the targets (src/bound.rs). With --target, so that build scripts are left as they are.
    RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares" \
        cargo +nightly build --locked --release --target "$triple" --bins
    programs=$(realpath "$CARGO_TARGET_DIR/$triple/release")
}

# The files that readers open are written for every input: in memory where there is a place for it.
make_tmpdir() {
    TMPDIR=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)")
    export TMPDIR
}

# The longest input: a few times what a valid one needs.
max_len() {
    case $1 in
        plan) echo 512 ;;
        page_url) echo 1024 ;;
        delimited | json) echo 2048 ;;
        manifest) echo 16384 ;;
        *) echo 8192 ;;
    esac
}

dictionary() {
    case $1 in
        pickle_*) echo dictionaries/pickle.dict ;;
        delimited | json) echo dictionaries/table.dict ;;
        *) echo "dictionaries/$1.dict" ;;
    esac
}

# Fuzzes TARGET for SECONDS with corpus, seeds, artifacts and log in FOLDER, and notes the CPU time.
fuzz() {
    local target=$1 folder=$2 seconds=$3 status=0
    mkdir -p "$folder"/{corpus,seeds,artifacts}
    TIMEFORMAT='%U %S'
    # One thread beside the fuzzer's own, so that the CPU time is the fuzzer's.
    { time RAYON_NUM_THREADS=1 "$programs/$target" "$folder/corpus" "$folder/seeds" -artifact_prefix="$folder/artifacts/" \
        -dict="$(dictionary "$target")" -max_len="$(max_len "$target")" -max_total_time="$seconds" \
        -timeout="$timeout" -report_slow_units="$timeout" -rss_limit_mb=1024 -print_final_stats=1 >"$folder/log" 2>&1 || status=$?; } 2>"$folder/time"
    return "$status"
}
