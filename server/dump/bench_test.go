package dump

import (
	"bytes"
	"io"
	"testing"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

// benchLog returns a log of one record with n publications.
func benchLog(b *testing.B, n int) *testLog {
	var w record.Writer
	ann := record.Publisher{User: "ann", Client: "c1", ConnInfo: []byte(`{"name":"Ann"}`)}
	for i := range n {
		e := publish("room", 1, uint64(i)+1)
		e.Info, e.Data, e.Tags = ann.Append(nil), []byte(`{"text":"hello there, this is a message of the usual size"}`), map[string]string{"a": "b"}
		if err := w.Add(&e); err != nil {
			b.Fatal(err)
		}
	}
	return &testLog{id: "log", records: [][]byte{w.Seal(record.Header{})}}
}

// ns/op is the time for 1,000 publications.
func BenchmarkExport(b *testing.B) {
	log := benchLog(b, 1000)
	b.ReportAllocs()
	for range b.N {
		if _, err := Export(b.Context(), log, io.Discard, func(p Problem) { b.Fatal(p) }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkImport(b *testing.B) {
	var lines bytes.Buffer
	if _, err := Export(b.Context(), benchLog(b, 1000), &lines, func(p Problem) { b.Fatal(p) }); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := Import(b.Context(), []broker.Log{&testLog{id: "log"}}, nil, nil, bytes.NewReader(lines.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
