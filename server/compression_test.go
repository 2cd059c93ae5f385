package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

func TestCompressionIsNegotiated(t *testing.T) {
	t.Parallel()
	const (
		none    = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
		context = "permessage-deflate; client_no_context_takeover"
	)
	alone := chat.DefaultRoom()
	alone.Pattern, alone.CompressionContext = "alone", false
	on := startServer(t, func(c *Config) { c.Rooms = []chat.RoomOptions{alone} })
	off := startServer(t, func(c *Config) { c.Compression = "off" })
	for _, path := range []string{"/ws", chat.SessionPath, "/ws?room=%61", "/ws?room=alone"} {
		answer := context
		if path == "/ws?room=alone" {
			answer = none
		}
		for _, tt := range []struct {
			name   string
			s      *Server
			offers []string
			want   string
		}{
			{"no offer", on, nil, ""},
			{"an offer", on, []string{"permessage-deflate; client_max_window_bits"}, answer},
			{"a window", on, []string{"permessage-deflate; server_max_window_bits=10"}, none + "; server_max_window_bits=10"},
			{"a wrong offer", on, []string{"permessage-deflate; server_max_window_bits=99"}, ""},
			{"two lines", on, []string{"x-other", "permessage-deflate"}, answer},
			{"a window for a context", on, []string{"permessage-deflate; server_max_window_bits=12"}, answer + "; server_max_window_bits=12"},
			{"without a context", on, []string{"permessage-deflate; server_no_context_takeover"}, none},
			{"turned off", off, []string{"permessage-deflate"}, ""},
		} {
			t.Run(path+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				resp := startHandshake(t, tt.s, offering(tt.s.Addr().String(), path, tt.offers...))
				got := strings.Join(resp.Header.Values("Sec-WebSocket-Extensions"), "|")
				if resp.StatusCode != http.StatusSwitchingProtocols || got != tt.want {
					t.Errorf("got %s, extensions %q; want 101 and %q", resp.Status, got, tt.want)
				}
			})
		}
	}
}

func TestMembersShareOneCompression(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	// Two members of each kind on each shard: the only member of a shard is sent the message as it is.
	each := 2 * len(s.sessions.Shards)
	var small, plain []*client
	var sdks, plainSDKs []*sdk
	for range each {
		small = append(small, dialDeflateRoom(t, s, "lobby"))
	}
	for range each {
		plain = append(plain, dial(t, s, "lobby"))
	}
	for range each {
		c := &sdk{client: dialDeflate(t, s, chat.SessionPath, "permessage-deflate")}
		c.sendLine(`{"id":1,"connect":{}}`)
		c.line()
		c.enter("lobby")
		sdks = append(sdks, c)
	}
	for range each {
		c := connectSDK(t, s, "")
		c.enter("lobby")
		plainSDKs = append(plainSDKs, c)
	}
	text := chatText(500)
	before := testutil.ToFloat64(s.metrics.CompressionInput)
	plain[0].send(ws.OpText, text)
	for _, c := range small {
		c.expectAs(text, true)
	}
	for _, c := range plain {
		c.expectAs(text, false)
	}
	push := ""
	for _, c := range plainSDKs {
		push = c.line()
	}
	if !strings.Contains(push, text) {
		t.Fatalf("got %s, want the text in it", push)
	}
	for _, c := range sdks {
		c.expectAs(push, true)
	}
	// One compression for each encoding, however many members and shards there are.
	want := float64(len(text) + len(push))
	if got := testutil.ToFloat64(s.metrics.CompressionInput) - before; got != want {
		t.Errorf("got %v bytes compressed, want %v", got, want)
	}
	if got := testutil.ToFloat64(s.metrics.CompressionOutput); got <= 0 || got > want/2 {
		t.Errorf("got %v bytes after compression, want at most half of %v", got, want)
	}
	if got := testutil.ToFloat64(s.metrics.CompressionAccepted); got != float64(2*each) {
		t.Errorf("got %v connections with compression, want %d", got, 2*each)
	}
}

func TestWhatIsSentUncompressed(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	var members []*client
	for range 2 * len(s.sessions.Shards) {
		members = append(members, dialDeflateRoom(t, s, "x"))
	}
	for _, tt := range []struct {
		name, text string
		compressed bool
	}{
		{"short", chatText(deflate.MinMessage - 1 - 4), false},
		{"long enough", chatText(deflate.MinMessage), true},
	} {
		members[0].send(ws.OpText, tt.text)
		for _, c := range members {
			c.expectAs(tt.text, tt.compressed)
		}
	}
	noise := make([]byte, 300)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	members[0].send(ws.OpBinary, string(noise))
	for _, c := range members {
		c.expect(ws.OpBinary, string(noise)) // it would be longer in its compressed form
	}
	alone := dialDeflateRoom(t, s, "alone")
	alone.send(ws.OpText, chatText(500))
	alone.expectAs(chatText(500), false)
}

