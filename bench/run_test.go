package bench

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
)

func TestEverythingIsDelivered(t *testing.T) {
	t.Parallel()
	for _, size := range []int{agent.StampSize, 128, 40_000} {
		cfg := testConfig(startRoom(t, nil))
		cfg.Size, cfg.Pollers = size, 2
		if size > 32<<10 {
			cfg.Rate = 50
		}
		r := mustRun(t, cfg)
		messages := uint64(cfg.Rate) * uint64(cfg.Duration+cfg.Warmup) / uint64(time.Second)
		if r.Sent.Messages != messages || r.Delivery.Got != 50*messages || r.Delivery.Expected != 50*messages {
			t.Errorf("%d bytes: got %d sent, %d of %d delivered, want %d and %d", size, r.Sent.Messages, r.Delivery.Got,
				r.Delivery.Expected, messages, 50*messages)
		}
		if !good(r) || r.Latency.Each == nil || r.Latency.Each.Max <= 0 || r.Connect.Opened != 50 {
			t.Errorf("%d bytes: got %+v", size, r.Verdict)
		}
		if l := r.Latency.Each; l != nil && l.Count != 50*messages {
			t.Errorf("%d bytes: %d deliveries measured, want %d", size, l.Count, 50*messages)
		}
	}
}

func TestLyingServerIsCaught(t *testing.T) {
	for _, tt := range []struct {
		name string
		lie  func(r *echoRoom, member, n int, m []byte) [][]byte
		want result.Faults
	}{
		{
			name: "it loses one message for one member",
			lie: func(_ *echoRoom, member, n int, m []byte) [][]byte {
				if member == 20 && n == 100 {
					return nil
				}
				return [][]byte{m}
			},
			want: result.Faults{Lost: 1},
		},
		{
			name: "it loses the last message for all members",
			lie: func(_ *echoRoom, _, n int, m []byte) [][]byte {
				if n == 239 {
					return nil
				}
				return [][]byte{m}
			},
			want: result.Faults{Lost: 50},
		},
		{
			name: "it duplicates one message for one member",
			lie: func(_ *echoRoom, member, n int, m []byte) [][]byte {
				if member == 20 && n == 100 {
					return [][]byte{m, m}
				}
				return [][]byte{m}
			},
			want: result.Faults{Duplicated: 1},
		},
		{
			name: "it swaps two messages for one member",
			lie: func(r *echoRoom, member, n int, m []byte) [][]byte {
				switch {
				case member == 20 && n == 100:
					r.pending[member] = m
					return nil
				case member == 20 && n == 101:
					return [][]byte{m, r.pending[member]}
				}
				return [][]byte{m}
			},
			want: result.Faults{Reordered: 1},
		},
		{
			name: "it alters one byte for one member",
			lie: func(_ *echoRoom, member, n int, m []byte) [][]byte {
				if member == 20 && n == 100 {
					m = bytes.Clone(m)
					m[90] ^= 1
				}
				return [][]byte{m}
			},
			want: result.Faults{Corrupt: 1},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := mustRun(t, testConfig(startRoom(t, tt.lie)))
			if got := r.Delivery.Faults; got != tt.want || r.Verdict.Code != result.Broken || r.Verdict.OK {
				t.Errorf("got %+v, %+v, want %+v; %+v", got, r.Verdict, tt.want, r.Delivery.Samples)
			}
			if len(r.Delivery.Samples) == 0 {
				t.Error("got no sample")
			}
		})
	}
}

func TestServerWithoutAnEcho(t *testing.T) {
	t.Parallel()
	url := startRoom(t, func(_ *echoRoom, member, n int, m []byte) [][]byte {
		if member == 0 { // the only publisher
			return nil
		}
		return [][]byte{m}
	})
	cfg := testConfig(url)
	cfg.Publishers, cfg.Dials, cfg.NoEcho = 1, 1, true
	if r := mustRun(t, cfg); !good(r) || r.Delivery.Expected != 49*240 {
		t.Errorf("got %+v", r.Delivery)
	}
}

