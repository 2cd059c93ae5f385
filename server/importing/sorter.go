package importing

import (
	"bufio"
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// item is one line before it has an offset.
type item struct {
	micro   int64 // time, in microseconds since 1970
	kind    kind
	room    string
	message string // ID of the message, of a message; key, of a value
	fields  []byte // the members of the line after "offset", and the brace that ends it
}

// bytes is about the memory of an item.
func (it *item) bytes() int { return len(it.fields) + len(it.message) + 96 }

// maxRun is the limit of the bytes of items that the sorter holds in memory.
const maxRun = 32 << 20

// sorter sorts items by time. Items of one time keep their order. Beyond maxRun bytes it writes sorted runs to a temporary file.
type sorter struct {
	items []item
	bytes int
	file  *os.File // nil before the first run
	end   int64
	runs  []section
	limit int
}

// section is a part of the temporary file.
type section struct{ from, to int64 }

func newSorter() *sorter { return &sorter{limit: maxRun} }

// close removes the temporary file.
func (so *sorter) close() {
	if so.file != nil {
		so.file.Close()
	}
}

// add adds an item.
func (so *sorter) add(it item) error {
	so.items = append(so.items, it)
	if so.bytes += it.bytes(); so.bytes < so.limit {
		return nil
	}
	return so.spill()
}

// sortItems sorts the items in memory.
func (so *sorter) sortItems() {
	slices.SortStableFunc(so.items, func(a, b item) int {
		switch {
		case a.micro < b.micro:
			return -1
		case a.micro > b.micro:
			return 1
		}
		return 0
	})
}

// spill writes the items in memory to the file, as a run.
func (so *sorter) spill() error {
	if so.file == nil {
		file, err := unnamedFile()
		if err != nil {
			return err
		}
		so.file = file
	}
	so.sortItems()
	w := bufio.NewWriterSize(io.NewOffsetWriter(so.file, so.end), 1<<16)
	var buf []byte
	run := section{from: so.end}
	for i := range so.items {
		buf = so.items[i].append(buf[:0])
		if _, err := w.Write(buf); err != nil {
			return tempError(err)
		}
		so.end += int64(len(buf))
	}
	if err := w.Flush(); err != nil {
		return tempError(err)
	}
	run.to = so.end
	so.runs = append(so.runs, run)
	clear(so.items)
	so.items, so.bytes = so.items[:0], 0
	return nil
}

// merge calls do with each item in the order of time.
func (so *sorter) merge(ctx context.Context, do func(*item) error) error {
	so.sortItems()
	var all runs
	for i, run := range so.runs {
		all = append(all, &runReader{number: i, in: bufio.NewReaderSize(io.NewSectionReader(so.file, run.from, run.to-run.from), 1<<15)})
	}
	all = append(all, &runReader{number: len(so.runs), memory: so.items})
	all = slices.DeleteFunc(all, func(rr *runReader) bool { return !rr.next() })
	heap.Init(&all)
	for n := 0; len(all) > 0; n++ {
		first := all[0]
		if first.err != nil {
			return tempError(first.err)
		}
		if n&1023 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := do(&first.item); err != nil {
			return err
		}
		if first.next() {
			heap.Fix(&all, 0)
		} else {
			heap.Pop(&all)
		}
	}
	return nil
}

// unnamedFile returns a temporary file without a name: it ends with its descriptor.
func unnamedFile() (*os.File, error) {
	file, err := os.CreateTemp("", "throng-import-")
	if err != nil {
		return nil, tempError(err)
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, tempError(err)
	}
	return file, nil
}

func tempError(err error) error {
	return fmt.Errorf("sort the export on disk: %w: set TMPDIR to a directory with more space", err)
}

// append appends the item in the form of a run: the time, the kind, then three texts with their lengths.
func (it *item) append(b []byte) []byte {
	b = append(binary.AppendVarint(b, it.micro), byte(it.kind))
	for _, text := range []string{it.room, it.message} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	return append(binary.AppendUvarint(b, uint64(len(it.fields))), it.fields...)
}

// runReader reads the items of a run: of the file, or those that are left in memory.
type runReader struct {
	item
	number int
	memory []item
	in     *bufio.Reader
	err    error
}

// next reads the next item. It returns false at the end of the run; after an error, the reader stays, with the error.
func (rr *runReader) next() bool {
	if rr.in == nil {
		if len(rr.memory) == 0 {
			return false
		}
		rr.item, rr.memory = rr.memory[0], rr.memory[1:]
		return true
	}
	rr.micro, rr.err = binary.ReadVarint(rr.in)
	if errors.Is(rr.err, io.EOF) {
		return false
	}
	rr.kind = rr.readKind()
	rr.room, rr.message, rr.fields = string(rr.text()), string(rr.text()), rr.text()
	return true
}

// readKind reads the kind of an item.
func (rr *runReader) readKind() kind {
	if rr.err != nil {
		return 0
	}
	var b byte
	b, rr.err = rr.in.ReadByte()
	return kind(b)
}

// text reads a text of an item.
func (rr *runReader) text() []byte {
	if rr.err != nil {
		return nil
	}
	var n uint64
	if n, rr.err = binary.ReadUvarint(rr.in); rr.err != nil {
		return nil
	}
	b := make([]byte, n) // this process wrote the length
	_, rr.err = io.ReadFull(rr.in, b)
	return b
}

// runs is a heap: the reader with the earliest item is first, of one time that of the earliest run.
type runs []*runReader

func (rs runs) Len() int      { return len(rs) }
func (rs runs) Swap(i, j int) { rs[i], rs[j] = rs[j], rs[i] }
func (rs runs) Less(i, j int) bool {
	switch a, b := rs[i], rs[j]; {
	case a.err != nil || b.err != nil:
		return a.err != nil && b.err == nil
	case a.micro != b.micro:
		return a.micro < b.micro
	default:
		return a.number < b.number
	}
}
func (rs *runs) Push(x any) { *rs = append(*rs, x.(*runReader)) }
func (rs *runs) Pop() any {
	last := (*rs)[len(*rs)-1]
	*rs = (*rs)[:len(*rs)-1]
	return last
}
