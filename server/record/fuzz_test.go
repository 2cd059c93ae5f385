package record

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// What the reader accepts is what the writer makes: each record has one encoding.
func FuzzReader(f *testing.F) {
	whole := seal(f, exampleHeader, examples())
	f.Add(whole)
	for i := range examples() {
		f.Add(seal(f, Header{}, examples()[i:i+1]))
	}
	f.Add(seal(f, exampleHeader, valueExamples()))
	f.Add([]byte{})
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, err := readAll(b); err != nil {
			for _, known := range []error{ErrTruncated, ErrTooLarge, ErrVersion, ErrChecksum, ErrMalformed} {
				if errors.Is(err, known) {
					err = nil
				}
			}
			if err != nil {
				t.Fatalf("an error of no known kind: %v", err)
			}
		}
		if len(b) < minHeader || len(b) > MaxRecord-maxHeader {
			return
		}
		b = resealed(b) // so that the bytes reach the fields
		h, entries, err := readAll(b)
		if err != nil {
			return
		}
		if again := seal(t, h, entries); !bytes.Equal(again, b) {
			t.Fatalf("%x reads as %+v, which is written as %x", b, entries, again)
		}
	})
}

// What the writer accepts, the reader reads back; a flipped bit is found.
func FuzzWriter(f *testing.F) {
	f.Add(uint8(1), uint8(2), true, false, "room", uint64(1), uint64(2), int64(3), uint64(4), "key", "epoch", "tag", []byte("info"), []byte("data"), uint16(77))
	f.Add(uint8(5), uint8(0), false, true, "", uint64(0), uint64(0), int64(-1), uint64(0), "", "", "", []byte{}, []byte{}, uint16(0))
	f.Add(uint8(7), uint8(0), false, false, "", uint64(0), uint64(0), int64(9), uint64(0), "key", "", "", []byte{}, []byte("value"), uint16(9))
	f.Fuzz(func(t *testing.T, kind, form uint8, change, notice bool, room string, generation, offset uint64, milli int64, number uint64, key, epoch, tag string, info, data []byte, bit uint16) {
		first := Entry{
			Kind: Kind(kind), Form: form, Change: change, Notice: notice, Room: room, Generation: generation, Offset: offset, UnixMilli: milli, Edge: number, EdgeNumber: generation,
			Key: key, Version: PublicationVersion{offset, epoch}, Info: info, Data: data,
		}
		second := first
		second.UnixMilli, second.Edge, second.EdgeNumber, second.Version.Number = -milli, 0, 0, number
		if tag != "" {
			second.Tags = map[string]string{tag: key, "": room}
		}
		var w Writer
		want := []Entry{}
		for _, e := range []Entry{first, second} {
			if err := w.Add(&e); err == nil {
				want = append(want, e)
			} else if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrFull) {
				t.Fatalf("an error of no known kind: %v", err)
			}
		}
		h := Header{number, offset}
		b := w.Seal(h)
		gotHeader, got, err := readAll(b)
		if err != nil || gotHeader != h || len(got) != len(want) {
			t.Fatalf("got %+v, %d entries, %v; want %d", gotHeader, len(got), err, len(want))
		}
		for i := range got {
			if g, w := normal(got[i]), normal(want[i]); !reflect.DeepEqual(g, w) {
				t.Errorf("entry %d: got %+v, want %+v", i, g, w)
			}
		}
		at := int(bit) % (8 * len(b))
		b[at/8] ^= 1 << (at % 8)
		if _, _, err := Open(b); err == nil {
			t.Errorf("bit %d flipped: not found", at)
		}
	})
}

// normal returns an entry with nil for what is empty.
func normal(e Entry) Entry {
	if len(e.Info) == 0 {
		e.Info = nil
	}
	if len(e.Data) == 0 {
		e.Data = nil
	}
	return e
}
