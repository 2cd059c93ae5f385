package bench

import (
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/throng-chat/throng/bench/result"
)

// process is the simulated memory of a server that accepts connections, in bytes.
type process struct {
	base     float64 // before the first connection, free memory included
	free     float64 // free part of base, which connections use first
	returned float64 // part of base that is returned to the kernel at the first connection
	perConn  float64
	garbage  float64 // per connection, until it reaches limit and is collected
	limit    float64
	noise    float64 // standard deviation of a reading
}

func (p *process) pss(n int, random *rand.Rand) int64 {
	if n == 0 {
		return int64(p.base)
	}
	used := p.perConn*float64(n) + math.Mod(p.garbage*float64(n), max(p.limit, 1))
	return int64(p.base - p.returned + max(0, used-p.free) + p.noise*random.NormFloat64())
}

// measured returns the estimate of a run with n connections, in levels or at once.
func (p *process) measured(n int, levels bool) result.MemoryPerConn {
	random := rand.New(rand.NewPCG(3, 4))
	s := &result.Server{PSSBefore: p.pss(0, random), PSSConnected: p.pss(n, random), PSSAfter: p.pss(n, random)}
	for i := 1; levels && i <= memoryLevels; i++ {
		s.Levels = append(s.Levels, result.Level{Connections: n * i / memoryLevels, PSS: p.pss(n*i/memoryLevels, random)})
	}
	estimateMemory(s, n, true)
	r := &result.Result{Connect: result.Connect{Opened: n}, Server: *s}
	return r.MemoryPerConn()
}

// Growth hides in the memory that is free after the server's start. Each estimate is either right or reported as not known.
func TestMemoryPerConnectionIsRightOrUnknown(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		name    string
		process process
		n       int
		levels  bool
		known   bool
	}{
		{"nothing hidden, in levels", process{base: 20 * mib, perConn: 500}, 10_000, true, true},
		{"the garbage of the start is returned at the first connections", process{base: 23 * mib, returned: 3 * mib, perConn: 500}, 10_000, true, true},
		{"the same at once: 185 B", process{base: 23 * mib, returned: 3 * mib, perConn: 500}, 10_000, false, false},
		{"free memory is used first", process{base: 20 * mib, free: mib / 4, perConn: 500}, 10_000, true, true},
		{"free memory that a third of the connections use", process{base: 20 * mib, free: 3 * mib / 2, perConn: 500}, 10_000, true, false},
		{"more free memory than half of the connections use", process{base: 20 * mib, free: 3 * mib, perConn: 500}, 10_000, true, false},
		{"more free memory than all use", process{base: 20 * mib, free: 9 * mib, perConn: 500}, 10_000, true, false},
		{"more free memory than all use, at once", process{base: 20 * mib, free: 9 * mib, perConn: 500}, 10_000, false, false},
		{"garbage that is collected now and then", process{base: 20 * mib, perConn: 8000, garbage: 12_000, limit: 4 * mib}, 10_000, true, true},
		{"readings that differ by more than all connections use", process{base: 20 * mib, perConn: 50, noise: 2 * mib}, 10_000, true, false},
		{"much memory, at once", process{base: 6 * mib, perConn: 16_000}, 10_000, false, true},
		{"much memory, few connections", process{base: 9 * mib, perConn: 16_000}, 1000, false, false},
		{"few connections, in levels", process{base: 20 * mib, returned: 3 * mib, perConn: 500, noise: mib / 8}, 1000, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := tt.process.measured(tt.n, tt.levels)
			if m.Known != tt.known {
				t.Errorf("got %+v, want known %v", m, tt.known)
			}
			if m.Known && math.Abs(m.Value-tt.process.perConn) > 0.25*tt.process.perConn {
				t.Errorf("got %.0f B ± %.0f B, want %.0f B", m.Value, m.Error, tt.process.perConn)
			}
		})
	}
}

// An idle run reads the memory at ten levels of connections, of all agents together. Other runs connect without a pause.
func TestAnIdleRunConnectsInLevels(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		c, err := websocket.Accept(w, q, nil)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		_, _, err = c.Read(q.Context()) // Read answers pings
		if websocket.CloseStatus(err) == -1 {
			t.Logf("read: %v", err)
		}
	}))
	t.Cleanup(srv.Close)
	for _, scenario := range []string{Idle, Connect} {
		cfg := DefaultConfig(scenario)
		cfg.URLs = []string{"ws" + strings.TrimPrefix(srv.URL, "http")}
		cfg.Connections, cfg.Agents, cfg.Duration, cfg.Floor = leastLeveled, 3, 500*time.Millisecond, false
		cfg.here, cfg.hold = true, time.Millisecond
		r := mustRun(t, cfg)
		if r.Connect.Opened != cfg.Connections || r.Connect.Time.Count != uint64(cfg.Connections) || len(r.Connect.Failed) > 0 {
			t.Errorf("%s: got %+v, want %d connections, each counted once", scenario, r.Connect, cfg.Connections)
		}
		if scenario == Connect || r.Target.PID == 0 { // the server's process is not visible on this system
			if len(r.Server.Levels) > 0 {
				t.Errorf("%s: got levels %v", scenario, r.Server.Levels)
			}
			continue
		}
		if len(r.Server.Levels) != memoryLevels {
			t.Fatalf("%s: got levels %v, want %d", scenario, r.Server.Levels, memoryLevels)
		}
		for i, l := range r.Server.Levels {
			if l.Connections != leastLeveled*(i+1)/memoryLevels || l.PSS <= 0 {
				t.Errorf("level %d: got %+v", i, l)
			}
		}
	}
}
