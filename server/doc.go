// Package server is the chat: one flat package that reads as one walk. A message comes as bytes and leaves as bytes:
//
//	socket                                                                                                       sockets
//	  |  loop.Read        Conn.OnData        plain.speak        Hub.Publish       shard.work      topic.flush       ^
//	  v  (loop.go)        (conn.go)          session.onCommand  Hub.Say           (shard.go)      (room.go)         |
//	bytes ---------> ws.Decoder.Next ---> command, rate, ---> its place in ---> encoded ONCE ---> one write a ---> sendNow
//	                                      permission          the room's order  for each          member a round  (send_linux.go)
//	                                      (command.go)        and history       encoding
//	                                                          (say.go)          (message.go)
//
// and a connection comes and goes so:
//
//	door.run -> door.greet -> edge.admit -> hub.join or open -> shard.join: into the loop, its 101 -> ... -> Conn.Close
//	(door.go; all that is no good handshake goes to net/http) -> shard.sendClose -> the peer ends TCP -> onClosed -> Engine.Leave
//
// A plain connection (/ws) is in one room and says bytes. One of the SDK protocol (/connection/websocket) has a session: it says
// who it is (identity.go), is in many rooms (subscribe.go), publishes (say.go), asks about rooms (query.go), and owes pongs and
// fresh tokens (heartbeat.go, session.OnDeadline). Both are members of the same rooms, each hears in its own encoding. What
// anybody may do is decided in one place: permission.go, with what moderation.go forbids. The application speaks by the server
// API (api*.go), and is told and asked by webhooks (hooks*.go).
//
// Who owns what, without a lock:
//
//	poller (nbio, one a core)   its connections' decoders and rates,   must not block, nor keep the bytes it was lent
//	                            and sessions; others post to it
//	closer (nbio, one)          nothing: it posts                      must not be slow: it serves every close
//	Shard.Run (one a core)      its connections' sockets for writing,  must not hold a lock over its work
//	                            outboxes, and its parts of the rooms
//	heartbeat.run               the order of deadlines                 must not hold its lock over a check
//	door.greet                  its connection until hub.join          must not touch a connection of the loop
//	workers (workers.go)        what they were given: webhooks, and    must not touch a session: they post to its poller
//	                            answers too long for a poller
//
// No connection has a goroutine. The lock of a room is that of its stripe of the room table (rooms.go). It gives a message its place, and
// is held while shard.mu of each shard is taken to append it to the inbox. All other locks are leaves (docs/architecture.md lists them):
// one of them may be taken under the lock of a room, and no other function holds two. A function value that is called under a lock
// (rooms.Each, archive.evictedFrom, places.enter) does not block and takes no lock of a room. nbio calls onWritten under a connection's
// lock, so that only leaves a note. Only a connection's poller closes its descriptor (netpoll.End says why); others end TCP.
//
// What the design rests on, and where:
//
//   - Order: what is said in a room is given its offset and posted to all shards under the room's lock, so every member hears the same
//     sequence, and a room's history is that sequence.
//   - Recovery: what a newcomer is told of the past, the answer that tells it, and the job that makes it a member are posted under
//     that lock as well (session.join): its past ends exactly where its future begins. A topic that sees a gap ends the subscriptions
//     that watch for one (Topic.Gap). A room's position outlives its publications and the room itself (position.go).
//   - Batching: while a shard writes a round, the next gathers. A quiet room is sent at once, a busy one is batched by
//     itself, with no timer.
//   - Encoding: a message is encoded on a shard when the first member needs it, once for each encoding, deltas included. A room
//     of plain members only skips even that: the frame is made before the lock.
//   - Answers: replies to a client are jobs like all else, so that they stand in order with what its rooms say. Long ones are made by
//     workers, once for all clients that wait for the same one, and counted until they have been read (longreply.go).
//   - Newcomers: the 101 is written by the shard, as part of the job that makes the connection a member: whoever has its 101
//     hears all that is said from then on.
//   - Slow readers: what a socket refuses stays as slices of batches that all slow members share (outbox.go). It is counted once
//     (retain.go); when a room, or the process, retains too much, the slowest are closed. So is who makes no progress, or costs
//     too much alone.
//   - Fast talkers: beyond a burst a connection is read at its rate of bytes (pace.go).
//   - Overload: a room that is too far behind is not read for (audience.backlog, poller.later): memory stays bounded and nothing
//     is lost; TCP makes the talkers wait.
//   - Joins and leaves: each room has a rate for them. Beyond it they wait, and what cancels out is not sent (join_leave.go).
//   - Deadlines: one entry a connection in a timing wheel, never moved when bytes arrive (heartbeat.go); rooms that remember
//     something are in another (history.go). The clock stands still while the process does (clock.go), so a pause cuts nobody.
//     Expiry of tokens goes by the wall clock (expiry.go), and is judged at the first tick after a pause.
//   - Webhooks: a session that asks the application is not read from until the answer has been posted to its poller (hooks.go,
//     session.await): its commands keep their order, and nobody else waits.
//   - Our own faults: a panic on the loop or a shard costs one connection.
package server
