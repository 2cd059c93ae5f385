package server

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/throng-chat/throng/server/ws"
)

// An idle client of the SDK protocol needs little memory: docs/benchmarks/sdk.md and docs/fallbacks.md have the figures of PSS.
func TestIdleSessionsAreSmall(t *testing.T) {
	plainOnly(t, "the records of TLS need memory besides")
	const connect = `{"id":1,"connect":{}}`
	upgrade := "GET /connection/websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
		string(ws.AppendMaskedFrame(nil, ws.OpText, 0, []byte(connect)))
	for _, tt := range []struct {
		name, request string
		most          int // bytes of the heap
	}{
		{"websocket", upgrade, 640},
		{"http_stream", fmt.Sprintf("POST /connection/http_stream HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s", len(connect), connect), 690},
		{"sse", "GET /connection/sse?cf_connect=%7B%22id%22%3A1%2C%22connect%22%3A%7B%7D%7D HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 690},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startServer(t, nil)
			const few, many = 100, 1000
			openSilent(t, s, tt.request, few)
			before := liveHeap()
			openSilent(t, s, tt.request, many)
			if got := int(liveHeap()-before) / many; got > tt.most {
				t.Errorf("an idle session takes %d bytes, want at most %d", got, tt.most)
			} else {
				t.Logf("%d bytes", got)
			}
			runtime.KeepAlive(s)
		})
	}
}

// openSilent opens connections of which the test keeps the descriptors only, and waits for the reply to the connect command of each.
func openSilent(t *testing.T, s *Server, request string, n int) {
	t.Helper()
	fds := make([]int, 0, n)
	t.Cleanup(func() {
		for _, fd := range fds {
			if err := syscall.Close(fd); err != nil {
				t.Error(err)
			}
		}
	})
	for range n {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		syscall.CloseOnExec(fd)
		fds = append(fds, fd)
		if err := syscall.Connect(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: int(netip.MustParseAddrPort(s.Addr().String()).Port())}); err != nil {
			t.Fatal(err)
		}
		if _, err := syscall.Write(fd, []byte(request)); err != nil {
			t.Fatal(err)
		}
		got := ""
		for b := make([]byte, 1024); !strings.Contains(got, `"connect":{`); {
			n, err := syscall.Read(fd, b)
			if err != nil || n == 0 {
				t.Fatalf("got %q, then %d, %v", got, n, err)
			}
			got += string(b[:n])
		}
	}
}

// liveHeap returns the bytes of the objects that are in use.
func liveHeap() int64 {
	var m runtime.MemStats
	for range 2 { // the first frees objects with a finalizer
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
