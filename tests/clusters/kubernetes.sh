#!/usr/bin/env bash
# The manifest of Indexed Jobs against the schemas of the API, which `kubernetes-validate` of PyPI ships:
#
#   tests/clusters/kubernetes.sh target/debug/bert-heal
#
# No cluster is involved: that an API server takes it and does with it what the fields say is not tested here.
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 BERT_HEAL" >&2 && exit 2; }
. "$(dirname "$0")/common.sh"

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "kubernetes-validate==1.37.0"
validate() { "$folder/venv/bin/kubernetes-validate" --strict --quiet --kubernetes-version "$1" "$2"; }

(cd "$folder" && "$bert_heal" sweep plan "$experiment" --out "$sweep" > /dev/null)
# Four arrays of cells, so that all that a manifest can have is there.
"$bert_heal" sweep launcher "$sweep" --for kubernetes --array-size 3 > "$folder/jobs.yaml"
check "six Jobs" [ "$(grep -c '^kind: Job' "$folder/jobs.yaml")" = 6 ]
for version in 1.31 1.33 1.35 1.37; do
    check "Kubernetes $version takes every field" validate $version "$folder/jobs.yaml"
done
sed 's/completionMode/completionMod/' "$folder/jobs.yaml" > "$folder/wrong.yaml"
refused() { ! validate 1.37 "$folder/wrong.yaml" > /dev/null 2>&1; }
check "a misspelt field is refused" refused
sed 's/completions: 3/completions: three/' "$folder/jobs.yaml" > "$folder/wrong.yaml"
check "a word in place of a number is refused" refused
[ $n_failed = 0 ] || exit 1
