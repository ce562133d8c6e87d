/*
 * Administration: commands that arrive as ADMIN messages from administrators and clients and are
 * answered with one JSON object in an ADMIN_REPLY, or with a STATUS that says what is wrong
 * (ERR_INVALID for an unknown command or wrong arguments, with the right usage in its text).
 * `columbactl` renders the objects; their shapes are a contract. Members may be added, never
 * renamed. Times are in ms, sizes in bytes, counts since the node's start, unless a name says
 * otherwise. 64-bit tokens are decimal strings, because JSON readers lose digits above 2^53.
 *
 * A `node` object is the same everywhere it appears:
 *
 *   {"name": "node1", "address": "127.0.0.1:7411", "host_id": "8-4-4-4-12 hex",
 *    "datacenter": "dc1", "rack": "rack1",
 *    "state": "up" | "suspect" | "down" | "left" | "unknown",   as the answering node sees it
 *    "is_self": bool,             the node that answers
 *    "connected": bool,           the answering node can send it requests now
 *    "tokens": 16,                how many
 *    "load_bytes": n | null,      on its disk; null: not heard yet
 *    "owns": 0.667,               share of all data it is a replica of, 0 … 1
 *    "version": "0.1.0" | null,   its software; null: not heard yet
 *    "clock_offset_ms": n | null, its clock less the other nodes', as it says; 0: near
 *    "clock_wrong": bool,         it takes no requests from clients, because of its clock
 *    "disk_full": bool}           it takes no writes, because of its disk
 *
 * status
 *   {"cluster": text, "keyspace": text, "node": name of the answering node,
 *    "topology_version": n, "nodes": [node, …]}               sorted by data centre, then name
 *
 * ring
 *   {"cluster": text, "keyspace": text, "nodes": [node, …],
 *    "ranges": [{"token": "18446744073709551615",             ascending; the end of the range
 *                "node": name of its owner, "replicas": [name, …]}, …]}
 *
 * info
 *   {"node": node, "cluster": text, "keyspace": text, "version": text,
 *    "uptime_ms": n, "rss_bytes": n,
 *    "cpu_us": n,                 user + system time of the process since its start
 *    "cpu_user_us": n, "cpu_system_us": n, "threads_cpu_us": {"core": n, "commit": n},
 *    "start_count": n,            starts of this data directory
 *    "mode": "normal" | "draining" | "drained",
 *    "connections": {"clients": n, "nodes": n, "administrators": n, "handshakes": n},  now
 *    "counters":   {name: n, …},  the core's (node/core/core.h: CORE_COUNTERS)
 *    "shell":      {name: n, …},  the shell's (counters.h: SHELL_COUNTERS)
 *    "texts":      {name: text, …},  what each counter of both means
 *    "latencies":  {"send": latency, "read": latency, "write": latency, "commit": latency},
 *    "engine":     {"name": "rocksdb" | "memory", "bytes_on_disk": n, "bytes_in_memory": n,
 *                   "keys_estimate": n, "commits": n, "rows_written": n,
 *                   "compaction_pending_bytes": n, "block_cache_bytes": n},
 *    "open_files_max": n, "connections_max": n,
 *    "clock": {"offset_ms": n,    this node's less the median of the others'
 *              "compared": n,     so many of them
 *              "wrong": bool}}
 *   latency: {"count": n, "p50_us": n, "p99_us": n, "p999_us": n, "max_us": n, "mean_us": n}
 *     send: SEND; read: HISTORY_READ, INBOX_READ, …; write: the other client writes;
 *     commit: from handing a batch to the commit thread to its completion
 *
 * describecluster
 *   {"cluster": text, "topology_version": n,
 *    "keyspace": {"name": text, "replication": {data centre: factor, …},
 *                 "read_consistency": "QUORUM", "write_consistency": "QUORUM"},
 *    "datacenters": [{"name": text, "factor": n, "nodes": n, "racks": [name, …]}, …],
 *    "live": n, "down": n,                                     nodes, as the answering node sees it
 *    "versions": {"0.1.0": [name, …], …}}                      of those heard of
 *
 * getendpoints KIND NAME          KIND: conversation | user; NAME: its name, or its id as text
 *   {"kind": text, "name": text, "id": "8-4-4-4-12 hex", "token": "n", "replicas": [node, …]}
 *
 * gossipinfo
 *   {"nodes": [{"name": text, "address": text, "state": as above, "incarnation": n,
 *               "values": {"load_bytes": text, "release_version": text, …}}, …],
 *    "health": n,                 0 is well; above, this node itself is slow (Lifeguard)
 *    "counters": {name: n, …}}
 *
 * flush     {"done": true, "elapsed_ms": n}       what is in memory is written to sorted files
 * compact   {"done": true, "elapsed_ms": n}
 * drain     {"done": true, "elapsed_ms": n, "requests_left": n}
 *           The node leaves the cluster's view, answers what it has taken, refuses new requests
 *           with ERR_SHUTTING_DOWN, flushes, and goes on answering ADMIN until it is stopped.
 * version   {"version": "0.1.0", "protocol_min": 1, "protocol_max": 1, "frame_format": 1,
 *            "engine": text}
 */
#ifndef COLUMBA_NODE_SHELL_ADMIN_H
#define COLUMBA_NODE_SHELL_ADMIN_H

#include <stdint.h>

#include "proto/message.h"

struct node;
struct request;

/* X(name, usage): every command. */
#define ADMIN_COMMANDS(X)                                                                          \
    X(status, "status")                                                                            \
    X(ring, "ring")                                                                                \
    X(info, "info")                                                                                \
    X(describecluster, "describecluster")                                                          \
    X(getendpoints, "getendpoints conversation|user NAME")                                         \
    X(gossipinfo, "gossipinfo")                                                                    \
    X(flush, "flush")                                                                              \
    X(compact, "compact")                                                                          \
    X(drain, "drain")                                                                              \
    X(version, "version")

/* Carries the command out and answers the request: at once, or (flush, compact, drain) when the
 * work on another thread has ended. */
void admin_handle(struct node *node, struct request *request, const struct message_admin *admin);
/* The answer of `drain`, once it is over. */
void admin_answer_drained(struct node *node, struct request *request);

#endif
