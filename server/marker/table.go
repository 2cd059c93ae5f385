package marker

import (
	"encoding/binary"
	"hash/maphash"
	"iter"
	"math"
	"slices"
)

// The limits of a table. Its caller enforces them.
const (
	MaxMarkers = 1 << 16
	MaxName    = 256 // bytes of the name of a user
)

// Entry is the number of a user.
type Entry struct {
	User   string
	Number uint64 // not 0
	Epoch  uint64 // in which Number has a meaning; 0 if there is none
	At     uint32 // of the caller: which record has it
}

// Table has the entries of users. The zero value is empty. Not safe for concurrent use.
//
// An entry is its number, its record, the index of its epoch, the length of the name and the name. Entries lie in chunks, and the slots of a hash
// table point to them. So a user with a name of 36 bytes takes less than 64 bytes; in a Go map it takes about 100.
type Table struct {
	chunks [][]byte
	slots  []uint32 // position of an entry plus 1; 0: free. The length is a power of two; at most three quarters are in use
	epochs []uint64 // by index; the first is 0. An epoch that has no index any more has index 0: it is over
	used   int      // slots in use
	live   int      // of them, entries that are not removed
	bytes  int
}

const (
	chunkBits   = 14 // of a position: the place in its chunk. The other bits are the chunk
	chunkSize   = 1 << chunkBits
	firstChunk  = 64 // bytes: most tables have few users
	fewestSlots = 4
	maxEpochs   = math.MaxUint8 + 1

	// The bytes of an entry.
	atAt    = 8
	epochAt = atAt + 4
	nameAt  = epochAt + 1 // a uvarint and the name
)

// seed is the seed of all hashes: clients choose names.
var seed = maphash.MakeSeed()

// Len returns the number of users.
func (t *Table) Len() int { return t.live }

// Bytes returns the memory of the table.
func (t *Table) Bytes() int { return t.bytes }

// Get returns the entry of a user; its Number is 0 if there is none.
func (t *Table) Get(user string) (e Entry) {
	if t.live > 0 {
		if at := t.slots[t.slotOf(user)]; at > 0 {
			e = t.read(t.entry(at))
		}
	}
	e.User = user
	return e
}

// Set stores an entry, or removes it if its Number is 0. It returns the entry before. It copies the name, which has at most MaxName bytes.
func (t *Table) Set(e Entry) (before Entry) {
	before.User = e.User
	if t.used == 0 && e.Number == 0 {
		return before
	}
	if t.used > 0 {
		if at := t.slots[t.slotOf(e.User)]; at > 0 {
			b := t.entry(at)
			before = t.read(b)
			before.User = e.User
			t.write(b, &e)
			t.count(before.Number, e.Number)
			return before
		}
	}
	if e.Number > 0 {
		t.add(&e)
	}
	return before
}

// count counts the change of a number that is stored. It forgets removed entries when they are more than the others.
func (t *Table) count(before, now uint64) {
	switch {
	case before == 0 && now > 0:
		t.live++
	case before > 0 && now == 0:
		t.live--
		if t.used > fewestSlots && t.live < t.used/2 {
			t.rebuild()
		}
	}
}

// rebuild forgets the removed entries.
func (t *Table) rebuild() {
	before := *t
	*t = Table{epochs: t.epochs, bytes: 8 * cap(t.epochs)}
	for e := range before.All() {
		t.add(&e)
	}
}

// All returns the entries.
func (t *Table) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		t.each(func(name, b []byte) bool {
			e := t.read(b)
			e.User = string(name)
			return yield(e)
		})
	}
}

// each calls do with the name and the bytes of each entry until do returns false.
func (t *Table) each(do func(name, b []byte) bool) {
	for _, b := range t.chunks {
		for len(b) > 0 {
			name := nameOf(b)
			if binary.LittleEndian.Uint64(b) > 0 && !do(name, b) {
				return
			}
			b = b[sizeOf(len(name)):]
		}
	}
}

// samples is the number of entries by which Lowest estimates which numbers are low.
const samples = 64

// Lowest returns users with the lowest numbers: at most n, and at least one unless the table is empty. Numbers of another epoch than the given
// one are the lowest of all. It takes time in proportion to the table.
func (t *Table) Lowest(n int, epoch uint64) (users []string) {
	number := func(b []byte) uint64 {
		if e := t.read(b); e.Epoch == epoch {
			return e.Number
		}
		return 0
	}
	var sample []uint64
	i, step := 0, max(t.live/samples, 1)
	t.each(func(_, b []byte) bool {
		if i++; i%step == 0 {
			sample = append(sample, number(b))
		}
		return true
	})
	if len(sample) == 0 {
		return nil
	}
	slices.Sort(sample)
	limit := sample[len(sample)/8]
	t.each(func(name, b []byte) bool {
		if number(b) <= limit {
			users = append(users, string(name))
		}
		return len(users) < n
	})
	return users
}

