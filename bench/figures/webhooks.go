package main

import (
	"fmt"
	"log"
	"math"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// answering is an application, and its measurements.
type answering struct {
	name string
	scene
	rounds []webhookRound
}

// webhookRound is the measurement of an application in one round.
type webhookRound struct {
	requests, notifications               float64 // webhooks a second: proxy requests and notifications
	done, errors100, errors111            float64 // percent of the commands
	p50, p99                              float64 // ms, of the successful commands
	waitingRequests, waitingNotifications float64 // largest number of waiting webhooks
	dropped                               float64 // notifications
	memory                                float64 // growth of the server in MiB
	cores                                 float64 // of the server
	perHook                               float64 // µs of the server's CPU; NaN if not known
	shardLag                              float64 // ms, p99.9
	others                                *result.Result
}

var webhooksTable = layout[webhookRound]{rows: "response of the application", columns: []column[webhookRound]{
	{name: "proxy requests", unit: "/s", value: func(r webhookRound) float64 { return r.requests }},
	{name: "notifications", unit: "/s", value: func(r webhookRound) float64 { return r.notifications }},
	{name: "commands successful", unit: "%", decimals: 1, value: func(r webhookRound) float64 { return r.done }},
	{name: "error 100", unit: "%", decimals: 1, value: func(r webhookRound) float64 { return r.errors100 }},
	{name: "error 111", unit: "%", decimals: 1, value: func(r webhookRound) float64 { return r.errors111 }},
	{name: "successful after: median", unit: "ms", decimals: 1, value: func(r webhookRound) float64 { return r.p50 }},
	{name: "successful after: p99", unit: "ms", decimals: 1, value: func(r webhookRound) float64 { return r.p99 }},
	{name: "waiting proxy requests, maximum", value: func(r webhookRound) float64 { return r.waitingRequests }},
	{name: "waiting notifications, maximum", value: func(r webhookRound) float64 { return r.waitingNotifications }},
	{name: "notifications dropped", value: func(r webhookRound) float64 { return r.dropped }},
	{name: "server cores", decimals: 2, value: func(r webhookRound) float64 { return r.cores }},
	{name: "CPU per webhook", unit: "µs", value: func(r webhookRound) float64 { return r.perHook }},
	{name: "memory growth", unit: "MiB", decimals: 1, value: func(r webhookRound) float64 { return r.memory }},
	{name: "flush of the server, p99.9", unit: "ms", decimals: 1, value: func(r webhookRound) float64 { return r.shardLag }},
	{name: "others' p50", unit: "ms", decimals: 1, value: func(r webhookRound) float64 { return p50(r.others) }},
	{name: "others' p99", unit: "ms", decimals: 1, value: func(r webhookRound) float64 { return p99(r.others) }},
	{name: "others lost", value: func(r webhookRound) float64 { return lost(r.others) }},
	{name: "verdict", text: verdictsOf(func(r webhookRound) *result.Result { return r.others })},
}}

// round measures one application. without is the CPU of the server, in cores, under the same load without webhooks.
func (an *answering) round(without float64) (cores float64, err error) {
	a := newCommands()
	v, err := an.play(func() error { return nil }, a.visits)
	if err != nil {
		return 0, err
	}
	requests, notifications := v.requests(false), v.requests(true)
	done, all := float64(a.took.Total()), float64(a.took.Total()+a.rejected.Total())
	if unknown := all - done - float64(a.errors["100"]+a.errors["111"]); unknown != 0 {
		return 0, fmt.Errorf("%.0f commands got errors other than 100 and 111: %v", unknown, a.errors)
	}
	perHook := math.NaN() // if commands failed, the load was not comparable
	if done == all && requests > 0 {
		perHook = (v.cores - without) * 1e6 * v.wall / (requests + notifications)
	}
	r := webhookRound{
		requests: requests / v.wall, notifications: notifications / v.wall,
		done: 100 * done / all, errors100: 100 * float64(a.errors["100"]) / all, errors111: 100 * float64(a.errors["111"]) / all,
		p50: quantile(&a.took, 0.5), p99: quantile(&a.took, 0.99),
		waitingRequests: v.peaks.waitingRequests, waitingNotifications: v.peaks.waitingNotifications, dropped: v.metrics["throng_webhook_dropped_total"], memory: v.peaks.memory,
		cores: v.cores, perHook: perHook, shardLag: v.rounds(0.999), others: v.others,
	}
	an.rounds = append(an.rounds, r)
	log.Printf("%s: %.0f proxy requests/s, %.0f notifications/s, errors %v, %v", an.name, r.requests, r.notifications, a.errors, v.others.Verdict.Why)
	return v.cores, nil
}

// webhooks measures the cost of webhooks, and the latency of clients that cause none.
func webhooks() (string, error) {
	everything := []string{"connect", "subscribe", "publish", "disconnect"}
	withWebhooks := func(c *behaviour) scene { return scene{config: withHooks, behaviour: c} }
	applications := []*answering{
		{name: "no webhooks"},
		{name: "at once", scene: withWebhooks(&behaviour{status: 200})},
		{name: "after 5 ms", scene: withWebhooks(&behaviour{delay: 5 * time.Millisecond, status: 200})},
		{name: "after 200 ms", scene: withWebhooks(&behaviour{delay: 200 * time.Millisecond, status: 200})},
		{name: "with status 500", scene: withWebhooks(&behaviour{status: 500})},
		{name: "no listener", scene: withWebhooks(nil)},
		{name: "never", scene: withWebhooks(&behaviour{status: 200, hangs: everything})},
	}
	for range *rounds {
		without := 0.0
		for _, w := range applications {
			cores, err := w.round(without)
			if err != nil {
				return "", fmt.Errorf("%s: %w", w.name, err)
			}
			if w.config == "" {
				without = cores
			}
		}
	}
	return webhooksText(applications), nil
}

func webhooksText(applications []*answering) string {
	var rows []row[webhookRound]
	for _, w := range applications {
		rows = append(rows, row[webhookRound]{name: w.name, rounds: w.rounds})
	}
	return webhooksTable.turned(rows) +
		fmt.Sprintf("\n`go run ./bench/figures --throng ./throng --only webhooks --rounds %d`: %d users a second; the others are\n", *rounds, visitsPerSecond) +
		bystanders.command(*rounds)
}
