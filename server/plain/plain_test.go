package plain

import (
	"testing"
	"unsafe"
)

// 224 bytes are a size class of Go's allocator: one more word costs 16 bytes of each client.
func TestAClientTakes224Bytes(t *testing.T) {
	if got := unsafe.Sizeof(Client{}); got != 224 {
		t.Errorf("got %d bytes, want 224", got)
	}
}
