#!/bin/sh
# Runs the seeds that once found a fault.
#
#     run_seeds.sh COLUMBA_SIM SEEDS_FILE
set -eu

sim=$1
failed=0
while read -r line; do
    arguments=${line%%#*}
    if [ -n "$arguments" ]; then
        # The arguments are words.
        # shellcheck disable=SC2086
        "$sim" $arguments || failed=1
    fi
done <"$2"
exit $failed
