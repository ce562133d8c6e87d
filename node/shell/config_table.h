/*
 * Every option of columbad, once: X(KIND, member, key, default, min, max, choices, text).
 *
 * From this table follow the struct, the parser, the checks, the defaults, --print-config and the
 * messages that say what is allowed. A dot in a key stands for a nested map. Defaults are written
 * as a user would write them and go through the same parser; NULL: the option must be given.
 *
 *   KIND      member's type, what min and max mean
 *   TEXT      const char *; length in bytes
 *   BOOL      bool
 *   NUMBER    uint64_t
 *   BYTES     uint64_t, in bytes
 *   DURATION  uint64_t, in ms
 *   CHOICE    uint32_t, an index into the choices
 */
#ifndef COLUMBA_NODE_SHELL_CONFIG_TABLE_H
#define COLUMBA_NODE_SHELL_CONFIG_TABLE_H

#include "base/limits.h"

#define CONFIG_LEVELS "ONE|TWO|THREE|QUORUM|ALL|LOCAL_ONE|LOCAL_QUORUM|EACH_QUORUM"
#define CONFIG_DAY_MS (UINT64_C(24) * 60 * 60 * 1000)
#define CONFIG_GIB (UINT64_C(1) << 30)

/* clang-format off */
#define CONFIG_TABLE(X)                                                                             \
    X(TEXT, cluster_name, "cluster_name", "columba", 1, NAME_MAX_BYTES, "",                         \
      "Nodes and clients of another cluster are refused.")                                          \
    X(TEXT, node_name, "node_name", NULL, 1, NODE_NAME_MAX_BYTES, "",                               \
      "This node's name; it stays with the data directory. It must stand in `nodes`, if that is given.") \
    X(TEXT, listen, "listen", "", 0, 64, "",                                                        \
      "Address and port, TCP and UDP. Empty: this node's address in `nodes`, or 127.0.0.1:7411.")   \
    X(BOOL, insecure_listen, "insecure_listen", "false", 0, 0, "",                                  \
      "Allow an address that is not loopback although connections are not authenticated yet.")      \
    X(TEXT, data_directory, "data_directory", NULL, 1, 1024, "",                                    \
      "Where the node keeps its data. Made if it does not exist; used by one node only.")           \
    X(TEXT, datacenter, "datacenter", "", 0, NODE_NAME_MAX_BYTES, "",                               \
      "Empty: as in `nodes`, or dc1.")                                                              \
    X(TEXT, rack, "rack", "", 0, NODE_NAME_MAX_BYTES, "",                                           \
      "Replicas of one partition are spread over racks. Empty: as in `nodes`, or rack1.")           \
    X(NUMBER, num_tokens, "num_tokens", "16", 1, TOKENS_PER_NODE_MAX, "",                           \
      "Tokens of each node on the ring; the same on every node.")                                   \
    X(CHOICE, engine, "engine", "rocksdb", 0, 0, "rocksdb|memory",                                  \
      "Storage engine. `memory` keeps nothing on disk: for tests.")                                 \
    X(TEXT, keyspace_name, "keyspace.name", "chat", 1, NODE_NAME_MAX_BYTES, "",                     \
      "The keyspace made at the first start.")                                                      \
    X(NUMBER, replication_factor, "keyspace.replication_factor", "3", 1, REPLICAS_MAX, "",          \
      "Replicas in each data centre, where `replication` does not say otherwise. A node without a list of nodes keeps 1.") \
    X(CHOICE, read_consistency, "keyspace.read_consistency", "QUORUM", 0, 0, CONFIG_LEVELS,         \
      "Level of reads that do not name one.")                                                       \
    X(CHOICE, write_consistency, "keyspace.write_consistency", "QUORUM", 0, 0, CONFIG_LEVELS,       \
      "Level of writes that do not name one.")                                                      \
    X(CHOICE, commit_sync, "commit_sync", "batch", 0, 0, "batch|periodic",                          \
      "batch: synced before it is acknowledged. periodic: power loss may take the last interval.")  \
    X(DURATION, commit_sync_interval_ms, "commit_sync_interval", "1s", 1, 60000, "",                \
      "With commit_sync periodic: time between two syncs.")                                         \
    X(DURATION, write_timeout_ms, "write_timeout", "2s", 10, 600000, "",                            \
      "A write that has not met its level by then is answered with TIMEOUT.")                       \
    X(DURATION, read_timeout_ms, "read_timeout", "5s", 10, 600000, "",                              \
      "The same for reads.")                                                                        \
    X(DURATION, speculative_read_ms, "speculative_read", "50ms", 1, 600000, "",                     \
      "A read that lacks an answer for this long asks one more replica.")                           \
    X(DURATION, takeover_delay_ms, "takeover_delay", "5s", 100, 3600000, "",                        \
      "A replica takes over an outbox entry this old, times its rank.")                             \
    X(DURATION, probe_interval_ms, "probe_interval", "1s", 20, 60000, "",                           \
      "Time between two probes of gossip. 200ms suits a cluster on one machine.")                   \
    X(DURATION, handshake_timeout_ms, "handshake_timeout", "5s", 10, 600000, "",                    \
      "A connection that has not said HELLO by then is closed.")                                    \
    X(DURATION, frame_timeout_ms, "frame_timeout", "30s", 10, 600000, "",                           \
      "A connection that takes longer than this for one frame is closed.")                          \
    X(DURATION, output_timeout_ms, "output_timeout", "30s", 10, 600000, "",                          \
      "A connection that has not taken by then what was written to it is closed.")                  \
    X(DURATION, drain_timeout_ms, "drain_timeout", "10s", 0, 3600000, "",                           \
      "How long a stopping node waits for the requests it has taken.")                              \
    X(BYTES, memtable_bytes, "memtable_size", "64MiB", 1 * MIB, 16 * CONFIG_GIB, "",                \
      "Writes kept in memory before they become a sorted file; nodes take from 3/4 to all of it.")  \
    X(BYTES, block_cache_bytes, "block_cache_size", "256MiB", 1 * MIB, 1024 * CONFIG_GIB, "",       \
      "Read blocks kept in memory.")                                                                \
    X(BYTES, background_bytes_per_s, "background_write_rate", "64MiB", 1 * MIB, 64 * CONFIG_GIB, "", \
      "Bytes a second that flush and compaction write at most, so that messages do not wait for them.") \
    X(BYTES, disk_reserve_bytes, "disk_reserve", "0", 0, 1024 * CONFIG_GIB, "",                     \
      "Free space below which the node takes no more writes, but reads. 0: 5 % of the disk, at most 1 GiB.") \
    X(NUMBER, background_threads, "background_threads", "2", 1, 64, "",                             \
      "Threads that flush and compact.")                                                            \
    X(NUMBER, reader_threads, "reader_threads", "2", 1, 64, "",                                     \
      "Threads for reads that have to wait for the disk.")                                          \
    X(NUMBER, fanout_members_max, "fanout_members_max", "1024", 1, FANOUT_MEMBERS_MAX, "",          \
      "A conversation with more members is a channel: no log entry for each member.")               \
    X(NUMBER, connections_max, "limits.connections_max", "12000", 8, 1000000, "",                   \
      "Connections of clients; further ones are refused. Nodes and administrators have places of their own.") \
    X(NUMBER, connection_requests_max, "limits.connection_requests", "512", 1, 65536, "",           \
      "Requests of one client under way; more wait in its socket.")                                 \
    X(NUMBER, peer_requests_max, "limits.peer_requests", "16384", 1, 1000000, "",                   \
      "Requests of one other node under way; more wait in its socket.")                             \
    X(NUMBER, requests_max, "limits.requests", "65536", 1, 1000000, "",                             \
      "Requests of all clients under way (and as many of all nodes); more are answered with OVERLOADED.") \
    X(BYTES, request_bytes_max, "limits.request_bytes", "128MiB", 2 * MIB, 64 * CONFIG_GIB, "",      \
      "Bytes of them; more are answered with OVERLOADED.")                                          \
    X(BYTES, connection_output_bytes, "limits.connection_output", "2MiB", 64 * KIB, 1 * CONFIG_GIB, "", \
      "Unsent answers of one client above which nothing more is read from it.")                     \
    X(BYTES, connection_output_max_bytes, "limits.connection_output_max", "32MiB", 2 * MIB, 4 * CONFIG_GIB, "", \
      "Unsent answers of one client above which it is disconnected.")                               \
    X(BYTES, peer_output_max_bytes, "limits.peer_output_max", "64MiB", 2 * MIB, 4 * CONFIG_GIB, "", \
      "Unsent messages to one node above which further ones are dropped.")                          \
    X(BYTES, output_max_bytes, "limits.output_max", "128MiB", 4 * MIB, 64 * CONFIG_GIB, "",          \
      "Memory for unsent answers of all clients; when it is short, pages are answered with OVERLOADED and clients that take nothing are cut off.") \
    X(BYTES, peers_output_max_bytes, "limits.peers_output_max", "256MiB", 4 * MIB, 64 * CONFIG_GIB, "", \
      "Memory for unsent messages to all nodes; further ones are dropped.")                         \
    X(BYTES, input_max_bytes, "limits.input_max", "256MiB", 4 * MIB, 64 * CONFIG_GIB, "",           \
      "Memory for frames that have arrived in part, over all connections.")                         \
    X(BYTES, batch_max_bytes, "limits.batch_max", "64MiB", 2 * MIB, 4 * CONFIG_GIB, "",             \
      "Writes gathered while a commit is under way; more are answered with OVERLOADED.")            \
    X(NUMBER, reads_queued_max, "limits.reads_queued", "4096", 1, 1000000, "",                      \
      "Reads that wait for the disk; more are answered with OVERLOADED.")                           \
    X(NUMBER, operations_max, "limits.operations", "16384", 1, 1000000, "",                         \
      "Requests coordinated at once; more are answered with OVERLOADED.")                           \
    X(BYTES, operations_bytes_max, "limits.operations_bytes", "192MiB", 32 * MIB, 64 * CONFIG_GIB, "", \
      "Memory of what they hold; when three quarters are taken, more are answered with OVERLOADED.") \
    X(NUMBER, outbox_entries_max, "limits.outbox_entries", "100000", 16, 10000000, "",              \
      "Messages acknowledged but not fanned out yet; more are answered with OVERLOADED.")           \
    X(NUMBER, conversations_cached_max, "limits.conversations_cached", "100000", 16, 10000000, "",  \
      "Conversations whose membership is kept in memory.")                                          \
    X(NUMBER, engine_open_files_max, "limits.engine_open_files", "512", 64, 1000000, "",            \
      "Files the storage engine keeps open.")                                                       \
    X(CHOICE, log_level, "log_level", "info", 0, 0, "debug|info|warning|error",                     \
      "The least severe messages that are logged.")                                                 \
    X(CHOICE, log_format, "log_format", "text", 0, 0, "text|json",                                  \
      "One line a message on standard error: for people, or for machines.")
/* clang-format on */

#endif
