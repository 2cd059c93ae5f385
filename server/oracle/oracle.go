package oracle

import "slices"

// Oracle judges one run. Create it with New. Pass the log, then the acknowledgements, then what the subscribers received.
type Oracle struct {
	verdict    Verdict
	publishers map[string]uint32
	streams    map[streamKey]*stream
	newest     map[string]*stream // of each room, in the order of the log
	at         map[shortID]place
	last       map[inRoom]uint32 // number of the last stored publication of a publisher in a room
	subscribed map[subscription]*progress
}

// streamKey names the offsets of a room in one epoch.
type streamKey struct{ room, epoch string }

// stream is what is stored under these offsets.
type stream struct {
	streamKey
	first uint64 // offset of ids[0]
	ids   []shortID
}

// shortID is an ID with the number of its publisher. The zero value is a publication that does not belong to the run.
type shortID struct{ publisher, number uint32 }

type inRoom struct {
	room      string
	publisher uint32
}

// place is where a publication is stored.
type place struct {
	in     *stream
	offset uint64
}

// New returns an Oracle without lines.
func New() *Oracle {
	return &Oracle{
		verdict:    Verdict{Findings: map[Kind]int{}, Examples: map[Kind][]string{}},
		publishers: map[string]uint32{}, streams: map[streamKey]*stream{}, newest: map[string]*stream{},
		at: map[shortID]place{}, last: map[inRoom]uint32{}, subscribed: map[subscription]*progress{},
	}
}

// Verdict returns the result so far.
func (o *Oracle) Verdict() *Verdict {
	o.verdict.Subscriptions = len(o.subscribed)
	return &o.verdict
}

// short returns the short form of an ID.
func (o *Oracle) short(id ID) shortID {
	if id.Publisher == "" || id.Number == 0 {
		return shortID{}
	}
	n, ok := o.publishers[id.Publisher]
	if !ok {
		n = uint32(len(o.publishers)) + 1
		o.publishers[id.Publisher] = n
	}
	return shortID{n, id.Number}
}

// end returns the offset after the last one.
func (st *stream) end() uint64 { return st.first + uint64(len(st.ids)) }

// get returns the publication at an offset.
func (st *stream) get(offset uint64) (shortID, bool) {
	if st == nil || offset < st.first || offset >= st.end() {
		return shortID{}, false
	}
	return st.ids[offset-st.first], true
}

// keep begins a new epoch after an offset with the publications of the epoch before.
func (st *stream) keep(before *stream, after uint64) {
	st.first = after + 1
	if before != nil && after+1 >= before.first && after < before.end() {
		st.ids = slices.Clone(before.ids[after+1-before.first:])
	}
}

// maxGap is the largest gap that is filled in memory; at a larger one the stream begins anew.
const maxGap = 1 << 16

// Stored judges the next line of the log.
func (o *Oracle) Stored(line *Stored) {
	key := streamKey{line.Room, line.Epoch}
	in := o.streams[key]
	if in == nil {
		in = &stream{streamKey: key, first: 1}
		o.streams[key] = in
		if line.Kind == clearKind {
			in.keep(o.newest[line.Room], line.Offset)
		}
	}
	o.newest[line.Room] = in
	if line.Kind == clearKind {
		if line.Offset >= in.end() {
			in.first, in.ids = line.Offset+1, nil
		}
		return
	}
	if line.Kind != "" || line.Offset == 0 {
		return
	}
	o.verdict.Stored++
	id := o.short(line.Data.ID)
	switch end := in.end(); {
	case line.Offset < end:
		o.verdict.found(Reused, "room %q epoch %s: offset %d is stored again, for %+v", in.room, in.epoch, line.Offset, line.Data.ID)
		return
	case line.Offset > end:
		o.verdict.found(Gap, "room %q epoch %s: offset %d follows %d", in.room, in.epoch, line.Offset, end-1)
		if line.Offset-end > maxGap {
			in.first, in.ids = line.Offset, nil
		}
		for in.end() < line.Offset {
			in.ids = append(in.ids, shortID{})
		}
	}
	in.ids = append(in.ids, id)
	if id != (shortID{}) {
		o.storedID(in, line, id)
	}
}

// storedID judges the identity of a stored publication.
func (o *Oracle) storedID(in *stream, line *Stored, id shortID) {
	if first, ok := o.at[id]; ok {
		o.verdict.found(Twice, "%+v is stored in room %q at %d and in room %q at %d", line.Data.ID, first.in.room, first.offset, in.room, line.Offset)
		return
	}
	o.at[id] = place{in, line.Offset}
	of := inRoom{in.room, id.publisher}
	if last := o.last[of]; last > id.number {
		o.verdict.found(Order, "room %q: %+v is stored at %d, after number %d", in.room, line.Data.ID, line.Offset, last)
	}
	o.last[of] = id.number
}

// Acked judges an acknowledgement.
func (o *Oracle) Acked(a *Ack) {
	o.verdict.Acks++
	at, ok := o.at[o.short(a.ID)]
	switch {
	case !ok:
		o.verdict.found(Lost, "%+v is acknowledged in room %q at %d, and not stored", a.ID, a.Room, a.Offset)
	case at.in.room != a.Room:
		o.verdict.found(Foreign, "%+v is acknowledged in room %q, and stored in room %q", a.ID, a.Room, at.in.room)
	case a.Position != Position{} && (at.offset != a.Offset || at.in.epoch != a.Epoch):
		o.verdict.found(Moved, "room %q: %+v is acknowledged at %d epoch %s, and stored at %d epoch %s", a.Room, a.ID, a.Offset, a.Epoch, at.offset, at.in.epoch)
	}
}
