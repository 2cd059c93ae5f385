package result

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/golden"
	"github.com/throng-chat/throng/bench/observe"
)

// spread returns a Distribution around d.
func spread(d time.Duration) *Distribution {
	p50, p90, p99, p999 := d, 2*d, 5*d, 9*d
	return &Distribution{Count: 1_000_000, P50: &p50, P90: &p90, P99: &p99, P999: &p999, Max: 12 * d}
}

// few returns a Distribution with too few values for a p90.
func few(d time.Duration) *Distribution { return &Distribution{Count: 30, P50: &d, Max: 3 * d} }

// calm is a chat without a fault.
func calm() *Result {
	return &Result{
		Schema: Schema, Tool: "throng 0.1.0", Verdict: Verdict{OK: true, Code: Valid, Why: []string{}}, Notes: []string{},
		Thresholds: []Threshold{},
		Env:        Env{CPU: "a processor", Cores: 1, Machine: 2, Kernel: "Linux 6.18", Go: "go1.26", OpenFiles: 20_000},
		Target:     Target{URL: "ws://127.0.0.1:3000/ws", Protocol: "plain", PID: 7, Command: "throng serve"},
		Plan: Plan{
			Scenario: "chat", Connections: 2000, Rooms: 50, Largest: 440, Rate: 100, Poisson: true, Size: 100, Publishers: 100, Churn: 0.1,
			Duration: 7 * time.Second, Warmup: 3 * time.Second, WarmupAuto: true, Seed: 1, Sources: 2,
		},
		Connect: Connect{
			Opened: 2000, Took: 150 * time.Millisecond, PerS: 13_333, Time: spread(6 * time.Millisecond), TCP: spread(time.Millisecond),
			Upgrade: spread(5 * time.Millisecond), Failed: map[string]int{}, Left: 33, Joined: 32,
		},
		Sent:    Sent{Messages: 1003, Achieved: 99.4, Lag: spread(80 * time.Microsecond)},
		Latency: Latency{Each: spread(300 * time.Microsecond), Sent: spread(250 * time.Microsecond), First: few(100 * time.Microsecond), Last: few(900 * time.Microsecond), Span: few(800 * time.Microsecond)},
		Delivery: Delivery{
			Expected: 112_345, Got: 112_345, PerS: 11_234.5, Pings: 4, Closes: map[string]int{}, Samples: []Fault{}, Stalls: []Stall{},
		},
		Server: Server{
			CPU: 500 * time.Millisecond, Cores: 0.07, PerDelivery: 6200, PerUpgrade: 27_000, RSSBefore: 12 << 20, PSSBefore: 11 << 20,
			PSSConnected: 12 << 20, PSSAfter: 13 << 20, PerConn: 524, KernelPer: 4600,
		},
		Client: Client{CPU: 400 * time.Millisecond, Cores: 0.06, Busiest: 0.06, PerDelivery: 5000, Reads: 70_000, PerConn: 801, LoopLag: few(70 * time.Microsecond), GCPause: time.Millisecond},
		Floor:  &Floor{PerDelivery: 5800, PerUpgrade: 20_000, DeliveryRatio: 1.07, UpgradeRatio: 1.35, PerS: 11_000},
		Agents: []Agent{{Name: "local 0", PID: 8, Connections: 2000, Cores: 0.06, Of: 1}},
		Series: []Second{}, Observed: []observe.Row{},
	}
}

