// Package session is the SDK protocol: one Session for each client, which is the fanout.Handler of its connection.
//
//	frame --> onFrame, onCommand (command.go) --> connect (identity.go)   --> token, webhook (hooks.go) --> user, given rooms (grants.go)
//	          decode, rates, one command          subscribe (subscribe.go) --> chat.Hub.Join
//	          at a time                           publish (publish.go)     --> fees (fee.go) --> chat.Hub.Say
//	                                              history, presence        --> reply, or a long reply by a worker (longreply.go)
//	replies <-- reply frame, encoded on the shard (reply_frame.go) <-- what the commands of one frame are answered
//
// A Session is owned by its poller; others post to it, and commands of the application on users are data (user_command.go). A command that
// waits for a webhook, a slow signature or a long reply holds the connection back, and nobody else (workers.go). Publications, joins and
// leaves are encoded here for the formats of the SDKs (encoding.go, push.go); errors and disconnects are in refusal.go.
//
// All state is in memory: a restart ends the sessions, and their clients come back and recover by what the chat remembers.
package session
