// Package fanout owns the connections of the process: it reads from them and writes to them. It knows no user, no permission and no
// history. Others tell it what a client's bytes mean (Handler) and what an audience is to receive (Message).
//
//	socket                                                                            sockets of the members
//	  |                                                                                          ^
//	  v                                                                                          |
//	loop.Read ----> Conn.OnData ----> Handler.OnMessage ...> Audience.PostLocked ----> Shard.work, Topic.flush ----> write
//	(loop.go,       decode, rates     plain client, session    one job for each         one batch a member,           (write.go)
//	 poller)        (receive.go)                                Topic (topic.go)         encoded once a Format (round.go)
//
// The files are layers. Conn with its handler, Shard with its inbox, Topic with its Audience, and Heartbeat refer to each other (conn.go,
// shard.go, topic.go, heartbeat.go), and to nothing above them. Above are what reads (loop.go, pace.go, receive.go) and what a round of a
// shard does (round.go, jobs.go, bulk.go, relieve.go, write.go); Engine starts both. Below is what knows no connection: Outbox, Poller,
// clock, rates.
//
// What a socket refuses waits in an outbox (outbox.go), as slices that all slow consumers share and that count once (retained.go). A topic
// is the members of one audience on one shard in one format. Deadlines are entries of a timing wheel (heartbeat.go). Who publishes to an
// audience that is over its limit is not read from (backpressure: Audience.Congested, loop.go), nor is who sends more bytes than its rate
// (pace.go).
//
// Pollers, shards and the heartbeat are goroutines that never block. Each field says which of them owns it.
package fanout
