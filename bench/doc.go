// Package bench is the load test's coordinator. It holds no connection itself, so it does not disturb what it measures.
//
//	config.go, validate.go    what to measure; rooms.go: the room of each connection
//	run.go                    one run: start agents, connect, send, drain, account
//	targets.go                rooms that are spread over several servers, and the end of one of them
//	state.go                  the state of a run, and its events
//	fleet.go                  the agents: start, receive events, stop
//	connect.go, memory.go     opening connections, and the memory per connection
//	watch.go, others.go       the server's process, and other programs on this machine
//	collect.go, series.go     the agents' counts, four times per second
//	account.go                the result of a run
//	verdict.go, bounds.go     the verdict; cause.go: what limited the client; unfit.go: servers that do not fit the scenario
//	search.go, floor.go       ladder and find; the kernel's floor
//	child.go                  servers that the bench starts
//
// The path of a message: an agent's sender gets the due messages from its schedule. It stamps each with its scheduled time and writes
// it on its publisher's connection. The server sends it to all members of the room. A poller reads many frames at once, compares each
// with the room's log, and records its latency.
//
// Latency counts from the scheduled time: a delay of the client is part of what a user would wait. The latency from the send is recorded
// as well. Both end when the read that brought the delivery returns. The clock is read once per read, so the parsing of earlier frames
// of the same read (64 KiB at most, some tens of microseconds) does not count.
package bench
