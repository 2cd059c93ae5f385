//go:build !race

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/throng-chat/throng/bench/result"
)

func TestBenchSpeaksProtobufWithOurServer(t *testing.T) {
	t.Parallel()
	ready, stop := serve(t, throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "off", "--rate", "0"))
	defer stop(syscall.SIGTERM)
	url := "ws://" + ready["listen"].(string)
	for _, compress := range [][]string{nil, {"--compress"}} {
		args := append([]string{"bench", "broadcast", url, "--protocol", "centrifugo-protobuf", "--connections", "40", "--rooms", "2", "--rate", "50", "--size", "300B",
			"--duration", "1s", "--warmup", "0s", "--json", "--no-floor"}, compress...)
		code, stdout, stderr := outcome(t, throng(t, args...))
		if code != 0 && code != exitInvalid {
			t.Fatalf("%v: got exit %d: %s", compress, code, stderr)
		}
		r, err := result.Read(strings.NewReader(stdout))
		if err != nil {
			t.Fatal(err)
		}
		if r.Delivery.Any() || r.Delivery.Got != 50*20 || r.Connect.Opened != 40 || r.Target.Protocol != "centrifugo-protobuf" {
			t.Errorf("%v: got %+v, %+v", compress, r.Delivery, r.Target)
		}
		if compress != nil && (r.Compression == nil || r.Compression.Connections != 40) {
			t.Errorf("got %+v", r.Compression)
		}
	}
	code, _, stderr := outcome(t, throng(t, "bench", "connect", url, "--protocol", "centrifugo-protobuf", "--room", "$secret", "--connections", "1"))
	if code != exitFailed || !strings.Contains(stderr, "rejected by the server") {
		t.Errorf("a room that clients may not use: got exit %d: %s", code, stderr)
	}
}

// With --as-text, the messages of the bench are those of a chat room, which rejects an object without an ID.
func TestBenchMeasuresChatRooms(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "chat.toml")
	if err := os.WriteFile(config, []byte("rate = 0\n[[room]]\npattern = \"*\"\nkind = \"chat\"\nhistory-size = 100\nhistory-ttl = \"1m\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ready, stop := serve(t, throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "off", "--config", config))
	defer stop(syscall.SIGTERM)
	for _, protocol := range []string{"centrifugo", "centrifugo-protobuf"} {
		code, stdout, stderr := outcome(t, throng(t, "bench", "broadcast", "ws://"+ready["listen"].(string), "--protocol", protocol, "--as-text",
			"--connections", "20", "--rate", "50", "--duration", "1s", "--warmup", "0s", "--json", "--no-floor"))
		if code != 0 && code != exitInvalid {
			t.Fatalf("%s: got exit %d: %s", protocol, code, stderr)
		}
		r, err := result.Read(strings.NewReader(stdout))
		if err != nil {
			t.Fatal(err)
		}
		if r.Delivery.Any() || r.Delivery.Got != 50*20 {
			t.Errorf("%s: got %+v", protocol, r.Delivery)
		}
	}
	if code, _, stderr := outcome(t, throng(t, "bench", "connect", "--protocol", "socketio", "--as-text", "ws://127.0.0.1:1")); code == 0 || !strings.Contains(stderr, "as-text: protocol socketio publishes no JSON object") {
		t.Errorf("got exit %d: %s", code, stderr)
	}
}
