package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/server/ws"
)

// If the template of a response is wrong, the error contains what the server sent instead.
func TestAFailedJoinReportsTheResponse(t *testing.T) {
	text := func(s string) []byte { return ws.AppendFrame(nil, ws.OpText, []byte(s)) }
	for _, tt := range []struct {
		name   string
		answer [][]byte
		want   string
	}{
		{"nothing", nil, "3 × not joined: no response contained \"joined\", and nothing came (timeout)"},
		{"another response", [][]byte{text(`{"op":"welcome"}`)}, `3 × not joined: no response contained "joined", and the only message was {"op":"welcome"} (timeout)`},
		{"several responses", [][]byte{text(`{"op":"hello"}`), text(`{"op":"welcome"}`)}, `the last of 2 messages was {"op":"welcome"} (timeout)`},
		{"bytes", [][]byte{ws.AppendFrame(nil, ws.OpBinary, make([]byte, 12))}, "the only message was a binary message of 12 bytes (timeout)"},
		{"control characters", [][]byte{text("\x1b[2J\nno " + strings.Repeat("x", 1000))}, "the only message was ?[2J no xxxx"},
		{"a rejection with its own text", [][]byte{text("no such room"), ws.AppendFrame(nil, ws.OpClose, ws.ClosePayload(4000, "bye"))}, "the only message was no such room (answered close 4000 bye)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(hostile(t, writer(t, tt.answer...)))
			var err error
			if cfg.Protocol, err = agent.Template(`{"op":"join","room":"{{room}}"}`, `"joined"`, `{"d":"{{payload}}"}`); err != nil {
				t.Fatal(err)
			}
			cfg.Connections = 3
			// The message must arrive before the timeout: on a busy machine that takes longer.
			for cfg.DialTimeout = time.Second; ; cfg.DialTimeout *= 2 {
				if _, err = Run(t.Context(), cfg, nil); err == nil || strings.Contains(err.Error(), tt.want) || cfg.DialTimeout > 30*time.Second {
					break
				}
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 500 {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
