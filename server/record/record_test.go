package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden file of a new version")

// examples have each field present and absent, and the largest numbers.
func examples() []Entry {
	return []Entry{
		{Kind: Fence, UnixMilli: 1_790_000_000_000, Edge: 7, EdgeNumber: 9},
		{Kind: Generation, Generation: 3, UnixMilli: 1_790_000_000_001},
		{Kind: Publish, Room: "chat:lobby", Generation: 3, Offset: 1, UnixMilli: 1_790_000_000_002, Form: 2, Data: []byte(`{"text":"hi"}`), Info: []byte("ann")},
		{Kind: Publish, Room: "chat:lobby", Generation: 3, Offset: 2, UnixMilli: 1_790_000_000_002, Form: 1, Data: []byte{0, 255}, Key: "key-1"},
		{Kind: Publish, Room: "état", Generation: 1, Offset: 1<<64 - 1, UnixMilli: -1 << 63, Change: true, Tags: map[string]string{"b": "2", "a": "1", "": ""}},
		{Kind: Redact, Room: "état", Generation: 1<<64 - 1, Offset: 300, UnixMilli: 1<<63 - 1},
		{Kind: Publish, Room: "chat:lobby", Notice: true, Form: MaxForm, Version: PublicationVersion{Number: 5, Epoch: "e"}, Edge: 1<<64 - 1},
		{Kind: Clear, Room: "chat:lobby", Offset: 3, EdgeNumber: 1, Version: PublicationVersion{Epoch: "e"}},
	}
}

// valueExamples have values between the entries of version 1.
func valueExamples() []Entry {
	return append(examples(),
		Entry{Kind: Value, Room: "chat:lobby", UnixMilli: 1_790_000_000_003, Key: "m/ann", Data: []byte(`"owner"`)},
		Entry{Kind: Value, Room: "chat:lobby", UnixMilli: 1_790_000_000_003, Key: "m/bob"},
		Entry{Kind: Value, UnixMilli: 1_790_000_000_004, Key: "mute/ann", Data: []byte{0, 255}},
		Entry{Kind: Value, Room: "chat:gone"},
	)
}

var exampleHeader = Header{Term: 4, Expected: 1234}

func seal(t testing.TB, h Header, entries []Entry) []byte {
	t.Helper()
	var w Writer
	for i := range entries {
		if err := w.Add(&entries[i]); err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
	}
	return w.Seal(h)
}

// readAll returns the entries before the first error.
func readAll(b []byte) (h Header, entries []Entry, err error) {
	h, r, err := Open(b)
	for err == nil {
		var e Entry
		var ok bool
		if ok, err = r.Next(&e); !ok {
			break
		}
		entries = append(entries, e)
	}
	return h, entries, err
}

func TestARecordReadsBackAsWritten(t *testing.T) {
	t.Parallel()
	b := seal(t, exampleHeader, examples())
	h, got, err := readAll(b)
	if err != nil || h != exampleHeader || !reflect.DeepEqual(got, examples()) {
		t.Errorf("read %+v %+v %v, want %+v %+v", h, got, err, exampleHeader, examples())
	}
	if h, got, err := readAll(seal(t, Header{}, nil)); err != nil || len(got) != 0 || h != (Header{}) {
		t.Errorf("an empty record reads back as %+v %+v %v", h, got, err)
	}
}

