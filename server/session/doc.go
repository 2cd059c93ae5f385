// Package session is the SDK protocol: one Session for each client, which is the fanout.Handler of its connection.
//
//	frame --> OnMessage, onCommand (command.go) --> connect (connect.go)     --> token (verify.go), webhook (proxy.go) --> user, given rooms (grants.go)
//	          decode, rates, one command          subscribe (subscribe.go) --> Join (join.go) --> chat.Hub.JoinRooms
//	          at a time                           publish (publish.go)     --> fees (charge.go) --> chat.Hub.Publish
//	                                              history, presence        --> reply, or a long reply by a worker (bulk_reply.go)
//	replies <-- reply frame, encoded on the shard (reply_frame.go) <-- what the commands of one frame are answered (reply.go)
//
// A Session is owned by its poller; others post to it, and commands of the application on users are data (user_command.go). A command that
// waits for a webhook, a slow signature or a long reply holds the connection back (wait.go), and nobody else (workers.go). Publications,
// joins and leaves are encoded here for the formats of the SDKs (encoding.go, push.go); errors and disconnects are in errors.go.
//
// A file uses those above it in this list. Only session.go and sessions.go, which say what the state is, use each other.
//
//	encoding.go, data.go, delta.go, push.go, errors.go            what is received and sent
//	expiry.go, clientid.go                                         moments, and ids
//	workers.go, hooks_health.go, hooks.go, bulk_query.go         work off the loop, none of it for a Session
//	subscription.go, reply_frame.go, session.go, sessions.go       state
//	reply.go, wait.go                                              a client is answered, or waits
//	identity.go, rooms.go, deadline.go, charge.go, join.go            who a Session is, its rooms, and what it may do there
//	proxy.go, verify.go, grants.go, query_reply.go, bulk_reply.go     what several commands need
//	user_command.go                                                the commands of the application
//	connect.go, refresh.go, subscribe.go, publish.go, query.go,    the commands of clients
//	rpc.go
//	command.go, conn.go, open.go, hooks_plain.go                   what comes from the connection, and how it begins
//
// All state is in memory: a restart ends the sessions, and their clients come back and recover by what the chat remembers.
package session
