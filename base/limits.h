/*
 * Every limit that more than one folder relies on, with its reason. Limits that follow from others
 * are proved at the end. Limits of one module only stand in that module's header.
 */
#ifndef COLUMBA_BASE_LIMITS_H
#define COLUMBA_BASE_LIMITS_H

#include <stdint.h>

#define KIB 1024u
#define MIB (1024u * KIB)

/* One allocation serves a common request whole; larger wastes memory on each of many requests. */
#define ARENA_CHUNK_BYTES (8u * KIB)

/* A frame's payload. A page (below) and every batch of rows fit with room for their envelope. */
#define FRAME_PAYLOAD_MAX_BYTES (1u * MIB)
/* Decoding a frame may allocate this much: at most a few times its bytes, so small messages in
 * large numbers cannot amplify memory. */
#define DECODE_ARENA_MAX_BYTES (4u * MIB)
/* Elements (submessages, repeated fields) in one frame; protobuf-c would spend some 70 B on each
 * empty one. */
#define FRAME_ELEMENTS_MAX 20000u

/* A message's body as stored, ciphertext included. */
#define BODY_MAX_BYTES (64u * KIB)
/* What sealing adds to a body: version, key check, nonce and tag. */
#define SEAL_OVERHEAD_MAX_BYTES 64u
#define PLAINTEXT_MAX_BYTES (BODY_MAX_BYTES - SEAL_OVERHEAD_MAX_BYTES)
/* What a user reacts with, and an application's column of a message; with their sealing and a byte
 * of flags (proto/change.h). */
#define REACTION_MAX_BYTES 64u
#define COLUMN_VALUE_MAX_BYTES (4u * KIB)
#define COLUMN_NAME_MAX_BYTES 64u
#define REACTION_MARK_MAX_BYTES (1u + REACTION_MAX_BYTES + SEAL_OVERHEAD_MAX_BYTES)
#define COLUMN_MARK_MAX_BYTES (1u + COLUMN_VALUE_MAX_BYTES + SEAL_OVERHEAD_MAX_BYTES)
/* Names of users and conversations, and titles. */
#define NAME_MAX_BYTES 512u

#define PAGE_MAX_ROWS 1000u
#define PAGE_MAX_BYTES (768u * KIB)
/* A page of an inbox. Rows with long lists of unread messages make it a short one: where replicas
 * differ, all that their pages name is read, merged and written back by one operation. */
#define INBOX_PAGE_MAX_BYTES (256u * KIB)
/* Rows one write request may carry (an import's batch, a conversation's first members). */
#define WRITE_MAX_ROWS 1000u
#define WRITE_MAX_BYTES PAGE_MAX_BYTES
/* Clusterings of single rows in one read, as many as rows in a write: 16 bytes each, and a length.
 */
#define READ_KEYS_MAX_BYTES (WRITE_MAX_ROWS * 17u)
/* Columns without sub-keys of one row: the largest body, and another as its edit. */
#define ROW_PLAIN_MAX_BYTES (140u * KIB)
/*
 * Cells with sub-keys (reactions, an application's columns) that a row may hold for a replica to
 * take another one: a reaction each of a full group of FANOUT_MEMBERS_DEFAULT.
 */
#define ROW_GROWTH_MAX_BYTES (36u * KIB)
/*
 * One row, encoded. Replicas take cells without asking each other, so each may have taken others;
 * merged, a row holds what all of them took (row_growth_judge says why it is not more).
 */
#define ROW_MAX_BYTES (ROW_PLAIN_MAX_BYTES + REPLICAS_MAX * ROW_GROWTH_MAX_BYTES)

/* A coordinator refuses an id further ahead of its clock than this. Clients follow the nodes'
 * clocks, and a node whose clock is off by half of it coordinates nothing. */
#define CLOCK_AHEAD_MAX_MS 10000u
/* A replica's clock may be as much behind the coordinator's. */
#define REPLICA_CLOCK_AHEAD_MAX_MS (2u * CLOCK_AHEAD_MAX_MS)
/* How far a node's clock may be from the other nodes' before it warns, and before it stands aside
 * (coordinates nothing). Servers that run NTP are within milliseconds; the second leaves room for
 * one that is being started or has lost its servers for weeks, and is far below the minutes at
 * which ids of healthy clients would be refused. */
#define CLOCK_WARN_MS 500u
#define CLOCK_WRONG_MS 5000u
/* How far the stamp of a frame may lead a node's hybrid clock ahead of its wall clock. Two nodes
 * that are both not yet wrong may be twice the limit apart; a client follows the nodes. */
#define CLOCK_NODE_DRAG_MAX_MS (2 * CLOCK_WRONG_MS)
#define CLOCK_CLIENT_DRAG_MAX_MS 1000u

/* Members a message is fanned out to on write; above it a conversation is a channel. */
#define FANOUT_MEMBERS_DEFAULT 1024u
#define FANOUT_MEMBERS_MAX 8192u

/* Unread ids kept for one conversation of one user; above it the count is a lower bound. */
#define UNREAD_IDS_MAX 10000u
/* 16 bytes each, and as many ids of deleted messages, must fit a row of the inbox; such rows have a
 * cap of their own. */
#define INBOX_ROW_MAX_BYTES (324u * KIB)

/* Replicas of one partition over all data centres. Consistency arithmetic uses bytes and bitmaps.
 */
#define REPLICAS_MAX 16u
#define NODES_MAX 1024u
#define DATACENTERS_MAX 8u
#define RACKS_MAX 256u
#define TOKENS_PER_NODE_MAX 256u
#define NODE_NAME_MAX_BYTES 64u

#ifndef __cplusplus
_Static_assert(PAGE_MAX_BYTES + 64u * KIB <= FRAME_PAYLOAD_MAX_BYTES,
               "a full page and its envelope fit a frame");
_Static_assert(2u * (BODY_MAX_BYTES + 4u * KIB) + 1u * KIB <= ROW_PLAIN_MAX_BYTES,
               "the largest message and its edit fit a row");
_Static_assert(FANOUT_MEMBERS_DEFAULT * 36u <= ROW_GROWTH_MAX_BYTES,
               "a reaction of each member, of a few bytes, fits a row");
_Static_assert(2u * UNREAD_IDS_MAX * 16u + 4u * KIB <= INBOX_ROW_MAX_BYTES,
               "a full unread set and as many deleted ids fit an inbox row");
_Static_assert(INBOX_ROW_MAX_BYTES <= ROW_MAX_BYTES, "ROW_MAX_BYTES is of any row");
_Static_assert(ROW_MAX_BYTES + 4u * KIB <= PAGE_MAX_BYTES, "any one row fits a page");
#endif

#endif
