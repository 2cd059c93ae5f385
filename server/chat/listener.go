package chat

// Listener receives the publications of a room for the program that contains the server (package embedded). Its queue shares the bytes of the
// publications with the members and the history. A listener whose queue is full is behind: it continues in the history, as a client that
// recovers does.
type Listener struct {
	// Constant.
	Room  string
	Ready chan struct{} // holds a token if Hub.Take may return something
	most  int           // bytes of the queue

	// Guarded by Stripe.Mu of the room.
	queue   []Publication
	bytes   int            // of the queue
	at      StreamPosition // of the newest publication with an offset that was queued
	behind  bool           // publications after it were not queued
	unkept  uint64         // those of them that have no offset: they are lost
	unknown bool           // there may be more that are lost: the position was of another epoch
}

// offer appends a publication of the room, in its epoch of now, or leaves the listener behind. The room's lock is held.
func (li *Listener) offer(pub *Publication, epoch string) {
	size := pub.Memory() + PublicationOverhead
	gap := pub.Offset > 0 && (StreamPosition{pub.Offset - 1, epoch}) != li.at
	if li.behind || gap || li.bytes+size > li.most && len(li.queue) > 0 {
		if li.behind = true; pub.Offset == 0 {
			li.unkept++
		}
		li.wake()
		return
	}
	li.queue, li.bytes = append(li.queue, *pub), li.bytes+size
	if pub.Offset > 0 {
		li.at.Offset = pub.Offset
	}
	li.wake()
}

// fallBehind makes the listener continue in the history. The room's lock is held.
func (li *Listener) fallBehind() {
	li.behind = true
	li.wake()
}

// wake makes the program call Hub.Take. It does not block.
func (li *Listener) wake() {
	select {
	case li.Ready <- struct{}{}:
	default:
	}
}
