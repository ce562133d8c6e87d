#!/bin/sh
# Checks the checker: builds columba-sim once for each historical bug and demands that the simulator
# find it within so many seeds.
#
#     check_bugs.sh SOURCE_DIR BUILD_DIR [BUG …]
set -eu

source_dir=$1
build_dir=$2
shift 2
wanted=" $* "
failed=0

# bug SEEDS NODES: builds, runs, complains.
check() {
    dir=$build_dir/$1
    if ! cmake -S "$source_dir" -B "$dir" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        -DCOLUMBA_ROCKSDB=OFF -DCOLUMBA_BUG="$1" >"$dir.log" 2>&1 ||
        ! cmake --build "$dir" --target columba-sim >>"$dir.log" 2>&1; then
        echo "$1: does not build, see $dir.log"
        failed=1
        return
    fi
    code=0
    "$dir/bin/columba-sim" --seed 1 --seeds "$2" --nodes "$3" --stop >"$dir.out" 2>&1 || code=$?
    if [ "$code" -eq 2 ]; then
        echo "$1: found, $(grep -m 1 '^seed' "$dir.out")"
    elif [ "$code" -ge 128 ]; then
        echo "$1: found, it crashes"
    else
        echo "$1: NOT found within $2 seeds (exit code $code)"
        failed=1
    fi
}

mkdir -p "$build_dir"
# The bug, the seeds within which it must be found, the nodes of the cluster (0: the seed decides), and
# what it is.
while read -r name seeds nodes _; do
    if [ "$wanted" = "  " ] || [ "${wanted#* "$name" }" != "$wanted" ]; then
        check "$name" "$seeds" "$nodes"
    fi
done <<'BUGS'
ack_before_commit 50 0 a replica acknowledges before its commit is durable
repair_after_answer 200 0 a read answers before what it found is written back
no_takeover 10 0 nobody takes over the fan-out of a coordinator that died
outbox_forgotten 10 0 a replica does not go through its outbox at start
tail_forgotten 20 0 a replica does not read back at start what is not folded yet
fanout_to_one 30 0 a fan-out is done when one replica of each member has it
counter_counts_retry 10 0 a retry counts as another unread message
marker_goes_back 10 0 the last read marker to arrive wins
stale_members 30 0 a fan-out trusts the cached members whatever the replicas say
weak_send_trusts_version 200 0 … or believes a single replica about the members
digest_without_more 200 0 equal pages agree although one replica has more behind
pages_without_horizon 100 0 a page of an inbox goes on where a replica's ended
denial_at_one 200 0 a replica that is behind denies a conversation
half_done_is_refused 30 0 a definite failure after the first of two writes
taken_without_a_look 100 0 a replica takes another body under a known id
horizon_by_clock 200 0 … or one whose id lies behind what the clock at the start tells
failed_commit_is_refused 200 0 a failed sync counts as if nothing was written
durable_is_refused 200 1 a durable write is refused when its membership version cannot be read
peers_are_believed 20 0 a peer's page is not held against the question
any_answer_is_success 20 0 an answer of another type counts as one of success
foreign_rows_are_taken 20 0 a replica stores what belongs to others
device_clock_rules 30 0 a client goes by the device's clock after it has heard the nodes'
no_speculation 200 0 a read waits for a silent replica and never asks another
enough_is_not_enough 200 0 a read that has whole rows of a quorum waits for a silent replica
late_deadlines 20 0 everything times out ten times as late
act_without_outbox 100 0 members of a channel are told by its coordinator alone, who may die
channel_gets_nothing 200 0 what was sent to a group is dropped when it has become a channel
wiped_are_counted 200 0 a node with an empty directory is counted as the replica it was
full_disks_take_events 50 0 a replica whose disk is full takes what is fanned out to it
edit_beats_delete 200 0 an edit that is stamped above a deletion brings its message back
deleted_is_unread 200 0 a deleted message still counts as unread
edit_stamped_by_clock 200 0 an edit is stamped by the clock, below what its coordinator saw
BUGS
exit $((failed * 2))
