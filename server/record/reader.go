package record

import (
	"encoding/binary"
	"fmt"
)

// Reader reads the entries of a record. Not safe for concurrent use.
type Reader struct {
	cursor
	entries int    // read
	version byte   // that these need
	room    string // of the last entry
	milli   int64  // of the last entry
}

// Open checks a record as a whole and returns its header, and a Reader of its entries. The error wraps one of the errors of the table in the
// package documentation. The Reader and its entries refer to b: b must not change while they are used.
func Open(b []byte) (Header, Reader, error) {
	switch {
	case len(b) > MaxRecord:
		return Header{}, Reader{}, fmt.Errorf("record of %d bytes: %w: at most %d", len(b), ErrTooLarge, MaxRecord)
	case len(b) < minHeader:
		return Header{}, Reader{}, fmt.Errorf("%w: it has %d bytes, a header has at least %d", ErrTruncated, len(b), minHeader)
	}
	if stored, computed := binary.LittleEndian.Uint32(b[checksumAt:]), checksum(b); stored != computed {
		return Header{}, Reader{}, fmt.Errorf("%w: its checksum is %08x, its %d bytes have %08x", ErrChecksum, stored, len(b), computed)
	}
	if b[0] < firstVersion || b[0] > Version {
		return Header{}, Reader{}, fmt.Errorf("%w: found version %d, this throng reads versions %d to %d: start the newer throng that wrote it",
			ErrVersion, b[0], firstVersion, Version)
	}
	r := Reader{cursor: cursor{b: b, at: bodyAt}}
	h := Header{Term: r.uvarint("term"), Expected: r.uvarint("expected")}
	if r.err != nil {
		return Header{}, Reader{}, r.err
	}
	return h, r, nil
}

// Entries returns the number of entries read.
func (r *Reader) Entries() int { return r.entries }

// Next reads the next entry. ok is false at the end of the record and on error; the error wraps ErrMalformed and stays. Room, Key, the version
// epoch, Info and Data refer to the record; Tags is a new map whose strings refer to it. Copy what you keep: otherwise it is valid only as
// long as the record, and keeps the whole record in memory.
func (r *Reader) Next(e *Entry) (ok bool, err error) {
	if r.err == nil && r.at == len(r.b) && max(r.version, firstVersion) != r.b[0] {
		r.start = r.at
		r.fail("version %d: its entries need version %d", r.b[0], max(r.version, firstVersion))
	}
	if r.err != nil || r.at == len(r.b) {
		return false, r.err
	}
	r.start = r.at
	*e = Entry{}
	r.next(e)
	if r.err != nil {
		r.err = fmt.Errorf("entry %d: %w", r.entries, r.err)
		*e = Entry{}
		return false, r.err
	}
	r.entries++
	r.room, r.milli, r.version = e.Room, e.UnixMilli, max(r.version, e.Kind.version())
	return true, nil
}

// next reads the fields of an entry in their order. The error is in r.err.
func (r *Reader) next(e *Entry) {
	kind, shape, has := r.byte("kind"), r.byte("shape"), r.byte("fields")
	e.Kind, e.Form, e.Change, e.Notice = Kind(kind), shape&formMask, shape&bitChange != 0, shape&bitNotice != 0
	switch {
	case !e.Kind.known() || e.Kind.version() > r.b[0]:
		r.fail("kind %d: must be %d to %d, or in version %d %d", kind, Publish, Fence, Version, Value)
	case shape&^(formMask|bitChange|bitNotice) != 0:
		r.fail("shape %#02x: unknown bits", shape)
	case has&^knownFields != 0:
		r.fail("fields %#02x: unknown bits", has)
	}
	r.readRoom(e, has)
	e.Generation, e.Offset = r.uvarint("generation"), r.uvarint("offset")
	e.UnixMilli = r.milli + r.varint("time")
	if has&hasEdge != 0 {
		e.Edge, e.EdgeNumber = r.uvarint("edge"), r.uvarint("edge number")
		r.present(e.Edge > 0 || e.EdgeNumber > 0, "edge")
	}
	if has&hasKey != 0 {
		e.Key = r.string("key")
		r.present(e.Key != "", "key")
	}
	if has&hasVersion != 0 {
		e.Version = PublicationVersion{r.uvarint("version"), r.string("version epoch")}
		r.present(e.Version != PublicationVersion{}, "version")
	}
	if has&hasTags != 0 {
		e.Tags = r.readTags()
	}
	if has&hasInfo != 0 {
		e.Info = r.text("info")
		r.present(len(e.Info) > 0, "info")
	}
	if has&hasData != 0 {
		e.Data = r.text("data")
		r.present(len(e.Data) > 0, "data")
	}
}

func (r *Reader) readRoom(e *Entry, has byte) {
	e.Room = r.room
	if has&sameRoom == 0 {
		e.Room = r.string("room")
		r.present(e.Room != r.room, "room")
	}
	if e.Kind.ofRoom() && e.Room == "" {
		r.fail("%s without a room", e.Kind)
	}
}

// expectedTags bounds the memory for the tags of an entry before they are read.
const expectedTags = 64

// readTags reads tags.
func (r *Reader) readTags() map[string]string {
	n := r.uvarint("tags")
	r.present(n > 0, "tags")
	if n > uint64(len(r.b)-r.at)/2 {
		r.fail("tags: %d do not fit in the %d bytes that are left", n, len(r.b)-r.at)
	}
	if r.err != nil {
		return nil
	}
	tags := make(map[string]string, min(n, expectedTags))
	last := ""
	for i := range n {
		name, value := r.string("tag name"), r.string("tag value")
		if i > 0 && name <= last {
			r.fail("tag %d: its name is not after the one before", i)
		}
		if r.err != nil {
			return nil
		}
		tags[name], last = value, name
	}
	return tags
}

// present fails if a field that is marked as present is empty, or repeats what is known: then the encoding is not the only one.
func (r *Reader) present(ok bool, field string) {
	if !ok {
		r.fail("%s: marked as present, but redundant", field)
	}
}