// slotOf returns the slot of a user, or the free slot for it. There are slots.
func (t *Table) slotOf(user string) int {
	mask := len(t.slots) - 1
	for i := int(uint32(maphash.String(seed, user))) & mask; ; i = (i + 1) & mask {
		if at := t.slots[i]; at == 0 || string(nameOf(t.entry(at))) == user {
			return i
		}
	}
}

// entry returns the bytes from an entry on.
func (t *Table) entry(at uint32) []byte {
	return t.chunks[(at-1)>>chunkBits][(at-1)&(chunkSize-1):]
}

// read returns the entry at the start of b, without the name.
func (t *Table) read(b []byte) Entry {
	return Entry{
		Number: binary.LittleEndian.Uint64(b), At: binary.LittleEndian.Uint32(b[atAt:]), Epoch: t.epochs[b[epochAt]],
	}
}

// write writes all of an entry but the name to the start of b.
func (t *Table) write(b []byte, e *Entry) {
	binary.LittleEndian.PutUint64(b, e.Number)
	binary.LittleEndian.PutUint32(b[atAt:], e.At)
	b[epochAt] = t.epochIndex(e.Epoch)
}

// epochIndex returns the index of an epoch. If all indexes are in use, the entries of all other epochs lose theirs.
func (t *Table) epochIndex(epoch uint64) byte {
	if i := slices.Index(t.epochs, epoch); i >= 0 {
		return byte(i)
	}
	if len(t.epochs) == 0 {
		t.addEpoch(0)
	}
	if len(t.epochs) == maxEpochs {
		t.epochs = t.epochs[:1]
		t.each(func(_, b []byte) bool {
			b[epochAt] = 0
			return true
		})
	}
	if epoch != 0 {
		t.addEpoch(epoch)
	}
	return byte(len(t.epochs) - 1)
}

func (t *Table) addEpoch(epoch uint64) {
	before := cap(t.epochs)
	t.epochs = append(t.epochs, epoch)
	t.bytes += 8 * (cap(t.epochs) - before)
}

// nameOf returns the name of the entry at the start of b.
func nameOf(b []byte) []byte {
	size, n := binary.Uvarint(b[nameAt:])
	b = b[nameAt+n:]
	return b[:size:size]
}

// sizeOf returns the size of an entry in bytes.
func sizeOf(name int) int {
	var b [binary.MaxVarintLen64]byte
	return nameAt + binary.PutUvarint(b[:], uint64(name)) + name
}

// add adds a user that has no entry.
func (t *Table) add(e *Entry) {
	if 4*(t.used+1) > 3*len(t.slots) {
		t.grow()
	}
	slot, size := t.slotOf(e.User), sizeOf(len(e.User))
	chunk := t.chunkFor(size)
	from := len(*chunk)
	t.slots[slot] = uint32((len(t.chunks)-1)<<chunkBits+from) + 1
	var head [nameAt]byte
	*chunk = append(*chunk, head[:]...)
	*chunk = binary.AppendUvarint(*chunk, uint64(len(e.User)))
	*chunk = append(*chunk, e.User...)
	t.write((*chunk)[from:], e)
	t.used++
	t.live++
}

// chunkFor returns the last chunk, with room for size bytes. The first chunk grows up to chunkSize.
func (t *Table) chunkFor(size int) *[]byte {
	n := len(t.chunks)
	if n == 0 {
		return t.addChunk(max(firstChunk, size))
	}
	last := &t.chunks[n-1]
	switch need := len(*last) + size; {
	case need <= cap(*last):
	case n == 1 && need <= chunkSize:
		grown := min(max(2*cap(*last), need), chunkSize)
		t.bytes += grown - cap(*last)
		*last = append(make([]byte, 0, grown), *last...)
	default:
		return t.addChunk(chunkSize)
	}
	return last
}

func (t *Table) addChunk(size int) *[]byte {
	const header = 24 // bytes of a slice
	before := cap(t.chunks)
	t.chunks = append(t.chunks, make([]byte, 0, size))
	t.bytes += size + header*(cap(t.chunks)-before)
	return &t.chunks[len(t.chunks)-1]
}

// grow doubles the slots.
func (t *Table) grow() {
	before := t.slots
	t.slots = make([]uint32, max(2*len(before), fewestSlots))
	t.bytes += 4 * (len(t.slots) - len(before))
	mask := len(t.slots) - 1
	for _, at := range before {
		if at == 0 {
			continue
		}
		i := int(uint32(maphash.Bytes(seed, nameOf(t.entry(at))))) & mask
		for t.slots[i] > 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = at
	}
}
