// Package chat owns the rooms: members, permissions, the order of publications, histories and stream positions. It does not know sockets
// and the types of the SDK protocol.
//
//	plain client --> Hub.Admit --> Hub.PublishPlain --+     +--> history (history.go, history_budget.go), stream position (stream_position.go)
//	session -------> Hub.Admit --> Hub.Publish -------+-----+
//	server API ----> Hub.Admit --> Hub.Publish -------+     +--> audience of the room: one job per shard (package fanout)
//	                 (publish.go: size, offset, order, encoding)
//
// A room belongs to a stripe of the room table (room_table.go). The stripe's lock protects the order of the room: a publication gets its
// offset, is appended to the history and is posted to the shards under that lock. A client joins under the same lock (join.go), so the
// recovered publications end where the live ones begin. permission.go decides who may do an action. Rates and slow mode limit publishers
// (user_connections.go, address_limits.go, slow_mode.go). Other packages register the formats that encode publications and events
// (formats.go).
//
// The files have two layers. The lower layer has the state: the hub (hub.go), its rooms (room.go), members (membership.go, presence.go),
// histories, users (user.go) and addresses (address.go). The upper layer has the operations, which are methods of Hub: a room is created,
// scheduled for expiry and released (room_lifecycle.go, expiry.go), joined and left (join.go, leave.go, plain_members.go), published in
// (publish.go), read (read_history.go, read_presence.go, active_rooms.go) and redacted (redact.go). The lower layer does not call the upper
// one.
//
// Commands of the application to connections of users are plain data (user_command.go). Hub.Execute sends them (execute.go), also to
// connections that wait for their connect webhook (pending_user_commands.go).
//
// A durable room has its history in a log (package home). A publication becomes a proposal (propose.go, propose_change.go), which gets its offset
// and joins the open record under the room's lock. After the commit (commit.go) it is appended to the history, posted and acknowledged. A
// restart replays the log (replay.go), repairs what was lost, and keeps positions when old records are removed (checkpoint.go). In a hub
// without a log, Hub.Durable returns nil, and rooms in memory do not pass these files.
//
// Beside publications, a room has values: data by key (value.go). They outlive the room, and the room "" has those of users. Hub.ChangeValues
// changes them (values.go). In a durable room, and for users if there is a log, a change is committed as a publication is. Before the log loses
// a record, its values are proposed again (carry.go). A family keeps its values in a form of its own, with four bytes for the record of each
// (valueFamily); all others are in a table. A reload keeps values. On a second node, the owner of the log has them.
//
//	| key      | room   | value                                                                      | family             |
//	|----------|--------|----------------------------------------------------------------------------|--------------------|
//	| s/USER   | ""     | when the user was last connected (last_seen.go): a uvarint                 | marker_values.go   |
//	| alive    | ""     | when a process last ran, in seconds since 1970: a uvarint                  |                    |
//	| m/USER   | a room | role of the user in the roster: "member", "moderator" or "owner"           | roster_values.go   |
//	| i        | a room | what the room is called: a roster.Info as JSON                             |                    |
//	| n/USER   | ""     | what a user wants of notifications: notify.Preferences as JSON             | package notify     |
//	| b/HASH   | ""     | user that the browser of a Web Push subscription belongs to                | package notify     |
//	| r/USER   | a room | read marker: offset (a uvarint), number of the epoch (8 bytes)             | marker_values.go   |
//
// A chat room (kind = "chat") has its messages beside its history (talk_room.go, package timeline). A publication is read, checked against the
// messages and folded into them (talk_publish.go, talk_propose.go, talk_redact.go). ReadTimeline reads them. In rooms of other kinds, Room.talk
// is nil, and the path of a publication has this one check more.
//
// The program that contains the server receives rooms by a Listener (listener.go, listen.go), and all rooms of a pattern (room_feeds.go)
// and what clients do (watcher.go) by a Feed (feed.go).
//
// All other state is in memory: a restart clears it, and it is not shared with other processes.
package chat
