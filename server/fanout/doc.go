// Package fanout owns the connections of the process: it reads from them and writes to them. It knows no user, no permission and no
// history. Its users give a client's bytes a meaning (Handler) and make what an audience receives (Message).
//
//	bytes                                                                                        bytes of each member
//	  |                                                                                            ^
//	  v                                                                                            |
//	Transport.Read --> Conn.OnData --> Handler.OnMessage ...> Audience.Post --> Shard.Push ...> Shard.work, Topic.flush --> Transport.Write
//	(receive.go,       decode, rates   plain or session       one job for       its inbox       one batch a member,         (write.go)
//	 poller)           (receive.go)    client, chat           each Topic        (shard.go)      encoded once for each
//	                                                          (topic.go)                        Format (flush.go, shard)
//
// A Transport carries the bytes of one connection (transport.go): plain TCP is *netpoll.TCP. The files are layers. Conn with its Handler,
// Shard with its inbox, Topic with its Audience, and the Core of all shards refer to each other (conn.go, shard.go, topic.go, core.go), and to
// nothing above them. Above are the code that reads (receive.go, loop.go, pace.go), what a flush of a shard does (flush.go, jobs.go, bulk.go,
// budget.go, write.go) and Heartbeat; Engine starts these. Below is what knows no connection: Outbox, Poller, clock, rates.
//
// Bytes that a transport does not send wait in an outbox (outbox.go), as slices that all slow consumers share and that count once
// (retained.go). docs/architecture.md lists the rules that close a slow consumer. A topic is the members of one audience on one shard in one
// format. Deadlines are entries of a timing wheel (heartbeat.go).
//
// The members of a topic with permessage-deflate inflate the same messages. So a message may refer to those before it (shared_context.go), and
// a connection needs no compressor.
//
// A publisher is not read from while the audience that it publishes to is over its limit (backpressure: Audience.OverLimit, loop.go), or
// while it exceeds its own rate of bytes (pace.go).
//
// Pollers, shards and the heartbeat are goroutines that never block. Each field names the one that owns it.
package fanout
