package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/stats"
)

// figure is a number of a run; NaN where it was not measured.
type figure func(*result.Result) float64

// over is the median of a figure over the runs in which it was measured, as text.
func over(results []*result.Result, f figure, format string) string {
	var values []float64
	for _, r := range results {
		if r != nil {
			values = append(values, f(r))
		}
	}
	return median(values, format)
}

// ratio is the median over rounds of a figure as a multiple of the floor's in the same round.
func ratio(of, floor []*result.Result, f figure) string {
	var values []float64
	for i := range min(len(of), len(floor)) {
		if of[i] != nil && floor[i] != nil {
			values = append(values, f(of[i])/f(floor[i]))
		}
	}
	return median(values, "%.2f")
}

// verdicts are those of the runs: the word alone where it is the same for all.
func verdicts(results []*result.Result) string {
	count, runs := map[string]int{}, 0
	for _, r := range results {
		if r != nil {
			count[r.Verdict.Code]++
			runs++
		}
	}
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(count)) {
		if count[code] == runs {
			return code
		}
		parts = append(parts, fmt.Sprintf("%s %d of %d", code, count[code], runs))
	}
	if runs == 0 {
		return "–"
	}
	return strings.Join(parts, ", ")
}

func median(values []float64, format string) string {
	var known []float64
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			known = append(known, v)
		}
	}
	if len(known) == 0 {
		return "–"
	}
	return fmt.Sprintf(format, stats.Median(known))
}

// metric is one of the bench's own, times scale.
func metric(name string, scale float64) figure {
	m, err := result.MetricNamed(name)
	if err != nil {
		panic(err) // a name written below
	}
	return func(r *result.Result) float64 {
		v, ok := m.Value(r)
		if !ok {
			return math.NaN()
		}
		return v * scale
	}
}

var (
	perUpgrade   = metric("cpu/upgrade", 1e6)
	perDelivery  = metric("cpu/delivery", 1e6)
	perSecond    = metric("deliveries/s", 1)
	p50          = metric("p50", 1e3)
	p99          = metric("p99", 1e3)
	lost         = metric("lost", 1)
	perConn      = metric("pss/conn", 1)
	serverCores  = metric("cores", 1)
	clientCores  = metric("client-cores", 1)
	connectsPerS = metric("connects/s", 1)
)

func doubled(r *result.Result) float64 { return float64(r.Delivery.Duplicated + r.Delivery.Reordered) }

func clientPerDelivery(r *result.Result) float64 { return r.Client.PerDelivery / 1e3 }
func clientPerConn(r *result.Result) float64     { return r.Client.PerConn }

// command tells how a row is made again, and over how many rounds the table was made.
func command(scenario string, flags []string, rounds int) string {
	times := fmt.Sprintf("%d rounds", rounds)
	if rounds == 1 {
		times = "once"
	}
	return fmt.Sprintf("\n`taskset -c 1 ./throng bench %s ws://%s/ws %s`, %s\n", scenario, address, strings.Join(flags, " "), times)
}

var (
	idleFlags = []string{"--connections", "10000", "--rate", "0", "--duration", "8s"}
	manyFlags = []string{"--connections", "19800", "--rate", "0", "--duration", "8s"}
)

func idle() (string, error) {
	names := contestants(everyone)
	results := inTurn(*rounds, names, "idle", idleFlags...)
	r, err := load("throng", "idle", manyFlags...)
	if err != nil {
		return "", err
	}
	return idleText(names, results, r), nil
}

func idleText(names []string, results map[string][]*result.Result, r *result.Result) string {
	g := newGrid("server", "user memory a connection, B", "server CPU an upgrade, us", "as a multiple of the floor", "handshakes/s", "verdict")
	for _, name := range names {
		rs := results[name]
		g.row(name, over(rs, perConn, "%.0f"), over(rs, perUpgrade, "%.1f"), ratio(rs, results["floor"], perUpgrade), over(rs, connectsPerS, "%.0f"), verdicts(rs))
	}
	return g.text.String() + command("idle", idleFlags, *rounds) + fmt.Sprintf("\nOne throng process held %s of 19,800 connections at %.0f B each, %.1f us of CPU an upgrade:\n",
		result.Thousands(r.Connect.Opened-r.Delivery.Closed), perConn(r), perUpgrade(r)) + command("idle", manyFlags, 1)
}

var fanoutFlags = []string{"--connections", "10000", "--rate", "5", "--publishers", "5", "--size", "128", "--duration", "8s", "--warmup", "2s"}

