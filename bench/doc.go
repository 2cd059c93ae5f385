// Package bench load-tests a WebSocket server that broadcasts: it holds very many connections from one process, sends
// messages on a fixed schedule, checks every delivery, and measures how long each took.
//
// A message's way: the sender (send.go) asks the pacer (schedule.go) which messages are due, stamps each (stamp.go) with
// the moment it was meant to leave, and writes it on its publisher's connection. The server sends it to all members of the
// room. A poller (poller.go) reads many frames at once (parse.go), compares each with the room's log (verify.go), and
// notes its latency (histogram.go). One goroutine a poller, one sends, one draws the progress; none belongs to a
// connection.
//
// Latency counts from the intended moment, not from when a late client came to send: what waits in the client is part of
// what a user would wait. It ends when the read that brought the delivery returns: the clock is read once a read, so the
// parsing of what came before it in the same read is not counted (at most 64 KiB of it, some tens of microseconds).
package bench