// A reply may have a token beside text that another client chose. Its compressed size would tell about the token (CRIME), so it is sent as it is,
// however well it shrinks. So are pings and errors.
func TestRepliesAreNotCompressed(t *testing.T) {
	t.Parallel()
	o := chat.DefaultRoom()
	o.HistorySize, o.HistoryTTL = 10, time.Hour
	s := startServer(t, func(c *Config) { c.Rooms = []chat.RoomOptions{o} })
	var members []*sdk
	for range 5 * len(s.sessions.Shards) {
		c := &sdk{client: dialDeflate(t, s, chat.SessionPath, "permessage-deflate")}
		c.sendLine(`{"id":1,"connect":{}}`)
		c.line()
		c.enter("x")
		members = append(members, c)
	}
	data := fmt.Sprintf(`{"token":%q}`, chatText(500))
	members[0].sendLine(`{"id":3,"publish":{"channel":"x","data":%s}}`, data)
	for i, c := range members {
		m, err := c.nextExceptPings()
		if err != nil {
			t.Fatal(err)
		}
		if got, compressed := c.inflate(m); !compressed || !strings.Contains(got, data) {
			t.Fatalf("member %d: got %.60q, compressed: %v; want the publication, compressed", i, got, compressed)
		}
	}
	members[0].line() // the reply to publish
	for _, command := range []string{
		`{"id":8,"presence":{"channel":"x"}}`, // with the same words for each member
		`{"id":8,"history":{"channel":"x","limit":10}}`,
		`{"id":8,"refresh":{"token":"` + chatText(300) + `"}}`,
	} {
		members[0].sendLine("%s", command)
		m, err := members[0].nextExceptPings()
		if err != nil || m.Compressed {
			t.Errorf("%.40s: got %.60q, compressed: %v, %v; want a reply as it is", command, m.Payload, m.Compressed, err)
		}
	}
}

// A client that asks for a window of 2^N bytes is sent compressed what fits into it, and the rest as it is.
func TestServerMaxWindowBits(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	var narrow, wide []*client
	for range 2 * len(s.sessions.Shards) {
		narrow = append(narrow, dialDeflate(t, s, "/ws?room=x", "permessage-deflate; server_max_window_bits=9"))
	}
	for range 2 * len(s.sessions.Shards) {
		wide = append(wide, dialDeflateRoom(t, s, "x"))
	}
	for _, tt := range []struct {
		size int
		fits bool
	}{{500, true}, {512 - 4, true}, {513, false}, {5000, false}} {
		wide[0].send(ws.OpText, chatText(tt.size))
		for _, c := range narrow {
			c.expectAs(chatText(tt.size), tt.fits)
		}
		for _, c := range wide {
			c.expectAs(chatText(tt.size), true)
		}
	}
}

func TestCompressedMessagesOfClients(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	listener := dial(t, s, "x")
	c := dialDeflateRoom(t, s, "x")
	long := chatText(s.cfg.MaxMessage)
	for _, text := range []string{"", "hi", "häß", chatText(5000), long} {
		small := deflated(t, text)
		for _, part := range []int{1, 2, 7, len(small), len(small) + 1} {
			if (len(small)+part-1)/part > 64 {
				continue // more fragments than a message may have
			}
			c.sendDeflated(ws.OpText, small, part)
			listener.expect(ws.OpText, text)
			c.expect(ws.OpText, text)
		}
	}
	// What does not shrink is longer in its compressed form, and is not over the limit for that.
	noise := make([]byte, s.cfg.MaxMessage)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	c.sendDeflated(ws.OpBinary, deflated(t, string(noise)), 1<<20)
	listener.expect(ws.OpBinary, string(noise))
	c.expect(ws.OpBinary, string(noise))
	// A message that is not compressed is legal as well.
	c.send(ws.OpText, "as it is")
	listener.expect(ws.OpText, "as it is")
}

