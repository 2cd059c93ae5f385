package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
)

// sender returns the connection in a message's stamp.
func sender(message []byte) int {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz-"
	n := 0
	for _, c := range message[6:11] {
		n = n<<6 | strings.IndexByte(digits, c)
	}
	return n
}

// A server that does not fit the scenario is not called broken. The verdict names the scenario or flag to use.
func TestAServerThatDoesNotFitTheScenarioIsReported(t *testing.T) {
	to := func(wanted func(member, sender int) bool) func(*echoRoom, int, int, []byte) [][]byte {
		return func(_ *echoRoom, member, _ int, m []byte) [][]byte {
			if wanted(member, sender(m)) {
				return [][]byte{m}
			}
			return nil
		}
	}
	toAll := to(func(int, int) bool { return true })
	others := to(func(member, sender int) bool { return member != sender })
	alone := to(func(member, sender int) bool { return member == sender })
	toNone := to(func(int, int) bool { return false })
	for _, tt := range []struct {
		name      string
		lie       func(*echoRoom, int, int, []byte) [][]byte
		change    func(*Config)
		code, why string
	}{
		{"no rooms, instead of ten", toAll, func(c *Config) { c.Rooms = 10 }, result.None, "no rooms: "},
		{"no rooms, instead of one per connection", toAll, func(c *Config) { c.Scenario, c.Connections, c.Rate = Echo, 20, 100 }, result.None, "no rooms: "},
		{"no echo", others, func(*Config) {}, result.None, "no echo: the server does not return a message to its sender: use --no-echo"},
		{"no echo, with one publisher", others, func(c *Config) { c.Publishers = 1 }, result.None, "no echo: "},
		{"no echo, with --no-echo", others, func(c *Config) { c.NoEcho = true }, "", ""},
		{"an echo, with --no-echo", toAll, func(c *Config) { c.NoEcho = true }, result.None, "do not use --no-echo"},
		{"only an echo", alone, func(*Config) {}, result.None, "use the scenario echo"},
		{"no delivery at all", toNone, func(*Config) {}, result.Broken, "12,000 of 12,000 deliveries lost"},
		{"a part is lost", func(_ *echoRoom, member, n int, m []byte) [][]byte {
			if n >= 20 && member%2 == 0 { // a member that has received a message must receive the rest
				return nil
			}
			return [][]byte{m}
		}, func(*Config) {}, result.Broken, "5,500 of 12,000 deliveries lost"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(startRoom(t, tt.lie))
			cfg.Dials = 1 // so that the server's members are in the order of the client's connections
			tt.change(&cfg)
			r := mustRun(t, cfg)
			why := strings.Join(r.Verdict.Why, "; ")
			if tt.code == "" {
				if !good(r) || r.Delivery.Got != r.Delivery.Expected {
					t.Errorf("got %+v, %+v", r.Verdict, r.Delivery)
				}
				return
			}
			if r.Verdict.Code != tt.code || !strings.Contains(why, tt.why) {
				t.Errorf("got %+v, %+v, want %s with %q", r.Verdict, r.Delivery, tt.code, tt.why)
			}
			if tt.code == result.None && strings.Contains(why, "deliveries") {
				t.Errorf("got %q, want no fault that the mismatch explains", why)
			}
			if d := &r.Delivery; uint64(d.Lost) > d.Expected || uint64(d.Misrouted) > d.Got || uint64(d.Duplicated) > d.Got {
				t.Errorf("got %+v, want no count above its total", d)
			}
		})
	}
}