func idleConfig(url string) Config {
	cfg := testConfig(url)
	cfg.Scenario, cfg.Rate = Idle, 0
	return cfg
}

func TestIdleConnectionsAreHeld(t *testing.T) {
	t.Parallel()
	cfg := idleConfig(startRoom(t, nil))
	cfg.Rate = 40
	if r := mustRun(t, cfg); !good(r) || r.Connect.Opened != 50 || r.Latency.Each != nil || r.Latency.Ping == nil || r.Latency.Ping.Count == 0 {
		t.Errorf("got %+v, %+v", r.Verdict, r.Latency)
	}
}

func TestInterruptGivesThePartialResult(t *testing.T) {
	t.Parallel()
	cfg := testConfig(startRoom(t, nil))
	cfg.Duration, cfg.Drain = time.Hour, 10*time.Second
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Run(ctx, cfg, func(p Progress) {
		if p.Deliveries > 0 {
			cancel()
		}
	})
	if err != nil || !r.Interrupted || r.Verdict.OK || r.Delivery.Any() || r.Delivery.Got == 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestConnectionRefusedIsReported(t *testing.T) {
	// A port outside the ephemeral range. Otherwise the dial could connect to itself.
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), testConfig("ws://"+address), nil)
	if err == nil || !strings.Contains(err.Error(), "no server listens") {
		t.Errorf("got %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"size = 10":             func(c *Config) { c.Size = 10 },
		"connections = 0":       func(c *Config) { c.Connections = 0 },
		"ramp = -1":             func(c *Config) { c.Ramp = -1 },
		"rate = -1":             func(c *Config) { c.Rate = -1 },
		"rate = 0":              func(c *Config) { c.Rate = 0 },
		"rooms = 51":            func(c *Config) { c.Rooms = 51 },
		"publishers = 51":       func(c *Config) { c.Publishers = 51 },
		"publishers = 50":       func(c *Config) { c.Churn = 0.1 },
		"kill = 1.5":            func(c *Config) { c.Kill = 1.5 },
		"kill = 1%":             func(c *Config) { c.Scenario, c.Kill, c.Publishers = Storm, 0.01, 10 },
		"slow = 0%":             func(c *Config) { c.Scenario, c.Publishers = Slow, 10 },
		"appears twice":         func(c *Config) { c.Remote, c.Token = []string{"example.org:1", "example.org:1"}, "t" },
		"by = \"axe\"":          func(c *Config) { c.By = "axe" },
		"closed = 5":            func(c *Config) { c.Closed, c.Poisson = 5, true },
		"the agents need a tok": func(c *Config) { c.Remote = []string{"example.org:1"} },
		"insecure: are for wss": func(c *Config) { c.TLS.Insecure = true },
		"key: missing":          func(c *Config) { c.URLs, c.TLS.Cert = []string{"wss://example.org/"}, []byte("x") },
	} {
		cfg := testConfig("ws://127.0.0.1:1/ws")
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error with %q", err, name)
		}
	}
	for _, scenario := range Scenarios {
		cfg := DefaultConfig(scenario)
		cfg.URLs = []string{"127.0.0.1:1"}
		if err := cfg.Validate(); err != nil {
			t.Errorf("the defaults of %s: %v", scenario, err)
		}
	}
}

func TestResultIsWrittenAndReadAgain(t *testing.T) {
	t.Parallel()
	r := mustRun(t, testConfig(startRoom(t, nil)))
	var file bytes.Buffer
	if err := r.Write(&file); err != nil {
		t.Fatal(err)
	}
	back, err := result.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if back.Delivery.Expected != 12_000 || back.Verdict.Code != r.Verdict.Code || len(back.Series) != len(r.Series) {
		t.Errorf("got %+v, want %+v", back, r)
	}
}