func TestBadCompressedMessagesClose(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	frame := func(first byte, payload []byte) []byte {
		b := ws.AppendMaskedFrame(nil, ws.OpText, 7, payload)
		b[0] = first
		return b
	}
	whole := deflated(t, "hello hello hello")
	for _, tt := range []struct {
		name   string
		offer  string
		stream []byte
		want   ws.CloseCode
		reason fanout.Reason
	}{
		{"RSV1 without the extension", "", frame(0xC1, whole), ws.CloseProtocolError, fanout.ClosedProtocol},
		{"RSV2", "permessage-deflate", frame(0xA1, whole), ws.CloseProtocolError, fanout.ClosedProtocol},
		{"RSV1 and RSV3", "permessage-deflate", frame(0xD1, whole), ws.CloseProtocolError, fanout.ClosedProtocol},
		{"RSV1 on a ping", "permessage-deflate", frame(0xC9, whole), ws.CloseProtocolError, fanout.ClosedProtocol},
		{"RSV1 on a close", "permessage-deflate", frame(0xC8, nil), ws.CloseProtocolError, fanout.ClosedProtocol},
		{"RSV1 on the second fragment", "permessage-deflate", append(frame(0x41, whole[:3]), frame(0xC0, whole[3:])...), ws.CloseProtocolError, fanout.ClosedProtocol},
		{"RSV1 on the second fragment only", "permessage-deflate", append(frame(0x01, []byte("a")), frame(0xC0, whole)...), ws.CloseProtocolError, fanout.ClosedProtocol},
		{"a block of a reserved type", "permessage-deflate", frame(0xC1, []byte{6}), ws.CloseInvalidData, fanout.ClosedProtocol},
		{"an end in a block", "permessage-deflate", frame(0xC1, whole[:4]), ws.CloseInvalidData, fanout.ClosedProtocol},
		{"no bytes", "permessage-deflate", frame(0xC1, nil), ws.CloseInvalidData, fanout.ClosedProtocol},
		{"text that is not UTF-8", "permessage-deflate", frame(0xC1, deflated(t, "ab\xff")), ws.CloseInvalidData, fanout.ClosedNotUTF8},
		{"text that ends in a character", "permessage-deflate", frame(0xC1, deflated(t, "ab\xc3")), ws.CloseInvalidData, fanout.ClosedNotUTF8},
		{"a bomb", "permessage-deflate", frame(0xC1, deflated(t, string(make([]byte, 16<<20)))), ws.CloseTooBig, fanout.ClosedTooBig},
		{"one byte over the limit", "permessage-deflate", frame(0xC1, deflated(t, chatText(s.cfg.MaxMessage+1))), ws.CloseTooBig, fanout.ClosedTooBig},
		{
			"a compressed form over its limit", "permessage-deflate",
			frame(0xC1, make([]byte, deflate.MaxCompressed(s.cfg.MaxMessage)+1)), ws.CloseTooBig, fanout.ClosedTooBig,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := closesBy(s, tt.reason)
			var c *client
			if tt.offer == "" {
				c = dial(t, s, "x")
			} else {
				c = dialDeflate(t, s, "/ws?room=x", tt.offer)
			}
			c.write(tt.stream)
			c.expectCloseCode(tt.want)
			// The close counts when TCP has ended, for which the server gives the peer 2 s.
			if err := c.conn.Close(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the close to be counted", func() bool { return closesBy(s, tt.reason) == before+1 })
		})
	}
}

// A rate in bytes counts what a message is after decompression.
func TestTheRateOfBytesCountsInflatedBytes(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.RateBytes = 16 << 10 })
	c := dialDeflateRoom(t, s, "x")
	text := chatText(60 << 10)
	small := deflated(t, text)
	if len(small) > 1000 {
		t.Fatalf("got %d bytes, want few", len(small))
	}
	// The first message uses up the burst, the second one exceeds it, and the third one waits.
	for range 2 {
		c.sendDeflated(ws.OpText, small, len(small))
		c.expect(ws.OpText, text)
	}
	c.sendDeflated(ws.OpText, small, len(small))
	eventually(t, "the reading to pause", func() bool { return testutil.ToFloat64(s.metrics.Paced) > 0 })

	// What comes in one read is bounded as well.
	flood := dialDeflateRoom(t, s, "y")
	one := ws.AppendMaskedFrame(nil, ws.OpText, 7, small)
	one[0] |= 0x40
	flood.write(bytes.Repeat(one, 50))
	for {
		m, err := flood.next()
		if err != nil {
			t.Fatalf("got %v, want a close frame", err)
		}
		if m.Op == ws.OpClose {
			if code, text, err := ws.ParseClose(m.Payload); code != ws.ClosePolicy || text != "too many bytes" || err != nil {
				t.Errorf("got close %d %q, %v; want 1008", code, text, err)
			}
			break
		}
	}
}

// Inflating costs time by the compressed byte, also where little comes of it, so a compressed byte counts as four at least.
func TestTheRateOfBytesCountsWhatInflatingCosts(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(c *Config) { c.RateBytes = 16 << 10 })
	noise := make([]byte, 20<<10) // as it is, the burst allows three
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for _, compressed := range []bool{false, true} {
		c := dialDeflateRoom(t, s, fmt.Sprint("x", compressed))
		send := func() { c.send(ws.OpBinary, string(noise)) }
		if compressed {
			small := deflated(t, string(noise))
			send = func() { c.sendDeflated(ws.OpBinary, small, len(small)) }
		}
		send()
		c.expect(ws.OpBinary, string(noise))
		send()
		if !compressed {
			c.expect(ws.OpBinary, string(noise))
			if got := testutil.ToFloat64(s.metrics.Paced); got != 0 {
				t.Fatalf("got %v pauses without compression, want none", got)
			}
			continue
		}
		eventually(t, "the reading to pause", func() bool { return testutil.ToFloat64(s.metrics.Paced) > 0 })
	}
}
