// Package chat owns the rooms: who is in them, who may do what, the order of what is published, its history, and where each client may
// go on. It knows no socket and no type of the SDK protocol.
//
//	plain client ----+                                   +--> History, positions (history.go, archive.go, position.go)
//	session ---------+--> Hub.Admit --> Hub.Publish -----+
//	server API ------+    (publish.go: permission, size) +--> Room's audience: one job for each shard (package fanout)
//	                                    offset, order
//
// A room has a stripe of the room table (rooms.go), whose lock is its order: a publication gets its offset, enters the history and is
// posted to the shards under it. A client joins by a JoinRequest under the same lock (join.go), so what it missed ends where its future
// begins. Who publishes is held to rates and slow mode (users.go, addresses.go, slow_mode.go). Publications, joins and leaves are encoded by
// the formats that others register (formats.go).
//
// The files are in two layers. The state is below: the Hub (hub.go) holds the rooms (rooms.go), their members (members.go), histories,
// users and addresses. What is done with it is above, in methods of the Hub: a room is made, kept and forgotten (life.go, aging.go),
// joined and left (join.go, leave.go, seats.go), published in (publish.go), read (read.go, presence.go) and redacted (redact.go). Nothing below
// needs what is above; what it calls there is a field that New sets (config.go).
//
// All state is in memory: a restart forgets it, and a second process does not see it.
package chat
