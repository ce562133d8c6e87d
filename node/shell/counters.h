/* What the shell counts since the node's start: X(name, text). Shown by `columbactl info`. */
#ifndef COLUMBA_NODE_SHELL_COUNTERS_H
#define COLUMBA_NODE_SHELL_COUNTERS_H

#include <stdint.h>

#define SHELL_COUNTERS(X)                                                                          \
    X(connections_accepted, "connections accepted")                                                \
    X(connections_refused, "connections refused: connections_max was reached")                     \
    X(handshakes_timed_out, "connections closed: no HELLO in time")                                \
    X(frames_timed_out, "connections closed: a frame did not arrive whole in time")                \
    X(frames_received, "frames received")                                                          \
    X(frames_sent, "frames sent")                                                                  \
    X(frames_malformed, "frames refused: not valid, or with a wrong checksum")                     \
    X(frames_too_large, "frames refused: too long, or with too many elements")                     \
    X(frames_wrong_version, "frames or handshakes refused: another protocol version")              \
    X(frames_wrong_cluster, "handshakes refused: another cluster or an unknown node")              \
    X(peers_wiped, "greetings of nodes whose data directory is not the one they had")              \
    X(frames_unexpected, "requests refused: not allowed here, or not known")                       \
    X(input_refused, "connections closed: limits.input_max was reached")                           \
    X(output_overruns, "connections closed: limits.connection_output_max was reached")             \
    X(outputs_timed_out, "connections closed: they did not take what was written in time")         \
    X(outputs_cut_off, "connections closed to make room: limits.output_max was near")              \
    X(answers_refused, "answers turned into OVERLOADED: limits.output_max was reached")            \
    X(bytes_received, "bytes received over TCP")                                                   \
    X(bytes_sent, "bytes sent over TCP")                                                           \
    X(bytes_queued, "bytes waiting to be sent (now)")                                              \
    X(output_bytes, "memory for the unsent answers of clients (now)")                              \
    X(peers_output_bytes, "memory for unsent messages to other nodes (now)")                       \
    X(input_bytes, "bytes of frames that have arrived in part (now)")                              \
    X(reads_paused, "times a connection was not read from because of its open requests or output") \
    X(requests_refused, "requests answered OVERLOADED: one of the limits was reached")             \
    X(batch_bytes, "bytes that wait for the commit under way (now)")                               \
    X(requests_draining, "requests answered SHUTTING_DOWN")                                        \
    X(requests_abandoned, "requests that were never answered, and were given up")                  \
    X(requests, "requests under way (now)")                                                        \
    X(replies_dropped, "answers whose connection was gone")                                        \
    X(peer_connects, "connections made to other nodes")                                            \
    X(peer_disconnects, "connections to other nodes lost")                                         \
    X(peer_dropped, "messages to other nodes dropped: not connected, or peer_output_max reached")  \
    X(reads_memory, "reads served from memory")                                                    \
    X(reads_disk, "reads that went to the reader pool")                                            \
    X(reads_refused, "reads refused: limits.reads_queued was reached")                             \
    X(reads_queued, "reads in the reader pool (now)")                                              \
    X(disk_full, "1: the disk is full, and no writes are taken (now)")                             \
    X(damage, "reads that met data which fail their check")                                        \
    X(commits, "batches committed")                                                                \
    X(commit_rows, "rows in them")                                                                 \
    X(load_permille, "thousandths of one CPU that the core and commit threads use (now)")          \
    X(turns, "turns of the loop that had work")                                                    \
    X(writes_to_sockets, "system calls that wrote to a connection")                                \
    X(gossip_received, "gossip packets received")                                                  \
    X(gossip_sent, "gossip packets sent")                                                          \
    X(gossip_unsent, "gossip packets the system did not take")                                     \
    X(accept_errors, "connections that could not be accepted")

struct shell_counters {
#define X(name, text) uint64_t name;
    SHELL_COUNTERS(X)
#undef X
};

#endif
