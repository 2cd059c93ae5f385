package tlsconn

import (
	"testing"
	"unsafe"
)

// An idle connection has at most 1,300 bytes; one of plain TCP has 700.
func TestATLSConnectionTakes352Bytes(t *testing.T) {
	if got := unsafe.Sizeof(Conn{}); got > 352 {
		t.Errorf("got %d bytes, want 352", got)
	}
}
