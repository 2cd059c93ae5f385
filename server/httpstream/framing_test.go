package httpstream

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http/httputil"
	"strings"
	"testing"
)

// The chunks are those that net/http reads.
func TestChunksAreThoseOfHTTP(t *testing.T) {
	t.Parallel()
	var body, want []byte
	for _, size := range []int{1, 9, 10, 15, 16, 17, 255, 256, 4095, 4096, 70_000} {
		b := bytes.Repeat([]byte{'\n'}, size)
		body, want = AppendChunk(body, b), append(want, b...)
		if got := AppendChunk(nil, b); cap(got) > size+maxChunkHead+len(ChunkEnd)+size/4 {
			t.Errorf("a chunk of %d bytes takes %d", size, cap(got))
		}
	}
	got, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(string(body) + LastChunk)))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
	}
}

// Line breaks of JSON outside of strings become spaces, and the value stays the same.
func TestOneLine(t *testing.T) {
	t.Parallel()
	b := []byte("x\n{\r\n\"a\\n\": [1,\n2],\r\"b\":\"\\r\"\n}")
	var before, after any
	if err := json.Unmarshal(b[1:], &before); err != nil {
		t.Fatal(err)
	}
	OneLine(b, 2)
	if err := json.Unmarshal(b[1:], &after); err != nil || b[1] != '\n' || bytes.ContainsAny(b[2:], "\r\n") {
		t.Errorf("got %q, %v", b, err)
	}
	if one, two := mustJSON(t, before), mustJSON(t, after); one != two {
		t.Errorf("got %s, want %s", two, one)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
