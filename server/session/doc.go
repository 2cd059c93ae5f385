// Package session implements the SDK protocol: one Session for each client, which is the fanout.Handler of its connection.
//
//	frame --> OnMessage, dispatch (command.go) --> connect (connect.go)     --> token (verify.go), proxy request (proxy.go) --> grants (grants.go)
//	          decode, rates, one command           subscribe (subscribe.go) --> Join (join.go) --> chat.Hub.JoinRooms
//	          at a time                            publish (publish.go)     --> limits (charge.go) --> chat.Hub.Publish
//	                                               history, presence        --> reply, or a bulk reply by a worker (bulk_reply.go)
//	replies <-- ReplyFrame, encoded on the shard (reply_frame.go) <-- replies to the commands of one frame (reply.go)
//
// The poller owns a Session; other goroutines post to it. Commands of the application on users are data (chat/user_command.go), which the
// session applies (user_command.go). A command that waits for a proxy request, a slow signature or a bulk reply stops the reading from its
// client (wait.go, workers.go); other sessions continue. Publications, joins and leaves are encoded here for the formats of the SDKs
// (publication.go, push.go).
//
// A publication of an SDK client without a webhook passes ten files from bytes to bytes, publication.go and chat/publish.go twice (counted in a
// build with -cover, without the transport, ws and the functions that only look up, check or count). It takes one look-up of the options of the
// room, none if the publisher is a member, and locks the order of the room once:
//
//	fanout/receive.go            read the socket, decode the frame
//	command.go, publish.go       decode the command; rates, limits
//	publication.go               the data of the client as a publication
//	chat/publish.go              permission; then, under the lock of the room: offset, history, post
//	fanout/topic.go, shard.go    one job for each shard and format, in the inbox of the shard
//	fanout/flush.go              all jobs of a flush; one batch
//	chat/publish.go              once for each format:
//	publication.go, encoding.go  the push, and its frame
//	fanout/write.go              one write for each member
//
// A session and its connection are one object (open.go). What most sessions do not need is allocated when it is needed: what a token has, what
// waits, what limits of bulk replies and rooms count (state_parts.go), the information for other clients (identity.go).
//
// A session of an HTTP stream (stream.go) differs in its encoding (stream_encoding.go) and in its transport, httpstream.Transport: its commands
// come in other requests, which find it by its ID (stream_sessions.go).
//
// A file uses those above it in this list. Only session.go, sessions.go and stream_sessions.go, which declare the state, use each other.
//
//	encoding.go, stream_encoding.go, delta.go, publication.go,     what is received and sent
//	push.go, errors.go
//	expiry.go, clientid.go                                         times, and IDs
//	workers.go, hooks_health.go, hooks.go, notices.go, bulk_query.go  work on other goroutines, without a Session
//	subscription.go, reply_frame.go, state_parts.go, session.go,   state
//	sessions.go, stream_sessions.go
//	reply.go, wait.go                                              replies, and waiting
//	identity.go, connection_token.go, rooms.go, deadline.go,       user, token, rooms, expiry and limits of a Session
//	charge.go, join.go
//	proxy.go, verify.go, grants.go, query_reply.go, bulk_reply.go  parts of several commands
//	user_command.go                                                the commands of the application
//	connect.go, refresh.go, subscribe.go, publish.go, query.go,    the commands of clients
//	rpc.go, rpc_notify.go
//	command.go, conn.go, open.go, stream.go, hooks_plain.go        events of the connection, and its start
//
// All state is in memory: a restart ends the sessions. Their clients reconnect, and recover if the chat still has the history.
package session
