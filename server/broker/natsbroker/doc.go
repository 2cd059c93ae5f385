// Package natsbroker is the engine on an embedded NATS server with JetStream. It is the only package that imports nats. The build tag nonats
// leaves the server out: Open then returns ErrLeftOut.
//
//	Engine --> keeper: one goroutine   starts the instance, starts it again after a failure, watches the free space
//	       --> instance                one run of the NATS server with its connection; it is replaced as a whole
//	             log: one goroutine    sends records, receives the acknowledgements, calls done
//	             table                 requests of the callers; a watch runs on its caller
//	       --> peerWatch: one goroutine  finds mistakes with the other nodes of a cluster, while one of them has no route
//
// What it relies on, in nats-server v2.15.3:
//
//   - A stream with one replica processes its messages one after the other. With SyncAlways the file of the record is synced before the
//     acknowledgement is sent (msgBlock.flushPendingMsgsLocked). So acknowledgements arrive in order.
//   - Nats-Expected-Last-Sequence is compared before anything is stored.
//   - After a failed write the stream stays broken until the server starts again, and its publishers get no answer
//     (fileStore.setWriteErr). So a message that waits for its answer is followed by a probe, which can never be stored. If the answer to the
//     probe comes first, the message has none. A disk that hangs keeps both back, so a slow disk is not taken for a failed one.
//   - The server has no listener: all connections are pipes of this process. It handles no signals and writes no log of its own.
//
// State and its life: records, tables and the identity of each log are files in the data directory, and survive a restart, kill -9 and a
// loss of power. One process uses the directory at a time. A reload of the configuration does not change the engine. There is one node:
// Send and Broadcast have no receiver.
package natsbroker
