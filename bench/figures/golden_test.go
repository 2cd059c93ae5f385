package main

import (
	"math"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/golden"
	"github.com/throng-chat/throng/bench/result"
)

// example returns a result whose figures all differ, also from those of any other n.
func example(n int) *result.Result {
	f := float64(n)
	after := func(ms float64) *time.Duration {
		d := time.Duration(ms * (1 + f/8) * 1e6)
		return &d
	}
	latency := func(ms float64) *result.Distribution {
		return &result.Distribution{P50: after(ms), P99: after(3 * ms), Max: *after(7 * ms)}
	}
	r := &result.Result{
		Target:  result.Target{PID: 1},
		Connect: result.Connect{Opened: 19_800 - n, PerS: 20_419 - 137*f},
		Sent:    result.Sent{Lag: latency(0.3)},
		Latency: result.Latency{Each: latency(2.5)},
		Delivery: result.Delivery{
			PerS: 3_999_804 - 7919*f, Pings: uint64(36_000 + n), Closed: n, Faults: result.Faults{Lost: 3 * n, Duplicated: 5 * n, Reordered: 7 * n},
		},
		Server: result.Server{Cores: 0.91 - f/64, PerDelivery: 221 + 31*f, PerUpgrade: 16_200 + 1300*f, PSSBefore: 1, PerConn: 379 + 17.3*f},
		Client: result.Client{Cores: 0.92 - f/128, PerDelivery: 119 + 3*f, PerConn: 709 + 11*f},
		Slow: &result.Slow{
			Stopped: 20, Cut: n, CutAfter: &result.Distribution{Max: *after(5000)}, Before: latency(4), Healthy: latency(6), Grown: int64(n+1) << 19,
		},
		Verdict: result.Verdict{Code: []string{result.Valid, result.Valid, result.Limited}[n%3]},
	}
	if n%5 == 4 { // many figures are not measured
		r.Target, r.Sent, r.Latency, r.Slow, r.Server.PSSBefore, r.Client.Cores = result.Target{}, result.Sent{}, result.Latency{}, nil, 0, 0
	}
	return r
}

// examples returns three rounds by server. Some runs failed: one of the floor, one of uws, all of axum.
func examples(names []string) results {
	runs := results{}
	for i, name := range names {
		for round := range 3 {
			r := example(3*i + round)
			if name == "axum" || name == "uws" && round == 0 || name == "floor" && round == 2 {
				r = nil
			}
			runs[name] = append(runs[name], r)
		}
	}
	return runs
}

// three returns one value per round.
func three(v float64) []float64 { return []float64{v, 1.5 * v, 0.7 * v} }

func exampleClosings() string {
	all := allClosings()
	for i, c := range all {
		for _, f := range three(float64(i + 1)) {
			c.rounds = append(c.rounds, closingRound{
				median: 0.3 * f, p99: 20.5 * f, longest: 196.2 * f, perSecond: 2123 * f,
				before: 122 * f, meanwhile: 155 * f, serverCores: 0.11 * f, clientCores: 0.13 * f,
			})
		}
		c.rounds[0].wrong, c.rounds[1].others, c.rounds[1].othersLost, c.rounds[2].othersLost = i, 2*i, i, 2*i
	}
	return endingsText(all)
}

func exampleWebhooks() string {
	var all []*answering
	for i, name := range []string{"no webhooks", "at once", "never"} {
		a := &answering{name: name}
		for round, f := range three(float64(i + 1)) {
			a.rounds = append(a.rounds, webhookRound{
				requests: 2249 * f, notifications: 750 * f, done: 23.3 * f, errors100: 8.04 * f, errors111: 9.2 * f,
				p50: 0.6 * f, p99: 3.8 * f, waitingRequests: 3929 * f, waitingNotifications: 2056 * f, dropped: 4 * f, memory: 20.8 * f,
				cores: 0.23 * f, perHook: 71 * f, shardLag: 6.4 * f, others: example([]int{i, i + 3, i + 4}[round]),
			})
		}
		if name == "never" {
			for round := range a.rounds {
				r := &a.rounds[round]
				r.p50, r.p99, r.perHook = math.NaN(), []float64{math.NaN(), 5, math.NaN()}[round], []float64{math.Inf(1), math.NaN(), math.NaN()}[round]
			}
		}
		all = append(all, a)
	}
	return webhooksText(all)
}

func exampleCrowds() string {
	var all []*moving
	for i, name := range []string{"10,000 connect", "10,000 connect, the application never responds", "15,000 disconnect"} {
		m := &moving{name: name, disconnects: i == 2}
		for round, f := range three(float64(i + 1)) {
			r := crowdRound{
				admitted: 4754 * f, errors100: 256 * f, errors111: 5246 * f, median: 155 * f, last: 542 * f,
				waitingRequests: 3968 * f, waitingNotifications: 2624 * f, dropped: 6 * f, memory: 22.2 * f, shardLag: 51.2 * f, cpu: 0.44 * f,
				others: example([]int{i, i + 3, i + 5}[round]),
			}
			if m.disconnects {
				r.admitted, r.errors100, r.errors111, r.median, r.last = math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()
			}
			m.rounds = append(m.rounds, r)
		}
		all = append(all, m)
	}
	return crowdsText(all)
}

func TestTheTablesAreGolden(t *testing.T) {
	defer func(before int) { *rounds = before }(*rounds)
	*rounds = 3
	built := []string{"throng", "floor", "uws", "axum", "nbio"}
	chats := []string{"throng", sdk, "centrifuge"}
	for name, text := range map[string]func() (string, error){
		"idle":      func() (string, error) { return idleText(built, examples(built)), nil },
		"fanout":    func() (string, error) { return fanoutText(built, examples(built)), nil },
		"heartbeat": func() (string, error) { return heartbeatText(example(2)), nil },
		"stuck":     func() (string, error) { return stuckText(built, examples(built)), nil },
		"hot": func() (string, error) {
			return hotText([]hotPart{
				{rate: 8000, rounds: 3, names: built[:1], runs: examples(built)},
				{rate: 16000, rounds: 3, names: built[:1], runs: results{"throng": {example(5), nil, example(9)}}},
				{rate: 8000, rounds: 1, names: built[1:], runs: examples(built)},
			}), nil
		},
		"unfinished": func() (string, error) {
			return unfinishedText(unfinishedRun{handshakes: 20_000, processes: 4, rate: 10_000, grown: 25<<20 + 700_000, took: []float64{0.3, 4.5, 0.25, 11.04}}), nil
		},
		"sdk": func() (string, error) {
			names := append(chats, "floor")
			return backendText(names, sdkResults{idle: examples(names), fanout: examples(names), hot: examples(chats)}), nil
		},
		"client": func() (string, error) {
			return clientText([]*result.Result{example(0), example(2), nil}, []*result.Result{nil, example(4), example(1)})
		},
		"tls": func() (string, error) {
			names := append(withTLS(built[:4]), behindNginx)
			return tlsText(names, examples(names), examples(names), examples(append(names[:2:2], behindNginx))), nil
		},
		"compression": func() (string, error) {
			names := []string{"throng", "throng" + withDeflate, "gws", "gws" + withDeflate}
			return compressionText(names, compressionRuns{small: examples(names), large: examples(names), fanout: examples(names), idle: examples(names)}), nil
		},
		"closings": func() (string, error) { return exampleClosings(), nil },
		"webhooks": func() (string, error) { return exampleWebhooks(), nil },
		"crowds":   func() (string, error) { return exampleCrowds(), nil },
	} {
		t.Run(name, func(t *testing.T) {
			got, err := text()
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, name, []byte(got))
		})
	}
}