// broken is a storm with all kinds of faults.
func broken() *Result {
	r := calm()
	lost, slow := 12., 0.071
	r.Verdict = Verdict{Code: Broken, Why: []string{"12 of 112,345 deliveries lost", "2 connections did not hold: 2 close 1011 oh", "messages left late: p99 4.00 ms after their moment, over 1.00 ms"}}
	r.Thresholds = []Threshold{
		{Expr: "p99<50ms", Value: &slow, OK: false}, {Expr: "lost<100", Value: &lost, OK: true}, {Expr: "ping-p99<1s", OK: false},
	}
	r.Plan.Scenario, r.Plan.Poisson, r.Plan.Churn, r.Plan.Rooms, r.Plan.Largest = "storm", false, 0, 1, 2000
	r.Sent.Offered, r.Sent.Unsendable, r.Sent.Died = 100, 3, 1
	r.Connect.Failed = map[string]int{"timeout: no response": 1, "connection refused: no server listens there": 2}
	d := &r.Delivery
	d.Closed, d.Closes, d.Foreign = 2, map[string]int{"close 1011 oh": 2}, 9
	d.Faults = Faults{Lost: 12, Duplicated: 1, Reordered: 2, Corrupt: 3, Misrouted: 4}
	d.Samples = []Fault{
		{Kind: "lost", Connection: 7, Room: 0, Publisher: 3, Sequence: 41}, {Kind: "corrupt", Connection: 7, Publisher: -1, Sequence: -1},
		{Kind: "reordered", Connection: -1, Publisher: -1, Sequence: -1},
	}
	r.Storm = &Storm{
		Killed: 950, By: "rst", Back50: 170 * time.Millisecond, Back: 949, PerS: 4900, Refused: 17, Untouched: spread(2 * time.Millisecond),
		Before: few(300 * time.Microsecond),
	}
	r.Resume = &Resume{Clients: 949, Recovered: 18_013, Missed: 3}
	r.Agents = append(r.Agents, Agent{Name: "10.0.0.2:9000", Connections: 1000, ClockError: 45_000})
	r.Observed = []observe.Row{{T: 1}, {T: 2, Retransmits: 1200, Overflows: 3, Drops: 4, Throttled: 1.25}}
	r.Floor = nil
	r.Server.PSSAfter, r.Server.RSSAfter = 0, 0 // the server had exited
	r.Client.Throttled = 250 * time.Millisecond
	r.Notes = []string{"no floor: the floor did not hold the load either: 5 deliveries lost, 1 connection closed"}
	return r
}

// idle is a run with idle connections, on a server whose memory is known at some levels, on a machine with other programs.
func idle() *Result {
	r := calm()
	r.Plan = Plan{Scenario: "idle", Connections: 2000, Rooms: 1, Largest: 2000, Rate: 20, Duration: 10 * time.Second, Sources: 1}
	r.Sent, r.Delivery, r.Floor = Sent{}, Delivery{Closes: map[string]int{}}, nil
	r.Latency = Latency{Ping: few(100 * time.Microsecond)}
	r.Server.PerConn, r.Server.PerConnError, r.Server.Levels = 524, 31, make([]Level, 10)
	r.Server.KernelPer, r.Server.PerDelivery = 0, 0
	r.Client.PerDelivery, r.Client.Reads = 0, 0
	return r
}

// secure is a run over TLS with compression.
func secure() *Result {
	r := calm()
	r.Target.URL, r.Target.TLS = "wss://127.0.0.1:3000/ws", "TLS 1.3, TLS_AES_128_GCM_SHA256"
	r.Connect.TLS = spread(40 * time.Millisecond)
	r.Compression = &Compression{Connections: 2032, Messages: 112_345, Compressed: 100_000, Text: 11_234_500, Payload: 6_234_500, Windows: 3}
	return r
}

// slow is a run with connections that stopped reading, measured from another machine.
func slow() *Result {
	r := calm()
	r.Verdict = Verdict{Code: Unsteady, Why: []string{"no delivery for 2.00 s, 4.2 s after the beginning"}}
	r.Plan.Scenario, r.Plan.Churn = "slow", 0
	r.Target.PID, r.Target.Command, r.Target.Protocol = 0, "", "centrifugo"
	r.Slow = &Slow{
		Stopped: 95, Cut: 90, CutAfter: few(600 * time.Millisecond), Closes: map[string]int{"ended without a close frame": 88, "close 1008 slow": 2},
		Before: spread(time.Millisecond), Healthy: spread(1200 * time.Microsecond), Grown: 3 << 20,
	}
	return r
}

// search is a result of find.
func search() *Result {
	r := calm()
	r.Plan.Scenario = "broadcast"
	step := func(rate float64, pass bool, why string) Step {
		return Step{Connections: 2000, Rate: rate, Verdict: r.Verdict, PerS: rate * 2000, Latency: spread(time.Millisecond), ServerCores: rate / 10_000, Pass: pass, Why: why}
	}
	r.Steps = []Step{step(1000, true, ""), step(2000, false, "p99 71.0 ms"), step(1400, true, "")}
	r.Steps[0].Floor = &Floor{DeliveryRatio: 1.31, UpgradeRatio: 1.4}
	r.Found = &Found{Holds: 1400, Fails: 1460, Limit: 50 * time.Millisecond, Confirmed: 3, Confirms: 3}
	return r
}