// Stored records must be readable by all later versions: if this test fails, the format has changed. See doc.go.
func TestTheFormatIsThatOfTheGoldenFile(t *testing.T) {
	t.Parallel()
	for version, entries := range map[byte][]Entry{1: examples(), 2: valueExamples()} {
		file := fmt.Sprintf("testdata/version-%d.record", version)
		b := seal(t, exampleHeader, entries)
		if *update {
			if err := os.WriteFile(file, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, golden) || b[0] != version {
			t.Errorf("the examples are encoded as\n%x, want version %d:\n%x", b, version, golden)
		}
		h, got, err := readAll(golden)
		if err != nil || h != exampleHeader || !reflect.DeepEqual(got, entries) {
			t.Errorf("the golden file of version %d reads as %+v %+v %v", version, h, got, err)
		}
	}
}

// A record has the lowest version of its entries: a throng before version 2 reads a log without values.
func TestTheVersionIsThatOfTheEntries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		entries []Entry
		version byte
	}{{nil, 1}, {examples(), 1}, {valueExamples(), 2}} {
		b := seal(t, Header{}, c.entries)
		if b[0] != c.version {
			t.Errorf("%d entries: got version %d, want %d", len(c.entries), b[0], c.version)
		}
		b[0] = 3 - c.version
		if _, _, err := readAll(resealed(b)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d entries in version %d: got %v, want %v", len(c.entries), b[0], err, ErrMalformed)
		}
	}
	var w Writer
	if err := w.Add(&Entry{Kind: Value, Key: "a"}); err != nil {
		t.Fatal(err)
	}
	w.Reset()
	if b := w.Seal(Header{}); b[0] != 1 {
		t.Errorf("after Reset: got version %d, want 1", b[0])
	}
}

