// Package broker has the interfaces to what a process has beyond its own memory: a log of records that survives a restart, small tables that
// survive a restart, and messages to other nodes. It is a leaf package and knows nothing of rooms. A server without a data directory has no
// engine: its Engine is nil, and the path of its messages does not pass this package.
//
//	chat: owner of the rooms --> Log.Append --> engine: one synced record --> done --> history, delivery, acknowledgement
//	                         <-- Log.Replay <-- at a start and after each failed append
//	sanctions, keys          --> Table.Put  --> engine                     --> Table.Watch of each node --> maps
//
// Engines:
//
//	natsbroker       an embedded NATS server with JetStream, each write synced; the only package that imports nats
//	brokertest.Fake  in memory, for tests: seeded faults, explicit steps, records survive a restart of a node
//
// brokertest.Run is one suite of tests for all engines.
//
// Rules of all engines:
//
//   - A record is committed if done was called with nil: it survives a kill of the process and a loss of power. Replay returns it, whole, at
//     its sequence number.
//   - After an error the outcome is unknown, except where the error says otherwise (see Log.Append). The record may be found by the next
//     replay or not, and a replay never finds it twice.
//   - A log has no lease. Each append names the sequence number of the record before it. Of two owners that append the same number, one gets
//     nil and the other ErrFenced. An owner fences the earlier ones with its first record.
//   - Send, Broadcast, Append and Health do not block, also while the engine is down.
//   - After Close each call returns ErrClosed, and each open append was completed.
//
// State and its life: records and tables are on disk, so they survive a restart and an upgrade of the process. A reload of the
// configuration changes nothing here. With several nodes all nodes see the same records and tables.
package broker
