package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Writer makes records. The zero value is an empty record. After Seal, Reset begins the next record in the same memory. Not safe for concurrent
// use.
type Writer struct {
	b       []byte // begins with maxHeader bytes for the header
	entries int
	room    string // of the last entry
	milli   int64  // of the last entry
	names   []string
	version byte // that the entries need; 0 without entries
	sealed  bool
}

// Len returns the number of entries.
func (w *Writer) Len() int { return w.entries }

// Size returns an upper bound of the record's bytes: at most MaxRecord.
func (w *Writer) Size() int { return max(len(w.b), maxHeader) }

// Reset begins a new record. The slice that Seal returned is then invalid.
func (w *Writer) Reset() {
	clear(w.names)
	*w = Writer{b: w.b[:min(len(w.b), maxHeader)], names: w.names[:0]}
}

// Add appends a copy of an entry. On error the record is as before. The error wraps ErrFull, ErrTooLarge or ErrInvalid. It panics after Seal.
func (w *Writer) Add(e *Entry) error {
	if w.sealed {
		panic("record: Add after Seal: call Reset")
	}
	if err := w.check(e); err != nil {
		return err
	}
	if len(w.b) == 0 {
		w.b = append(w.b, make([]byte, maxHeader)...)
	}
	before := len(w.b)
	w.append(e)
	if size := len(w.b); size > MaxRecord {
		w.b = w.b[:before]
		if maxHeader+size-before > MaxRecord {
			return tooLarge(size - before)
		}
		return fmt.Errorf("%w: it has %d bytes, the entry has %d, and a record has at most %d: seal it first", ErrFull, before, size-before, MaxRecord)
	}
	w.entries++
	w.room, w.milli, w.version = e.Room, e.UnixMilli, max(w.version, e.Kind.version())
	return nil
}

// check returns why the format cannot express an entry.
func (w *Writer) check(e *Entry) error {
	switch {
	case !e.Kind.known():
		return invalid("kind %d: must be %d to %d, or %d", e.Kind, Publish, Fence, Value)
	case e.Form > MaxForm:
		return invalid("form %d: must be at most %d", e.Form, MaxForm)
	case e.Kind.ofRoom() && e.Room == "":
		return invalid("%s without a room", e.Kind)
	}
	size := len(e.Room) + len(e.Key) + len(e.Version.Epoch) + len(e.Info) + len(e.Data)
	for name, value := range e.Tags {
		size += len(name) + len(value)
	}
	if size > MaxRecord {
		return tooLarge(size)
	}
	return nil
}

func tooLarge(size int) error {
	return fmt.Errorf("entry of %d bytes: %w: at most %d bytes with its header", size, ErrTooLarge, MaxRecord)
}

// append encodes an entry.
func (w *Writer) append(e *Entry) {
	has := e.fields(w.room)
	b := append(w.b, byte(e.Kind), e.shape(), has)
	if has&sameRoom == 0 {
		b = appendText(b, e.Room)
	}
	b = binary.AppendUvarint(b, e.Generation)
	b = binary.AppendUvarint(b, e.Offset)
	b = binary.AppendVarint(b, e.UnixMilli-w.milli)
	if has&hasEdge != 0 {
		b = binary.AppendUvarint(b, e.Edge)
		b = binary.AppendUvarint(b, e.EdgeNumber)
	}
	if has&hasKey != 0 {
		b = appendText(b, e.Key)
	}
	if has&hasVersion != 0 {
		b = binary.AppendUvarint(b, e.Version.Number)
		b = appendText(b, e.Version.Epoch)
	}
	if has&hasTags != 0 {
		b = w.appendTags(b, e.Tags)
	}
	if has&hasInfo != 0 {
		b = appendText(b, e.Info)
	}
	if has&hasData != 0 {
		b = appendText(b, e.Data)
	}
	w.b = b
}

// appendTags encodes tags in the order of their names.
func (w *Writer) appendTags(b []byte, tags map[string]string) []byte {
	w.names = w.names[:0]
	for name := range tags {
		w.names = append(w.names, name)
	}
	slices.Sort(w.names)
	b = binary.AppendUvarint(b, uint64(len(tags)))
	for _, name := range w.names {
		b = appendText(appendText(b, name), tags[name])
	}
	return b
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// Seal ends the record and returns it. The slice refers to the Writer's memory: it is valid until Reset. It panics if called twice.
func (w *Writer) Seal(h Header) []byte {
	if w.sealed {
		panic("record: Seal twice: call Reset")
	}
	w.sealed = true
	if len(w.b) == 0 {
		w.b = append(w.b, make([]byte, maxHeader)...)
	}
	var head [maxHeader]byte
	head[0] = max(w.version, firstVersion)
	n := bodyAt + binary.PutUvarint(head[bodyAt:], h.Term)
	n += binary.PutUvarint(head[n:], h.Expected)
	b := w.b[maxHeader-n:]
	copy(b, head[:n])
	binary.LittleEndian.PutUint32(b[checksumAt:], checksum(b))
	return b
}

// checksum returns the checksum of a record of at least bodyAt bytes.
func checksum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:checksumAt], castagnoli), castagnoli, b[bodyAt:])
}
