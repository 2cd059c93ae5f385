// Package server is the chat: one flat package that reads as one walk. A message comes as bytes and leaves as bytes:
//
//	socket                                                                                                       sockets
//	  |  loop.read        conn.onData        conn.onMessage     hub.publish       shard.work      part.flush        ^
//	  v  (loop.go)        (conn.go)          (conn.go)          (hub.go)          (shard.go)      (room.go)         |
//	bytes ---------> ws.Decoder.Next ---> rate, command ---> encoded ONCE ---> the room's ---> one write a ---> sendNow
//	                                                         its place in      pending batch   member a round  (send_linux.go)
//	                                                         the room's order
//
// and a connection comes and goes so:
//
//	door.run -> door.greet -> Server.admit -> hub.join -> shard.join: into the loop, a member, its 101 -> ... -> conn.close
//	(door.go; all that is no good handshake goes to net/http) -> shard.sendClose -> the peer ends TCP -> loop.onClose -> hub.leave
//
// Who owns what, without a lock:
//
//	poller (nbio, one a core)   its connections' decoders and rates    must not block, nor keep the bytes it was lent
//	closer (nbio, one)          nothing: it posts                      must not be slow: it serves every close
//	shard.run (one a core)      its connections' sockets for writing,  must not hold hub.mu over its work
//	                            outboxes, and its parts of the rooms
//	heartbeat.run               the order of deadlines                 must not hold its lock over a check
//	door.greet                  its connection until hub.join          must not touch a connection of the loop
//
// No connection has a goroutine. All locks are leaves (hub.mu, heartbeat.mu, handshakes.mu, guests.mu, nbio's own of each connection):
// no function of ours holds two. nbio calls onWritten under a connection's lock, so that only leaves a note.
//
// What the design rests on, and where:
//
//   - Order: hub.publish posts to all shards under one lock, so every member of a room hears the same sequence.
//   - Batching: while a shard writes a round, the next gathers. A quiet room is sent at once, a busy one is batched by
//     itself, with no timer.
//   - Newcomers: the 101 is written by the shard, as part of the job that makes the connection a member: whoever has its 101
//     hears all that is said from then on.
//   - Slow readers: what a socket refuses stays as slices of batches that all slow members share (outbox.go), until there
//     is too much, or no progress.
//   - Overload: a room that is too far behind is not read for (room.backlog, waker.later): memory stays bounded and nothing
//     is lost; TCP makes the talkers wait.
//   - Deadlines: one entry a connection in a timing wheel, never moved when bytes arrive (heartbeat.go). The clock stands
//     still while the process does (clock.go), so a pause cuts nobody.
//   - Our own faults: a panic on the loop or a shard costs one connection.
package server
