package main

import (
	"errors"
	"fmt"
	"log"
	"math"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// crowd is a number of users with a connection each.
type crowd struct {
	members  []*member
	connects []string // their connect commands
}

func newCrowd(n int) (*crowd, error) {
	c := &crowd{members: make([]*member, n), connects: make([]string, n)}
	return c, inParallel(n, dialsAtOnce, func(i int) (err error) {
		if c.connects[i], err = connecting(fmt.Sprint("user", i)); err != nil {
			return err
		}
		c.members[i], err = dialMember(i)
		return err
	})
}

// connect sends all connect commands, atOnce at a time, and waits for the replies.
func (cr *crowd) connect(a *commands, atOnce int) error {
	return inParallel(len(cr.members), atOnce, func(i int) error {
		if err := a.send(cr.members[i], 1, cr.connects[i]); !errors.Is(err, errRejected) {
			return err
		}
		return nil
	})
}

func (cr *crowd) close() error {
	return inParallel(len(cr.members), 1, func(i int) error {
		if cr.members[i] == nil {
			return nil
		}
		return cr.members[i].close()
	})
}

// moving is a number of users that connect or disconnect at once, and its measurements.
type moving struct {
	name        string
	users       int
	disconnects bool // the users disconnect; otherwise they connect
	scene
	rounds []crowdRound
}

// crowdRound is the measurement of a crowd in one round. Values of connecting users are NaN if the users disconnect.
type crowdRound struct {
	admitted, errors100, errors111        float64 // commands
	median, last                          float64 // ms from the first command
	waitingRequests, waitingNotifications float64 // largest number of waiting webhooks
	dropped                               float64 // notifications
	memory                                float64 // growth of the server in MiB
	cpu                                   float64 // seconds of the server
	shardLag                              float64 // ms, the longest
	others                                *result.Result
}

var crowdsTable = layout[crowdRound]{rows: "event", columns: []column[crowdRound]{
	{name: "admitted", value: func(r crowdRound) float64 { return r.admitted }},
	{name: "error 100", value: func(r crowdRound) float64 { return r.errors100 }},
	{name: "error 111", value: func(r crowdRound) float64 { return r.errors111 }},
	{name: "response after: median", unit: "ms", value: func(r crowdRound) float64 { return r.median }},
	{name: "last response after", unit: "ms", value: func(r crowdRound) float64 { return r.last }},
	{name: "waiting proxy requests, maximum", value: func(r crowdRound) float64 { return r.waitingRequests }},
	{name: "waiting notifications, maximum", value: func(r crowdRound) float64 { return r.waitingNotifications }},
	{name: "notifications dropped", value: func(r crowdRound) float64 { return r.dropped }},
	{name: "memory growth", unit: "MiB", decimals: 1, value: func(r crowdRound) float64 { return r.memory }},
	{name: "server CPU", unit: "s", decimals: 2, value: func(r crowdRound) float64 { return r.cpu }},
	{name: "longest flush of the server", unit: "ms", decimals: 1, value: func(r crowdRound) float64 { return r.shardLag }},
	{name: "others' p50", unit: "ms", decimals: 1, value: func(r crowdRound) float64 { return p50(r.others) }},
	{name: "others' p99", unit: "ms", decimals: 1, value: func(r crowdRound) float64 { return p99(r.others) }},
	{name: "others lost", value: func(r crowdRound) float64 { return lost(r.others) }},
	{name: "verdict", text: verdictsOf(func(r crowdRound) *result.Result { return r.others })},
}}

// round lets all users connect, or disconnect, at once.
func (mv *moving) round() error {
	a := newCommands()
	var users *crowd
	v, err := mv.play(func() (err error) {
		if users, err = newCrowd(mv.users); err != nil || !mv.disconnects {
			return err
		}
		early := newCommands()
		if err = users.connect(early, dialsAtOnce); err == nil && early.rejected.Total() > 0 {
			err = fmt.Errorf("not all were admitted: %v", early.errors)
		}
		return err
	}, func(stop <-chan struct{}) error {
		defer func() { <-stop }()
		time.Sleep(settling)
		if mv.disconnects {
			return users.close()
		}
		return users.connect(a, mv.users)
	})
	if !mv.disconnects && users != nil {
		err = errors.Join(err, users.close())
	}
	if err != nil {
		return err
	}
	r := crowdRound{
		admitted: math.NaN(), errors100: math.NaN(), errors111: math.NaN(), median: math.NaN(), last: math.NaN(),
		waitingRequests: v.peaks.waitingRequests, waitingNotifications: v.peaks.waitingNotifications, dropped: v.metrics["throng_webhook_dropped_total"], memory: v.peaks.memory,
		cpu: v.cores * v.wall, shardLag: v.rounds(1), others: v.others,
	}
	if !mv.disconnects {
		r.admitted, r.errors100, r.errors111 = float64(a.took.Total()), float64(a.errors["100"]), float64(a.errors["111"])
		a.took.Merge(&a.rejected)
		r.median, r.last = quantile(&a.took, 0.5), quantile(&a.took, 1)
	}
	mv.rounds = append(mv.rounds, r)
	log.Printf("%s: errors %v, %v", mv.name, a.errors, v.others.Verdict.Why)
	return nil
}

// settling is the time until the bystanders are connected and their warm-up is over.
const settling = 4 * time.Second

// crowds measures the effect of many users that connect or disconnect at once, with an application that responds and one that does not.
func crowds() (string, error) {
	atOnce := scene{config: withHooks, behaviour: &behaviour{status: 200}}
	never := func(event string) scene {
		return scene{config: withHooks, behaviour: &behaviour{status: 200, hangs: []string{event}}}
	}
	all := []*moving{
		{name: "10,000 connect, no webhooks", users: 10_000},
		{name: "10,000 connect, the application responds at once", users: 10_000, scene: atOnce},
		{name: "10,000 connect, the application never responds", users: 10_000, scene: never("connect")},
		{name: "15,000 disconnect, no webhooks", users: 15_000, disconnects: true},
		{name: "15,000 disconnect, the application responds at once", users: 15_000, disconnects: true, scene: atOnce},
		{name: "15,000 disconnect, the application never responds", users: 15_000, disconnects: true, scene: never("disconnect")},
	}
	for range *rounds {
		for _, c := range all {
			if err := c.round(); err != nil {
				return "", fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return crowdsText(all), nil
}

func crowdsText(all []*moving) string {
	var rows []row[crowdRound]
	for _, c := range all {
		rows = append(rows, row[crowdRound]{name: c.name, rounds: c.rounds})
	}
	return crowdsTable.turned(rows) + fmt.Sprintf("\n`go run ./bench/figures --throng ./throng --only crowds --rounds %d`; the others are as above.\n", *rounds)
}