// If each connection has its own room and receives nothing, the server may not return messages to their senders.
func TestAMissingEchoIsReported(t *testing.T) {
	r := fine()
	r.Plan = result.Plan{Scenario: Echo, Connections: 100, Rooms: 100, Size: 128, Duration: r.Plan.Duration}
	r.Delivery = result.Delivery{Expected: 1000, OwnLost: 1000, Faults: result.Faults{Lost: 1000}}
	if judge(r, nil); r.Verdict.Code != result.None || !strings.Contains(strings.Join(r.Verdict.Why, "; "), "use the scenario broadcast with --no-echo") {
		t.Errorf("got %+v", r.Verdict)
	}
	// A server that loses most messages is broken.
	r.Delivery = result.Delivery{Expected: 1000, Got: 200, OwnLost: 800, Faults: result.Faults{Lost: 800}}
	r.Verdict = result.Verdict{}
	if judge(r, nil); r.Verdict.Code != result.Broken {
		t.Errorf("got %+v", r.Verdict)
	}
}

// Each fraction has its own total.
func TestNoFractionIsAboveOne(t *testing.T) {
	r := fine()
	r.Delivery = result.Delivery{Expected: 100, Got: 5000, Faults: result.Faults{Lost: 90, Duplicated: 2000, Reordered: 1000, Corrupt: 1000, Misrouted: 900}}
	judge(r, nil)
	want := "90 of 100 deliveries lost; 2,000 of 5,000 deliveries duplicated; 1,000 of 5,000 deliveries out of order; " +
		"1,000 of 5,000 deliveries altered; 900 of 5,000 deliveries in a wrong room"
	if why := strings.Join(r.Verdict.Why, "; "); why != want {
		t.Errorf("got %q, want %q", why, want)
	}
}

func TestTheCauseOfALateClientIsNamed(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*result.Result)
		want   string
	}{
		{"other programs", func(r *result.Result) { r.Client.Others = 1.6 }, "cause: other programs: 1.6 of 2 cores: stop them"},
		{"other programs with little CPU", func(r *result.Result) { r.Client.Others = 0.1 }, "cause: unknown"},
		{"client and server", func(r *result.Result) { r.Client.Cores, r.Server.Cores, r.Target.PID = 0.9, 1, 7 }, "cause: client and server share this machine and used 1.9 of 2 cores"},
		{"a server elsewhere", func(r *result.Result) { r.Client.Cores, r.Client.Busiest = 1.9, 0.95 }, "lower the load, or hold the connections on more machines"},
		{"an agent, beside idle cores", func(r *result.Result) { r.Env.Machine, r.Client.Cores, r.Client.Busiest = 16, 1, 1 }, "raise --agents or --pollers"},
		{"a quota", func(r *result.Result) { r.Client.Throttled, r.Client.Others = r.Plan.Duration/10, 1.6 }, "raise cpu.max"},
	} {
		r := fine()
		r.Env.Machine, r.Sent.Achieved = 2, 90
		tt.change(r)
		judge(r, nil)
		if v := r.Verdict; v.Code != result.Limited || !strings.Contains(v.Why[len(v.Why)-1], tt.want) {
			t.Errorf("%s: got %+v, want %q", tt.name, v, tt.want)
		}
	}
}

// Other programs on this machine are counted separately from the client and the server.
func TestOtherProgramsAreMeasured(t *testing.T) {
	cfg := DefaultConfig(Broadcast)
	r := &run{cfg: &cfg, result: fine(), collect: newCollector(1), end: 40}
	r.collect.begin(0)
	for i := range 40 { // ten seconds, with a fifth of a core
		r.collect.rows = append(r.collect.rows, row{n: int64(i + 1), cpu: time.Duration(i+1) * 50 * time.Millisecond, each: make([]time.Duration, 1), held: make([]time.Duration, 1)})
	}
	r.busy = busy{at: [2]int64{0, 10e9}, used: [2]time.Duration{0, 18e9}, seen: [2]bool{true, true}}
	r.targets = []agent.Target{{}} // not a loopback address, so the server is on another host
	if got := r.others(); got < 1.59 || got > 1.61 {
		t.Errorf("got %v cores of others, want 1.6", got)
	}
	r.busy.seen[1] = false
	if got := r.others(); got != 0 {
		t.Errorf("got %v cores without a reading", got)
	}
}
