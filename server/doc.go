// Package server assembles a chat server and runs it: New opens the ports, Run serves until its context ends, then stops gracefully. The
// parts have packages of their own. Their imports go in one direction (cmd/throng/imports_test.go checks them):
//
//	server --> edge, admin --> api --> session, plain --> chat --> fanout --> netpoll, wheel, ws
//	           public port,    server   one client of      rooms    connections
//	           admin port      API      each protocol
//
// A publication passes through them, from bytes to bytes:
//
//	socket --> fanout: Conn.OnData --> plain.Client or session.Session --> chat: Hub.Admit, Publish  --> fanout: Shard, Topic --> sockets
//	           decode (ws)             rates, permission                   offset, history, order         encode once, one write each
//
// A publication in a durable room takes a longer way from chat to chat:
//
//	chat: Hub.Propose --> home: open record, Log.Append --> broker/natsbroker: one synced record --> home: done --> chat: history, Shard, reply
//	      offset          many publications in one         data directory
//
// In a cluster each room has such a log, with one owner. A publication of another node goes to the owner, and the record comes back to all nodes:
//
//	chat: forward --> cluster/link, cluster --> owner: chat.Serve --> home --> broker --> cluster: all nodes --> home.Apply --> chat: replay, Shard, reply
//
// The life of a connection:
//
//	edge: Acceptor --> authorize --> plain.Open or Sessions.Open --> fanout: the shard writes the 101 and adds the socket to the event loop
//	Conn.Close --> the shard writes the close frame --> the peer ends TCP --> Handler.OnClosed --> Core.Leave --> chat removes the member
//
// With TLS, edge makes the handshake of a pending connection (tlshandshake, certs). The event loop then reads and writes its records by
// tlsconn, a fanout.Transport, with the keys of tlsrec.
//
// broker has the interfaces to a log of records and to tables that survive a restart. Its engines are packages below it. chat imports the
// interfaces only. A server without a data directory has no engine.
//
// record has the bytes of the log of durable rooms; it imports no package of throng.
//
// limiter, metrics, proxyheader, recent, unordered, nearest and origin are leaf packages. api is below edge and admin, because both ports may
// serve it. The shards, and not the sessions, own the messages that are encoded late.
//
// Rules of all packages:
//
//   - No connection has a goroutine. Pollers, shards and the heartbeat never block. Each piece of state has one owner, named at its field.
//     Other goroutines post to the owner.
//   - The lock of a room is that of its stripe of the room table. It is held while a message gets its offset and is appended to the inbox of
//     each shard. All other locks are leaves: a function that holds the lock of a room may take one of them, and no other function holds two
//     locks (docs/architecture.md lists them). A function value that is called under a lock does not block. Under the lock of a room it takes
//     no lock of a room; under a leaf it takes no lock of throng. nbio calls back under the lock of a connection, so these callbacks only
//     store a note. Only the poller of a connection closes its descriptor; other goroutines end TCP.
//   - Order: a publication gets its offset and is posted to all shards under the lock of its room. All members receive the same sequence,
//     and the history is that sequence.
//   - Recovery: the missed publications are read, and the reply and the job that adds the member are posted, under the same lock. So none is
//     missed or duplicated. A gap in the offsets ends the subscriptions with positioning.
//   - Backpressure: throng stops reading from a connection while the backlog of its room, or its own rate of bytes, exceeds the limit. Nothing
//     accepted is lost silently.
//   - Slow consumers: unsent bytes are slices that all slow members share, and count once. A connection without progress is closed, and the
//     slowest if a budget is used up.
//   - Time: deadlines count ticks, which stop while the process is suspended. Token expiry uses the wall clock.
//   - Settings that a reload replaces are one immutable value behind an atomic pointer, at their owner: chat.Settings, fanout.Limits, the rules of
//     edge and token. An act loads the value once. reload.go prepares all of them before it replaces the first.
//   - Panics: a panic on a poller, a shard or a worker closes one connection.
package server
