#!/bin/sh
# A wrapper of rustc that adds the instrumentation for coverage to our own crates, leaving out what runs while building.
case "${CARGO_MANIFEST_DIR:-/registry/} $*" in
    */registry/*" --crate-name "*) exec "$@" ;;
    *" --target "*) exec "$@" -Cinstrument-coverage ;;
    *) exec "$@" ;;
esac
