package record

import (
	"strconv"
	"testing"
)

func BenchmarkAdd(b *testing.B) {
	var w Writer
	e := Entry{Kind: Publish, Room: "chat:lobby", Generation: 1, UnixMilli: 1_790_000_000_000, Form: 2, Info: make([]byte, 40), Data: make([]byte, 128)}
	b.ReportAllocs()
	for i := range b.N {
		e.Offset = uint64(i)
		if w.Add(&e) != nil {
			w.Seal(Header{})
			w.Reset()
		}
	}
	b.ReportMetric(float64(w.Size())/float64(max(w.Len(), 1)), "B/entry")
}

func BenchmarkNext(b *testing.B) {
	var w Writer
	n := 0
	for ; ; n++ {
		e := Entry{Kind: Publish, Room: "chat:" + strconv.Itoa(n), Generation: 1, Offset: uint64(n), UnixMilli: 1_790_000_000_000, Form: 2, Info: make([]byte, 40), Data: make([]byte, 128)}
		if w.Add(&e) != nil {
			break
		}
	}
	record := w.Seal(Header{})
	var e Entry
	b.ReportAllocs()
	for range b.N / n {
		_, r, err := Open(record)
		for ok := err == nil; ok; {
			if ok, err = r.Next(&e); err != nil {
				b.Fatal(err)
			}
		}
	}
}