func fanout() (string, error) {
	names := contestants(everyone)
	return fanoutText(names, inTurn(*rounds, names, "broadcast", fanoutFlags...)), nil
}

func fanoutText(names []string, results map[string][]*result.Result) string {
	g := newGrid("server", "CPU a delivery, us", "as a multiple of the floor", "cores", "p50, ms", "p99, ms", "lost", "verdict")
	for _, name := range names {
		rs := results[name]
		g.row(name, over(rs, perDelivery, "%.2f"), ratio(rs, results["floor"], perDelivery), over(rs, serverCores, "%.2f"), over(rs, p50, "%.0f"), over(rs, p99, "%.0f"), over(rs, lost, "%.0f"), verdicts(rs))
	}
	return g.text.String() + command("broadcast", fanoutFlags, *rounds)
}

var hotFlags = []string{"--connections", "500", "--publishers", "500", "--size", "128", "--duration", "8s", "--warmup", "2s"}

// hotPart is servers that are measured at one rate.
type hotPart struct {
	rate    string
	rounds  int
	names   []string
	results map[string][]*result.Result
}

// hot is a room in which everybody talks. The peers fall behind without end, so that once is enough.
func hot() (string, error) {
	parts := []hotPart{{rate: "8000", rounds: *rounds, names: everyone[:1]}, {rate: "16000", rounds: *rounds, names: everyone[:1]}, {rate: "8000", rounds: 1, names: contestants(everyone[1:])}}
	for i := range parts {
		p := &parts[i]
		p.results = inTurn(p.rounds, p.names, "broadcast", append([]string{"--rate", p.rate}, hotFlags...)...)
	}
	return hotText(parts), nil
}

func hotText(parts []hotPart) string {
	g := newGrid("server", "messages/s offered", "deliveries/s", "p50, ms", "p99, ms", "lost", "doubled or out of order", "CPU a delivery, us", "client's cores", "runs", "verdict")
	for _, part := range parts {
		for _, name := range part.names {
			rs := part.results[name]
			g.row(name, part.rate, over(rs, perSecond, "%.0f"), over(rs, p50, "%.1f"), over(rs, p99, "%.1f"), over(rs, lost, "%.0f"),
				over(rs, doubled, "%.0f"), over(rs, perDelivery, "%.3f"), over(rs, clientCores, "%.2f"), fmt.Sprint(part.rounds), verdicts(rs))
		}
	}
	return g.text.String() + command("broadcast", append([]string{"--rate", "8000"}, hotFlags...), *rounds) + "\nand with `--rate 16000`.\n"
}

var heartbeatFlags = []string{"--connections", "15000", "--rate", "0", "--duration", "60s"}

func heartbeat() (string, error) {
	r, err := load("throng", "idle", heartbeatFlags...)
	if err != nil {
		return "", err
	}
	return heartbeatText(r), nil
}

func heartbeatText(r *result.Result) string {
	return fmt.Sprintf("%.2f %% of a core, over %s pings.\n", 100*r.Server.Cores, result.Thousands(r.Delivery.Pings)) + command("idle", heartbeatFlags, 1)
}

var stuckFlags = []string{"--connections", "200", "--slow", "10%", "--rate", "50", "--publishers", "50", "--size", "8000", "--duration", "30s", "--warmup", "2s"}

// stuck is a room in which one in ten stops reading. Its messages are large, as the kernel keeps megabytes for a reader before a
// server has to. Once is enough: it either harms the others or not.
func stuck() (string, error) {
	names := contestants(everyone)
	return stuckText(names, inTurn(1, names, "slow", stuckFlags...)), nil
}

func stuckText(names []string, results map[string][]*result.Result) string {
	g := newGrid("server", "p99 of the others before, ms", "while some do not read, ms", "stopped", "cut", "within, s", "memory grew by, MiB", "others lost", "verdict")
	for _, name := range names {
		rs := results[name]
		g.row(name, over(rs, ofSlow(func(s *result.Slow) float64 { return millis(s.Before) }), "%.1f"), over(rs, ofSlow(func(s *result.Slow) float64 { return millis(s.Healthy) }), "%.1f"),
			over(rs, ofSlow(func(s *result.Slow) float64 { return float64(s.Stopped) }), "%.0f"),
			over(rs, ofSlow(func(s *result.Slow) float64 { return float64(s.Cut) }), "%.0f"), over(rs, ofSlow(cutWithin), "%.1f"),
			over(rs, ofSlow(func(s *result.Slow) float64 { return float64(s.Grown) / (1 << 20) }), "%.1f"), over(rs, lost, "%.0f"), verdicts(rs))
	}
	return g.text.String() + command("slow", stuckFlags, 1)
}

