# Sourced by every test of whole clusters: a cluster of its own (folder, port), taken down at the
# end whatever happens, and the words the tests are written in.
# shellcheck shell=bash disable=SC2034
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export COLUMBA_BUILD_DIR=${COLUMBA_BUILD_DIR:-$root/build}
export PATH=$COLUMBA_BUILD_DIR/bin:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/columba-test-XXXXXX")
export COLUMBA_CLUSTER_DIR=$work/cluster
key=$work/key
sample=$root/examples/sample-chat.jsonl
# A death is known to every node by then (design: three seconds after a kill).
death_seconds=3

# A port that nothing on this machine uses, below those the system gives out by itself.
free_port() {
    local port
    while true; do
        port=$((10000 + RANDOM % 20000))
        ss -Htuln 2>/dev/null | grep -q ":$port " || break
    done
    echo "$port"
}
COLUMBA_CLUSTER_PORT=$(free_port)
export COLUMBA_CLUSTER_PORT

cluster() { "$root/cluster-scripts/columba-cluster" "$@"; }

# Run at the end, before the cluster goes: processes and mounts a test has made besides.
cleanup_more() { :; }

cleanup() {
    local code=$?
    # Before anything goes: the logs may lie on a disk that the test itself takes down.
    if ((code != 0 && code != 77)) && [[ -f $COLUMBA_CLUSTER_DIR/cluster ]]; then
        echo "--- the nodes' logs"
        tail -n 100 "$COLUMBA_CLUSTER_DIR"/node*/log
    fi
    cleanup_more
    if [[ -f $COLUMBA_CLUSTER_DIR/cluster ]]; then
        cluster destroy
    fi
    rm -rf "$work"
    exit "$code"
}
trap cleanup EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

skip() {
    echo "skipped: $*"
    exit 77
}

# must COMMAND…: it succeeds.
must() {
    "$@" || fail "exit $? of: $*"
}

# must_exit CODE COMMAND…: it ends with that code; what it said is left in $said (both streams).
must_exit() {
    local expected=$1 code
    shift
    said=$("$@" 2>&1)
    code=$?
    ((code == expected)) || fail "exit $code, not $expected, of: $*
$said"
}

# must_say TEXT: $said has it (a pattern of grep -iE).
must_say() {
    grep -qiE -- "$1" <<<"$said" || fail "'$1' is not in: $said"
}

# must_equal EXPECTED ACTUAL WHAT
must_equal() {
    [[ $1 == "$2" ]] || fail "$3: expected '$1', got '$2'"
}

# eventually SECONDS COMMAND…: it succeeds within that time.
eventually() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

new_key() { head -c 32 /dev/urandom >"$key"; }

up() {
    must cluster up "$@"
    environment=$(cluster env) || fail "columba-cluster env"
    eval "$environment"
}

# The address of node I.
address() { echo "127.0.0.$1:$COLUMBA_CLUSTER_PORT"; }

# The process of node I.
process() {
    local pid rest
    # shellcheck disable=SC2034
    read -r pid rest <"$COLUMBA_CLUSTER_DIR/node$1/pid"
    echo "$pid"
}

# verified FILE [OPTION…]: nothing missing, extra or different.
verified() {
    local result
    result=$(columba --format json "${@:2}" verify "$1") || fail "verify: $result"
    must_equal "0 0 0" "$(jq -r '"\(.missing) \(.extra) \(.different)"' <<<"$result")" "verify $1"
}

# How long a command takes, in ms; its exit code is left in $code, its words in $said.
timed() {
    local start end
    start=$(date +%s%N)
    said=$("$@" 2>&1)
    code=$?
    end=$(date +%s%N)
    elapsed_ms=$(((end - start) / 1000000))
}
