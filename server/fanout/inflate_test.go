package fanout

import (
	"bytes"
	"compress/flate"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/ws"
)

// deflateFrame is a frame with the compressed form of a message, as a client sends it.
func deflateFrame(t *testing.T, payload []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(payload); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	frame := ws.AppendMaskedFrame(nil, ws.OpBinary, 7, bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff")))
	frame[0] |= 0x40
	return frame
}

// The limit of a message holds behind the inflation, to the byte. The Handler never gets a longer one, and no more of it is inflated.
func TestAMessageIsInflatedUpToItsLimit(t *testing.T) {
	for _, tt := range []struct {
		name string
		more int          // bytes over the limit
		want ws.CloseCode // 0 for an echo
	}{
		{"the limit", 0, 0},
		{"one byte more", 1, ws.CloseTooBig},
		{"a bomb", 16 << 20, ws.CloseTooBig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newTestEngine(Config{MaxUnsent: 1 << 20})
			e.Heartbeat = NewHeartbeat(&e.Core, time.Minute, time.Minute)
			transport := &dripTransport{t: t, seal: 1 << 20, room: 1 << 30}
			client := &echoClient{}
			c := &client.conn
			c.SetDeflate(true)
			e.NewConn(c, transport, client)
			message := make([]byte, e.Rules.MaxMessage+tt.more)
			c.Take(deflateFrame(t, message), e.Clock.Now())
			c.Shard.work()
			var d ws.Decoder
			m, _, err := d.Next(&ws.Rules{MaxMessage: 1 << 20, MaxFragments: 1, FromServer: true}, transport.sent)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == 0 {
				if m.Op != ws.OpBinary || !bytes.Equal(m.Payload, message) {
					t.Errorf("got %v of %d bytes, want the message", m.Op, len(m.Payload))
				}
				return
			}
			if code, text, err := ws.ParseClose(m.Payload); m.Op != ws.OpClose || code != tt.want || text != "message too big" || err != nil {
				t.Errorf("got %v %d %q, %v; want close %d", m.Op, code, text, err, tt.want)
			}
			if got := testutil.ToFloat64(e.Metrics.InflateOutput); got > 0 {
				t.Errorf("got %v bytes for the Handler, want none", got)
			}
		})
	}
}
