/*
 * RocksDB waits by the wall clock: its condition variables have no other. When that clock is set
 * back while a thread waits, the wait lasts as long as the step; with a limit on background writes,
 * a flush or compaction nearly always waits, and then so do writes, and the end of the process.
 *
 * RocksDB's interface has no way around it, so the program's own pthread_cond_timedwait takes the
 * place of the C library's: it waits for the time that is left, on the monotonic clock. That holds
 * for the whole program, and is what everybody who waits for a while means.
 */
#ifndef COLUMBA_NODE_STORE_ROCKSDB_WAITS_H
#define COLUMBA_NODE_STORE_ROCKSDB_WAITS_H

/* Called, so that a program with RocksDB is linked with this file. */
void rocksdb_waits_use(void);

#endif
