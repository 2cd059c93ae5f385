// Package server assembles a chat server and runs it: New opens the ports, Run serves until its context ends, then drains. What it is made
// of has packages of its own, with arrows in one direction (cmd/throng/imports_test.go holds them):
//
//	server --> edge, admin --> api --> session, plain --> chat --> fanout --> netpoll, wheel, ws
//	           public port,    server   one client of      rooms    connections
//	           admin port      API      each protocol
//
// A publication walks along them, from bytes to bytes:
//
//	socket --> fanout: Conn.OnData --> plain.Client or session.Session --> chat: Hub.Publish(Plain)  --> fanout: Shard, Topic --> sockets
//	           decode (ws)             rates, permission                   offset, history, order         encode once, one write each
//
// and a connection comes and goes so:
//
//	edge: Door --> admit --> plain.Open or Sessions.Open --> fanout: the shard writes the 101 and adds the socket to the event loop --> ...
//	... --> Conn.Close --> the shard writes the close frame --> the peer ends TCP --> Handler.OnClosed --> Core.Leave --> chat counts it out
//
// The cut differs from the first plan in this: limiter, metrics, recent, unordered, nearest and origin are leaves that several packages
// share; api stands below edge and admin, since both ports may serve it; the shards, and not the sessions, own what is encoded late.
//
// Rules that hold across the packages:
//
//   - No connection has a goroutine. Pollers, shards and the heartbeat never block. Each piece of state has one owner, which its field
//     names; others post to the owner.
//   - The lock of a room is that of its stripe of the room table. It gives a message its place, and is held while the inbox of each shard
//     is appended to. All other locks are leaves: one of them may be taken under the lock of a room, and no other function holds two
//     (docs/architecture.md lists them). A function value that is called under a lock does not block and takes no lock of a room. nbio
//     calls back under a connection's lock, so that only leaves a note. Only a connection's poller closes its descriptor; others end TCP.
//   - Order: a publication gets its offset and is posted to all shards under the lock of its room. All members receive the same sequence,
//     and the history is that sequence.
//   - Recovery: what a client missed, the reply with it, and the job that makes it a member are posted under that lock as well. Its past
//     ends where its future begins. A gap in the offsets ends the subscriptions that watch for one.
//   - Backpressure: a connection is not read from while its room's backlog, or its own rate of bytes, is over the limit. Nothing accepted
//     is lost silently.
//   - Slow consumers: unsent bytes are slices that all slow members share, and count once. Who makes no progress, or is the slowest when
//     a budget is used up, is closed.
//   - Time: deadlines count ticks, which stand still while the process does. Token expiry uses the wall clock.
//   - Our own faults: a panic on the loop, a shard or a worker costs one connection.
package server
