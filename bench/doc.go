// Package bench is the load test's coordinator: it checks what is to be measured (config.go, validate.go), starts the agents that hold
// the connections (fleet.go), tells them what to do (run.go), adds up what they tell four times a second (collect.go) beside what it
// sees of the server's process (watch.go), and says what came of it (account.go) and whether that can be believed (verdict.go): what
// limited the client (cause.go), and for which server the scenario is none (unfit.go). It holds no connection itself, so that what it
// does disturbs nothing.
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
