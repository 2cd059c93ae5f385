package bench

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/throng-chat/throng/server/ws"
)

// startCompressing starts an echo room whose server compresses.
func startCompressing(t *testing.T, mode websocket.CompressionMode, lie func(*echoRoom, int, int, []byte) [][]byte) string {
	r := newRoom(t, lie)
	r.options = &websocket.AcceptOptions{CompressionMode: mode, CompressionThreshold: 1}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/ws"
}

func TestCompressedDeliveriesAreChecked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		mode    websocket.CompressionMode
		size    int
		windows bool
	}{
		{"no context takeover", websocket.CompressionNoContextTakeover, 350, false},
		{"context takeover", websocket.CompressionContextTakeover, 350, true},
		{"large messages", websocket.CompressionContextTakeover, 150_000, true},
		{"not accepted", websocket.CompressionDisabled, 350, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(startCompressing(t, tt.mode, nil))
			cfg.Compress, cfg.Size, cfg.Connections, cfg.Rate = true, tt.size, 20, 100
			messages := 60
			if tt.size > 100_000 {
				cfg.Connections, cfg.Rate, messages = 4, 10, 6
			}
			r := mustRun(t, cfg)
			c := r.Compression
			if want := uint64(cfg.Connections * messages); !good(r) || r.Delivery.Got != want || c.Messages != want || c.Text != want*uint64(tt.size) {
				t.Fatalf("got %+v, %+v, %+v", r.Verdict, r.Delivery, c)
			}
			if tt.mode == websocket.CompressionDisabled {
				if c.Connections != 0 || c.Compressed != 0 || c.Payload != c.Text || !strings.Contains(c.Summary(), "did not accept") {
					t.Errorf("got %+v", c)
				}
				return
			}
			if c.Connections != cfg.Connections || c.Compressed != c.Messages || c.Payload >= c.Text*9/10 || (c.Windows >= 1) != tt.windows {
				t.Errorf("got %+v", c)
			}
		})
	}
}

// Altered bytes are found behind the inflation, and --compress is what requests the extension.
func TestAlteredCompressedTextIsFound(t *testing.T) {
	t.Parallel()
	cfg := testConfig(startCompressing(t, websocket.CompressionContextTakeover, func(_ *echoRoom, member, n int, m []byte) [][]byte {
		if member == 3 && n == 30 {
			m = slices.Clone(m)
			m[len(m)-1] ^= 1
		}
		return [][]byte{m}
	}))
	cfg.Connections, cfg.Rate, cfg.Size, cfg.Compress = 10, 100, 200, true
	if r := mustRun(t, cfg); r.Delivery.Corrupt != 1 || r.Delivery.Lost != 0 {
		t.Errorf("got %+v", r.Delivery)
	}
	cfg.Compress = false
	if r := mustRun(t, cfg); r.Compression != nil || r.Delivery.Corrupt != 0 && r.Delivery.Corrupt != 1 {
		t.Errorf("without the flag: got %+v", r.Compression)
	}
}

// startSpiteful starts a server that answers the first message of each client with bytes of its choice.
func startSpiteful(t *testing.T, extension string, wire []byte) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		nc, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
			ws.AcceptKey(q.Header.Get("Sec-WebSocket-Key")) + "\r\n" + extension + "\r\n")
		rw.Flush()
		if _, err := rw.ReadByte(); err != nil {
			return
		}
		nc.Write(wire)
		for {
			if _, err := rw.ReadByte(); err != nil {
				return
			}
		}
	}))
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/ws"
}

func TestBadCompressionEndsTheConnection(t *testing.T) {
	t.Parallel()
	const deflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	compressed := func(payload []byte) []byte {
		b := ws.AppendFrame(nil, ws.OpText, payload)
		b[0] |= 0x40
		return b
	}
	for name, tt := range map[string]struct {
		extension string
		wire      []byte
		want      string
	}{
		"corrupt":                   {deflate, compressed([]byte{7, 7, 7}), "not valid"},
		"without the extension":     {"", compressed([]byte{0x4a, 0x04, 0}), "reserved bit"},
		"a ping that is compressed": {deflate, []byte{0x89 | 0x40, 0}, "reserved bit"},
		"not UTF-8":                 {deflate, compressed([]byte{0x01, 0x01, 0x00, 0xfe, 0xff, 0xff, 0x00}), "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(startSpiteful(t, tt.extension, tt.wire))
			cfg.Connections, cfg.Publishers, cfg.Rate, cfg.Compress = 1, 1, 10, true
			r := mustRun(t, cfg)
			closes := ""
			for why := range r.Delivery.Closes {
				closes += why
			}
			if r.Delivery.BadFrame != 1 || !strings.Contains(closes, tt.want) {
				t.Errorf("got %d bad frames, %q, want %q", r.Delivery.BadFrame, closes, tt.want)
			}
		})
	}
	cfg := testConfig(startSpiteful(t, "Sec-WebSocket-Extensions: permessage-deflate; colour=red\r\n", nil))
	cfg.Compress, cfg.Connections = true, 1
	if _, err := Run(t.Context(), cfg, nil); err == nil || !strings.Contains(err.Error(), `wrong permessage-deflate extension: "colour=red"`) {
		t.Errorf("got %v", err)
	}
	cfg = testConfig(startSpiteful(t, deflate, nil))
	cfg.Connections = 1
	if _, err := Run(t.Context(), cfg, nil); err == nil || !strings.Contains(err.Error(), "not requested") {
		t.Errorf("got %v", err)
	}
}
