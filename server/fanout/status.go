package fanout

import "sync/atomic"

// status is the flags of a connection, and the reason why it ends, in one word. Any goroutine may use it; each flag has one writer at a
// time.
type status struct{ bits atomic.Uint32 }

const (
	Left      uint32 = 1 << iota // Core.Leave was called
	Paused                       // bytes that are read go to Handler.OnUnread, and no more are read. Written by the poller
	Finishing                    // the close frame is sent or queued: nothing may follow it. Written by the shard
	waiting                      // in one of the poller's lists of connections to read from later. Written by the poller
	Deflates                     // permessage-deflate is negotiated: the client may compress its messages. Constant once the shard knows it
	writable                     // the socket accepts bytes again. Set by the loop, cleared by the shard
	OneWay                       // the client does not answer pings: they only show that the connection works. Constant once the shard knows it
	inLoop                       // the loop has the socket, and calls Handler.OnClosed. Set by the shard
	inflating                    // a message is inflated in steps; no more is read. Written by the poller

	reasonShift = 24 // the bits above are a Reason
)

// Is reports whether a flag is set.
func (st *status) Is(flag uint32) bool { return st.bits.Load()&flag != 0 }

// Set sets a flag and returns whether it was set.
func (st *status) Set(flag uint32) (was bool) { return st.bits.Or(flag)&flag != 0 }

// unset clears a flag and returns whether it was set.
func (st *status) unset(flag uint32) (was bool) { return st.bits.And(^flag)&flag != 0 }

// SetPaused sets the flag Paused, or clears it.
func (st *status) SetPaused(on bool) {
	if on {
		st.Set(Paused)
	} else {
		st.unset(Paused)
	}
}

// SetDeflate sets the flag Deflates if permessage-deflate is negotiated. Called before Engine.Register.
func (st *status) SetDeflate(negotiated bool) {
	if negotiated {
		st.Set(Deflates)
	}
}

// Reason returns why the connection ends. Once it is not StillOpen, nothing more is read from the peer.
func (st *status) Reason() Reason { return Reason(st.bits.Load() >> reasonShift) }

// Closing reports whether the connection ends.
func (st *status) Closing() bool { return st.Reason() != StillOpen }

// SetReason records why the connection ends, and reports whether it is the first: a later reason is ignored.
func (st *status) SetReason(r Reason) (first bool) {
	for {
		old := st.bits.Load()
		if Reason(old>>reasonShift) != StillOpen {
			return false
		}
		if st.bits.CompareAndSwap(old, old|uint32(r)<<reasonShift) {
			return true
		}
	}
}
