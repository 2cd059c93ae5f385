package fanout

// What is or is not so of a connection.
const (
	ready uint32 = 1 << iota // nbio sent the sentinel: the socket takes bytes again
	Left                     // counted out
	Held                     // held back: what is read goes to handler.OnUnread, and no more is read. Written by the poller
)
