package testkit

import (
	"bytes"
	"compress/flate"
	"testing"
)

// Deflate is what a client sends of a compressed message: the standard library's form, without the empty block at its end (RFC 7692, section
// 7.2.1).
func Deflate(t testing.TB, message []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(message); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	small, ok := bytes.CutSuffix(b.Bytes(), []byte("\x00\x00\xff\xff"))
	if !ok {
		t.Fatalf("a flushed stream does not end with an empty block: %x", b.Bytes())
	}
	return small
}