// ofSlow is a figure of a run in which some stopped reading.
func ofSlow(f func(*result.Slow) float64) figure {
	return func(r *result.Result) float64 {
		if r.Slow == nil {
			return math.NaN()
		}
		return f(r.Slow)
	}
}

func millis(d *result.Distribution) float64 {
	if d == nil || d.P99 == nil {
		return math.NaN()
	}
	return float64(*d.P99) / 1e6
}

// cutWithin is when the last of them was cut, in seconds.
func cutWithin(s *result.Slow) float64 {
	if s.CutAfter == nil {
		return math.NaN()
	}
	return s.CutAfter.Max.Seconds()
}

var (
	sdkIdleFlags   = []string{"--connections", "10000", "--rate", "0", "--duration", "8s"}
	sdkFanoutFlags = []string{"--connections", "10000", "--rate", "5", "--publishers", "5", "--size", "128", "--duration", "8s", "--warmup", "2s"}
	sdkHotFlags    = []string{"--connections", "500", "--rate", "4000", "--publishers", "500", "--size", "128", "--duration", "8s", "--warmup", "2s"}
)

// sdkResults are those of the table by server.
type sdkResults struct{ idle, fanout, hot map[string][]*result.Result }

// backend is what the SDK protocol costs, with one room joined, beside the plain room and the library that Centrifugo is made of.
func backend() (string, error) {
	chats := contestants([]string{"throng", sdk, "centrifuge"})
	names := append(slices.Clone(chats), contestants([]string{"floor"})...)
	var results sdkResults
	results.idle = inTurn(*rounds, names, "idle", sdkIdleFlags...)
	results.fanout = inTurn(*rounds, names, "broadcast", sdkFanoutFlags...)
	results.hot = inTurn(*rounds, chats, "broadcast", sdkHotFlags...)
	return backendText(names, results), nil
}

func backendText(names []string, results sdkResults) string {
	g := newGrid("server", "user memory a connection, B", "server CPU to connect and join, us", "fan-out to 10,000: CPU a delivery as a multiple of the floor",
		"hot room of 500: deliveries/s", "p99, ms", "lost", "CPU a delivery, us", "client's cores", "verdict of the hot room")
	for _, name := range names {
		idling, fanning, hot := results.idle, results.fanout, results.hot[name]
		g.row(name, over(idling[name], perConn, "%.0f"), over(idling[name], perUpgrade, "%.1f"), ratio(fanning[name], fanning["floor"], perDelivery),
			over(hot, perSecond, "%.0f"), over(hot, p99, "%.1f"), over(hot, lost, "%.0f"), over(hot, perDelivery, "%.3f"), over(hot, clientCores, "%.2f"), verdicts(hot))
	}
	return g.text.String() + command("idle", sdkIdleFlags, *rounds) + command("broadcast", sdkFanoutFlags, *rounds) + command("broadcast", sdkHotFlags, *rounds) +
		"\nand with `--protocol centrifugo`, to `/connection/websocket`.\n"
}

var (
	clientFlags        = []string{"--connections", "500", "--rate", "16000", "--publishers", "500", "--size", "128", "--duration", "8s", "--warmup", "2s"}
	clientConnectFlags = []string{"--connections", "19800"}
)

// client is what throng bench itself costs.
func client() (string, error) {
	room := inTurn(*rounds, everyone[:1], "broadcast", clientFlags...)["throng"]
	many := inTurn(*rounds, everyone[:1], "connect", clientConnectFlags...)["throng"]
	return clientText(room, many)
}

func clientText(room, many []*result.Result) (string, error) {
	g := newGrid("client", "median of runs")
	g.row("deliveries/s of 128 B, every one checked, by one core", over(room, perSecond, "%.0f"))
	g.row("of that core used", over(room, clientCores, "%.2f"))
	g.row("CPU a delivery, us", over(room, clientPerDelivery, "%.3f"))
	g.row("how late a message left: p99, ms", over(room, metric("lag-p99", 1e3), "%.2f"))
	g.row("memory a connection, of 19,800, B", over(many, clientPerConn, "%.0f"))
	g.row("verdict of the runs", verdicts(room))
	if verdicts(room) == "–" || verdicts(many) == "–" {
		return "", errors.New("no run of it")
	}
	return g.text.String() + command("broadcast", clientFlags, *rounds) + command("connect", clientConnectFlags, *rounds), nil
}