func TestTheBytesAreThoseOfTheTable(t *testing.T) {
	t.Parallel()
	got := seal(t, Header{Term: 1, Expected: 200}, []Entry{
		{Kind: Publish, Room: "a", Generation: 2, Offset: 3, UnixMilli: 1, Form: 2, Key: "k", Data: []byte("{}")},
		{Kind: Redact, Room: "a", Generation: 2, Offset: 3, UnixMilli: 0},
	})
	want := []byte{
		1, 0, 0, 0, 0, // version, checksum
		1, 0xc8, 1, // term, expected
		1, 2, hasKey | hasData, 1, 'a', 2, 3, 2, 1, 'k', 2, '{', '}',
		2, 0, sameRoom, 2, 3, 1,
	}
	copy(want[1:5], got[1:5])
	if !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestEachFlippedBitIsFound(t *testing.T) {
	t.Parallel()
	b := seal(t, exampleHeader, examples())
	for bit := range 8 * len(b) {
		b[bit/8] ^= 1 << (bit % 8)
		if _, _, err := Open(b); !errors.Is(err, ErrChecksum) {
			t.Errorf("bit %d flipped: got %v, want %v", bit, err, ErrChecksum)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
}

func TestARecordThatIsCutIsNotRead(t *testing.T) {
	t.Parallel()
	b := seal(t, exampleHeader, examples())
	for n := range b {
		want := ErrChecksum
		if n < minHeader {
			want = ErrTruncated
		}
		if _, _, err := Open(b[:n]); !errors.Is(err, want) {
			t.Errorf("%d of %d bytes: got %v, want %v", n, len(b), err, want)
		}
		// With a valid checksum, as a defective writer makes it.
		if n >= minHeader && n < len(b) {
			cut := resealed(b[:n])
			if _, entries, err := readAll(cut); err != nil && !errors.Is(err, ErrMalformed) || len(entries) == len(examples()) {
				t.Errorf("%d of %d bytes with a checksum: got %d entries and %v", n, len(b), len(entries), err)
			}
		}
	}
}

// resealed returns a copy of a record with a valid checksum.
func resealed(b []byte) []byte {
	b = bytes.Clone(b)
	binary.LittleEndian.PutUint32(b[checksumAt:], checksum(b))
	return b
}

func TestANewerVersionIsNamed(t *testing.T) {
	t.Parallel()
	b := seal(t, exampleHeader, examples())
	b[0] = 3
	_, _, err := Open(resealed(b))
	if want := "found version 3, this throng reads versions 1 to 2"; !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	if _, _, err := Open(b); !errors.Is(err, ErrChecksum) {
		t.Errorf("a damaged version byte is taken for a newer version: got %v", err)
	}
}

// Records with a valid checksum that no Writer makes.
func TestMalformedFieldsAreNamed(t *testing.T) {
	t.Parallel()
	long := binary.AppendUvarint(nil, 1<<62)
	for _, c := range []struct {
		entry []byte
		want  string
	}{
		{[]byte{0, 0, sameRoom, 0, 0, 0}, "kind 0: must be 1 to 5"},
		{[]byte{6, 0, sameRoom, 0, 0, 0}, "kind 6: must be 1 to 5"},
		{[]byte{7, 0, sameRoom, 0, 0, 0}, "kind 7: must be 1 to 5, or in version 2 7"},
		{[]byte{1}, "shape: the record ends"},
		{[]byte{5, 0x40, sameRoom, 0, 0, 0}, "shape 0x40: unknown bits"},
		{[]byte{5, 0, 0x80 | sameRoom, 0, 0, 0}, "fields 0xc0: unknown bits"},
		{[]byte{1, 0, sameRoom, 0, 0, 0}, "publish without a room"},
		{append([]byte{1, 0, 0}, long...), "room: 4611686018427387904 bytes, but the record ends after 0"},
		{[]byte{1, 0, 0, 2, 'a'}, "room: 2 bytes, but the record ends after 1"},
		{[]byte{5, 0, 0, 0, 0, 0, 0}, "room: marked as present, but redundant"},
		{[]byte{5, 0, sameRoom, 0x80, 0, 0, 0}, "generation: the number has needless bytes"},
		{append([]byte{5, 0, sameRoom}, bytes.Repeat([]byte{0xff}, 11)...), "generation: the number has more than 64 bits"},
		{[]byte{5, 0, sameRoom, 0, 0}, "time: the record ends"},
		{[]byte{5, 0, sameRoom | hasEdge, 0, 0, 0, 0, 0}, "edge: marked as present, but redundant"},
		{[]byte{5, 0, sameRoom | hasKey, 0, 0, 0, 0}, "key: marked as present, but redundant"},
		{[]byte{5, 0, sameRoom | hasVersion, 0, 0, 0, 0, 0}, "version: marked as present, but redundant"},
		{[]byte{5, 0, sameRoom | hasTags, 0, 0, 0, 0}, "tags: marked as present, but redundant"},
		{append([]byte{5, 0, sameRoom | hasTags, 0, 0, 0}, long...), "tags: 4611686018427387904 do not fit in the 0 bytes that are left"},
		{[]byte{5, 0, sameRoom | hasTags, 0, 0, 0, 2, 1, 'b', 0, 1, 'a', 0}, "tag 1: its name is not after the one before"},
		{[]byte{5, 0, sameRoom | hasTags, 0, 0, 0, 2, 1, 'a', 0, 1, 'a', 0}, "tag 1: its name is not after the one before"},
		{[]byte{5, 0, sameRoom | hasInfo, 0, 0, 0, 0}, "info: marked as present, but redundant"},
		{[]byte{5, 0, sameRoom | hasData, 0, 0, 0, 0}, "data: marked as present, but redundant"},
		{append([]byte{5, 0, sameRoom | hasData, 0, 0, 0}, long...), "data: 4611686018427387904 bytes, but the record ends after 0"},
	} {
		_, entries, err := readAll(resealed(append(seal(t, Header{}, nil), c.entry...)))
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.want) || len(entries) > 0 {
			t.Errorf("%x: got %d entries and %v, want %q", c.entry, len(entries), err, c.want)
		}
	}
}

func TestAnErrorOfAReaderStays(t *testing.T) {
	t.Parallel()
	_, r, err := Open(resealed(append(seal(t, Header{}, []Entry{{Kind: Fence}}), 0)))
	if err != nil {
		t.Fatal(err)
	}
	var e Entry
	if ok, err := r.Next(&e); !ok || err != nil {
		t.Fatalf("got %v %v, want the entry before the malformed one", ok, err)
	}
	for range 2 {
		if ok, err := r.Next(&e); ok || !errors.Is(err, ErrMalformed) || !strings.HasPrefix(err.Error(), "entry 1: ") {
			t.Errorf("got %v %v, want the error of entry 1", ok, err)
		}
	}
}

func TestInvalidEntriesAreNotAdded(t *testing.T) {
	t.Parallel()
	var w Writer
	for _, c := range []struct {
		entry Entry
		want  error
	}{
		{Entry{}, ErrInvalid},
		{Entry{Kind: handover}, ErrInvalid},
		{Entry{Kind: Publish}, ErrInvalid},
		{Entry{Kind: Fence, Form: MaxForm + 1}, ErrInvalid},
		{Entry{Kind: Publish, Room: "a", Data: make([]byte, MaxRecord+1)}, ErrTooLarge},
		{Entry{Kind: Publish, Room: "a", Data: make([]byte, MaxRecord)}, ErrTooLarge},
		{Entry{Kind: Publish, Room: "a", Tags: map[string]string{"a": strings.Repeat("b", MaxRecord)}}, ErrTooLarge},
	} {
		if err := w.Add(&c.entry); !errors.Is(err, c.want) || w.Len() != 0 {
			t.Errorf("%.80v: got %v and %d entries, want %v", c.entry, err, w.Len(), c.want)
		}
	}
}

func TestAFullRecordKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	var w Writer
	e := Entry{Kind: Publish, Room: "a", Data: make([]byte, 100_000)}
	n := 0
	for {
		e.Offset++
		e.Room = strings.Repeat("r", 1+n%2) // an entry that does not fit must not become the room before
		if err := w.Add(&e); err != nil {
			if !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			break
		}
		n++
	}
	small := Entry{Kind: Publish, Room: strings.Repeat("r", 1+n%2), Offset: 7}
	if err := w.Add(&small); err != nil {
		t.Fatal(err)
	}
	b := w.Seal(exampleHeader)
	_, entries, err := readAll(b)
	if err != nil || len(entries) != n+1 || !reflect.DeepEqual(entries[n], small) || len(b) > MaxRecord {
		t.Errorf("%d bytes: got %d entries and %v, want %d", len(b), len(entries), err, n+1)
	}
}

func TestTheLargestEntryFitsExactly(t *testing.T) {
	t.Parallel()
	var w Writer
	e := Entry{Kind: Publish, Room: "a", Data: make([]byte, MaxRecord-maxHeader-11)}
	if err := w.Add(&e); err != nil || w.Size() != MaxRecord {
		t.Errorf("got %v and %d bytes, want %d", err, w.Size(), MaxRecord)
	}
	if b := w.Seal(Header{1<<64 - 1, 1<<64 - 1}); len(b) != MaxRecord {
		t.Errorf("got %d bytes, want %d", len(b), MaxRecord)
	} else if _, got, err := readAll(b); err != nil || len(got) != 1 {
		t.Errorf("got %d entries, %v", len(got), err)
	}
	if _, _, err := Open(make([]byte, MaxRecord+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a longer record: got %v", err)
	}
}

func TestASealedRecordNeedsAReset(t *testing.T) {
	t.Parallel()
	var w Writer
	first := bytes.Clone(w.Seal(Header{}))
	for name, f := range map[string]func(){"Add": func() { _ = w.Add(&Entry{Kind: Fence}) }, "Seal": func() { w.Seal(Header{}) }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s after Seal does not panic", name)
				}
			}()
			f()
		}()
	}
	w.Reset()
	if w.Len() != 0 || !bytes.Equal(w.Seal(Header{}), first) {
		t.Error("after Reset, the record is not empty")
	}
}

func TestRecordsCostNoAllocations(t *testing.T) {
	entries := examples()
	var w Writer
	header := exampleHeader
	write := func() {
		w.Reset()
		for i := range entries {
			if err := w.Add(&entries[i]); err != nil {
				t.Fatal(err)
			}
		}
		w.Seal(header)
	}
	write()
	if got := testing.AllocsPerRun(100, write); got != 0 {
		t.Errorf("writing a record allocates %v times, want 0", got)
	}
	for i := range entries {
		entries[i].Tags = nil // a new map belongs to the caller
	}
	b := bytes.Clone(seal(t, header, entries))
	var e Entry
	if got := testing.AllocsPerRun(100, func() {
		_, r, err := Open(b)
		for ok := err == nil; ok; {
			if ok, err = r.Next(&e); err != nil {
				t.Fatal(err)
			}
		}
	}); got != 0 {
		t.Errorf("reading a record allocates %v times, want 0", got)
	}
}
