package server

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/ws"
)

// Compression works over TLS as over TCP, in both directions, with the context of a room and with each engine and version.
func TestCompressionOverTLS(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"llib", "std"} {
		for version, cfg := range map[string]*tls.Config{"1.3": tls13, "1.2": tls12} {
			t.Run(engine+" "+version, func(t *testing.T) {
				t.Parallel()
				s := startTLS(t, func(c *Config) { c.TLS.Engine, c.Rate = engine, 0 })
				dial := func(path string) *client {
					conn, err := tls.DialWithDialer(&net.Dialer{Timeout: testTimeout}, "tcp", s.TLSAddr().String(), cfg)
					if err != nil {
						t.Fatal(err)
					}
					return offerDeflate(t, conn, s.TLSAddr().String(), path, "permessage-deflate; client_max_window_bits")
				}
				var plain []*keeper
				var sdks []*keeperSDK
				join := func() {
					plain = append(plain, &keeper{client: dial("/ws?room=x")})
					c := connectKeeperOn(dial(chat.SessionPath), "")
					c.subscribe("x")
					sdks = append(sdks, c)
				}
				for range 5 * len(s.sessions.Shards) {
					join()
				}
				long := chatJSON(7, 60<<10) // inflated in steps
				for i := range 60 {
					if i%20 == 19 {
						join()
					}
					text := chatJSON(i, []int{350, 1000, 5000}[i%3])
					switch {
					case i == 30:
						text = long
						plain[0].sendDeflated(ws.OpText, deflated(t, text), 5000)
					case i%2 == 0:
						compressed := deflated(t, text)
						plain[0].sendDeflated(ws.OpText, compressed, len(compressed))
					default:
						plain[0].send(ws.OpText, text)
					}
					for _, k := range plain {
						k.expectText(text)
					}
					for j, c := range sdks {
						if got := c.line(); !strings.Contains(strings.ReplaceAll(got, `\"`, `"`), text) {
							t.Fatalf("message %d, session %d: got %.80s, want the message in it", i, j, got)
						}
					}
				}
				if testutil.ToFloat64(s.metrics.CompressionShared) == 0 {
					t.Error("got no message with a context")
				}
			})
		}
	}
}
