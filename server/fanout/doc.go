// Package fanout owns the connections of the process: it reads from them and writes to them. It knows no user, no permission and no
// history. Others tell it what a client's bytes mean (Handler) and what an audience is to receive (Message).
//
//	socket                                                                            sockets of the members
//	  |                                                                                          ^
//	  v                                                                                          |
//	loop.read ----> Conn.onData ----> Handler.OnMessage ...> Audience.PostLocked ----> Shard.work, Topic.flush ----> write
//	(loop.go,       decode, rates     plain client, session    one job for each         one batch a member,           (write.go)
//	 poller)        (conn.go)                                   Topic (audience.go)      encoded once a Format (topic.go)
//
// What a socket refuses waits in an outbox (outbox.go), as slices that all slow consumers share and that count once (retain.go). A topic
// is the members of one audience on one shard in one format. Deadlines are entries of a timing wheel (heartbeat.go). Who publishes to an
// audience that is over its limit is not read from (backpressure: Audience.Congested, loop.go), nor is who sends more bytes than its rate
// (pace.go).
//
// Pollers, shards and the heartbeat are goroutines that never block. Each field says which of them owns it.
package fanout
