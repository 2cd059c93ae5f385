// Package bench is the load test's coordinator. It holds no connection itself, so it does not disturb what it measures.
//
//	config.go, validate.go    what to measure; rooms.go: which connection is in which room
//	run.go                    one run: start agents, connect, send, drain, account
//	state.go                  the run under way, and its events
//	fleet.go                  the agents: start, receive events, stop
//	connect.go, memory.go     opening connections, and the memory per connection
//	watch.go, others.go       the server's process, and other programs on this machine
//	collect.go, series.go     the agents' counts, four times per second
//	account.go                the result of a run
//	verdict.go, bounds.go     whether it can be believed: cause.go: what limited the client; unfit.go: servers that do not fit the scenario
//	search.go, floor.go       ladder and find; the kernel's floor
//	child.go                  servers that the bench starts
//
// A message's way: an agent's sender asks its schedule which messages are due, stamps each with the moment it was meant to leave,
// and writes it on its publisher's connection. The server sends it to all members of the room. A poller reads many frames at once,
// compares each with the room's log, and notes its latency.
//
// Latency counts from the intended moment, not from when a late client came to send: what waits in the client is part of what a
// user would wait. That from the send is kept beside it. Both end when the read that brought the delivery returns: the clock is
// read once a read, so the parsing of what came before it in the same read is not counted (at most 64 KiB of it, some tens of
// microseconds).
package bench