// A result lacks what its run did not measure.
func TestAMetricOfAnEmptyResultIsNotMeasured(t *testing.T) {
	for _, m := range Metrics {
		if v, ok := m.Value(&Result{}); ok && v != 0 {
			t.Errorf("%s: got %v", m.Name, v)
		}
	}
	m, err := MetricNamed("payload/text")
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := m.Value(&Result{Compression: &Compression{Text: 200, Payload: 90}}); v != 0.45 || !ok {
		t.Errorf("got %v, %v", v, ok)
	}
}

func TestTextIsGolden(t *testing.T) {
	for _, tt := range []struct {
		name   string
		r      *Result
		colour bool
	}{
		{"calm", calm(), false},
		{"calm-terminal", calm(), true},
		{"broken", broken(), false},
		{"broken-terminal", broken(), true},
		{"idle", idle(), false},
		{"slow", slow(), false},
		{"tls", secure(), false},
		{"find", search(), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := tt.r.WriteText(&got, tt.colour); err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, tt.name, got.Bytes())
			if !tt.colour && bytes.ContainsRune(got.Bytes(), '\x1b') {
				t.Error("got an escape sequence in text that is not for a terminal")
			}
		})
	}
}

// A growth of memory that was not visible is shown as a dash, and not as 0.
func TestMissingMemoryIsADash(t *testing.T) {
	r := slow()
	r.Slow.Grown = 0
	var got bytes.Buffer
	if err := r.WriteText(&got, false); err != nil {
		t.Fatal(err)
	}
	if want := "its memory grew by –\n"; !strings.Contains(got.String(), want) {
		t.Errorf("got\n%s\nwant %q", got.String(), want)
	}
}

func TestTheTextOfASearch(t *testing.T) {
	for want, f := range map[string]Found{
		"holds 1,400 messages/s, fails 1,460 · p99 below 50.0 ms · confirmed 2 of 3 times":                            {Holds: 1400, Fails: 1460},
		"holds 1,400 messages/s; at 1,460 the client was the bottleneck · p99 below 50.0 ms · confirmed 2 of 3 times": {Holds: 1400, Fails: 1460, Limited: true},
		"holds 1,400 messages/s; none failed up to the bound":                                                         {Holds: 1400},
		"no rate held: 100 messages/s failed":                                                                         {Fails: 100},
		"no rate held: at 100 messages/s the client was the bottleneck":                                               {Fails: 100, Limited: true},
	} {
		f.Limit, f.Confirmed, f.Confirms = 50*time.Millisecond, 2, 3
		if got := f.Text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAResultRoundTrips(t *testing.T) {
	var file, again bytes.Buffer
	if err := broken().Write(&file); err != nil {
		t.Fatal(err)
	}
	text := file.String()
	r, err := Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write(&again); err != nil || again.String() != text {
		t.Errorf("got %v and\n%s\nwant\n%s", err, again.String(), text)
	}
	for _, bad := range []string{"", "{", "[]", "{}", `{"schema":"bench/2"}`} {
		if r, err := Read(bytes.NewBufferString(bad)); err == nil {
			t.Errorf("%q: got %+v", bad, r)
		}
	}
}

// If the server closed no connection, there is no time until the close.
func TestReadersThatStoppedAndWereNotClosed(t *testing.T) {
	r := slow()
	r.Slow.Cut, r.Slow.CutAfter, r.Slow.Closes = 0, nil, nil
	var b bytes.Buffer
	if err := r.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "95 clients stopped reading · the server closed none of them: ") || strings.Contains(got, "to the close") {
		t.Errorf("got %s", got)
	}
}

func TestARampIsInTheText(t *testing.T) {
	r := calm()
	var without, with strings.Builder
	if err := r.WriteText(&without, false); err != nil {
		t.Fatal(err)
	}
	r.Plan.Ramp, r.Connect.Lag = 1000, few(2*time.Millisecond)
	if err := r.WriteText(&with, false); err != nil {
		t.Fatal(err)
	}
	const want = " · ramp 1,000/s, dial delay p50 2.00 ms  p99 –  max 6.00 ms"
	if got := with.String(); !strings.Contains(got, want) || strings.Contains(without.String(), "ramp") {
		t.Errorf("got\n%s\nwant %q", got, want)
	}
}
