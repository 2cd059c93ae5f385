package oracle

import "fmt"

type subscription struct{ subscriber, room string }

// progress is what a subscriber has of a room.
type progress struct {
	epoch string
	next  uint64 // offset of the next publication
}

// Heard judges the next line of a subscriber. The error is about the line itself: an unknown event, or a publication before its subscription.
func (o *Oracle) Heard(line *Heard) error {
	name := subscription{line.Subscriber, line.Room}
	p := o.subscribed[name]
	switch line.Event {
	case Subscribed:
		o.resumed(name, p, line)
		return nil
	case Publication, Complete:
	default:
		return fmt.Errorf("event %q: must be %s, %s or %s", line.Event, Subscribed, Publication, Complete)
	}
	if p == nil {
		return fmt.Errorf("%s of subscriber %q before its subscription of room %q", line.Event, line.Subscriber, line.Room)
	}
	if line.Event == Complete {
		o.complete(name, p)
	} else {
		o.received(name, p, line)
	}
	return nil
}

// resumed begins a subscription, or continues it where it was.
func (o *Oracle) resumed(name subscription, p *progress, line *Heard) {
	switch {
	case p == nil:
		o.subscribed[name] = &progress{line.Epoch, line.Offset + 1}
	case !line.Recovered:
		*p = progress{line.Epoch, line.Offset + 1}
	case line.Epoch != p.epoch:
		o.verdict.found(Missed, "%+v: recovered from epoch %s in epoch %s", name, p.epoch, line.Epoch)
		*p = progress{line.Epoch, line.Offset + 1}
	}
}

// received judges a publication that a subscriber received.
func (o *Oracle) received(name subscription, p *progress, line *Heard) {
	o.verdict.Heard++
	if line.Offset < p.next {
		o.verdict.found(Repeated, "%+v: offset %d is received after %d", name, line.Offset, p.next-1)
		return
	}
	if line.Offset > p.next {
		o.verdict.found(Missed, "%+v: offset %d is received after %d", name, line.Offset, p.next-1)
	}
	p.next = line.Offset + 1
	id := o.short(line.ID)
	stored, ok := o.streams[streamKey{name.room, p.epoch}].get(line.Offset)
	elsewhere, isStored := o.at[id]
	switch {
	case ok && stored == id:
	case isStored && elsewhere.in.room != name.room:
		o.verdict.found(Foreign, "%+v: received %+v of room %q at %d", name, line.ID, elsewhere.in.room, line.Offset)
	case !ok || !isStored:
		o.verdict.found(Unstored, "%+v: received %+v at %d epoch %s, which is not stored", name, line.ID, line.Offset, p.epoch)
	default:
		o.verdict.found(Differs, "%+v: received %+v at %d, which is stored at %d", name, line.ID, line.Offset, elsewhere.offset)
	}
}

// complete judges the end of a subscription that was live until the end.
func (o *Oracle) complete(name subscription, p *progress) {
	o.verdict.Complete++
	in := o.newest[name.room]
	switch {
	case in == nil:
	case in.epoch != p.epoch:
		o.verdict.found(Missed, "%+v: ends in epoch %s, and the room in epoch %s", name, p.epoch, in.epoch)
	case p.next < in.end():
		o.verdict.found(Missed, "%+v: ends after %d, and the room after %d", name, p.next-1, in.end()-1)
	}
}
