package main

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// crowd is users with a connection each.
type crowd struct {
	members  []*member
	connects []string // what they say first
}

func newCrowd(n int) (*crowd, error) {
	c := &crowd{make([]*member, n), make([]string, n)}
	return c, inParallel(n, dialsAtOnce, func(i int) (err error) {
		if c.connects[i], err = connecting(fmt.Sprint("user", i)); err != nil {
			return err
		}
		c.members[i], err = dialMember(i)
		return err
	})
}

// connect has all say who they are, so many at once, and waits for the answers.
func (c *crowd) connect(a *asked, atOnce int) error {
	return inParallel(len(c.members), atOnce, func(i int) error {
		if err := a.ask(c.members[i], 1, c.connects[i]); !errors.Is(err, errRefused) {
			return err
		}
		return nil
	})
}

func (c *crowd) close() error {
	return inParallel(len(c.members), 1, func(i int) error {
		if c.members[i] == nil {
			return nil
		}
		return c.members[i].close()
	})
}

// moving is many users that come or go at once, and what was measured of it: a value a round.
type moving struct {
	name  string
	users int
	goes  bool // they are there, and go; else they come
	scene

	letIn, errors100, errors111, median, last     []float64 // the latter two in ms, from the first of them
	asking, telling, dropped, memory, rounds, cpu []float64
	others                                        []*result.Result
}

// round has them all come, or all go, at one moment.
func (c *moving) round() error {
	a := newAsked()
	var users *crowd
	v, err := c.play(func() (err error) {
		if users, err = newCrowd(c.users); err != nil || !c.goes {
			return err
		}
		early := newAsked()
		if err = users.connect(early, dialsAtOnce); err == nil && early.refused.Total() > 0 {
			err = fmt.Errorf("not all were let in: %v", early.errors)
		}
		return err
	}, func(stop <-chan struct{}) error {
		defer func() { <-stop }()
		time.Sleep(settling)
		if c.goes {
			return users.close()
		}
		return users.connect(a, c.users)
	})
	if !c.goes && users != nil {
		err = errors.Join(err, users.close())
	}
	if err != nil {
		return err
	}
	for list, value := range map[*[]float64]float64{
		&c.asking: v.peaks.asking, &c.telling: v.peaks.telling, &c.dropped: v.metrics["throng_webhook_dropped_total"], &c.memory: v.peaks.memory,
		&c.rounds: v.rounds(1), &c.cpu: v.cores * v.wall,
	} {
		*list = append(*list, value)
	}
	if !c.goes {
		c.letIn, c.errors100, c.errors111 = append(c.letIn, float64(a.took.Total())), append(c.errors100, float64(a.errors["100"])), append(c.errors111, float64(a.errors["111"]))
		a.took.Merge(&a.refused)
		c.median, c.last = append(c.median, some(&a.took, 0.5)), append(c.last, some(&a.took, 1))
	}
	c.others = append(c.others, v.others)
	log.Printf("%s: errors %v, %v", c.name, a.errors, v.others.Verdict.Why)
	return nil
}

// settling is until the bystanders are there, and warm.
const settling = 4 * time.Second

// crowds is what happens when many come or go at once, and the application answers, or not.
func crowds() (string, error) {
	atOnce := &conduct{0, 200, nil}
	all := []*moving{
		{name: "10,000 come, no webhooks", users: 10_000},
		{name: "10,000 come, it answers at once", users: 10_000, scene: scene{hooked, atOnce}},
		{name: "10,000 come, it never answers", users: 10_000, scene: scene{hooked, &conduct{0, 200, []string{"connect"}}}},
		{name: "15,000 go, no webhooks", users: 15_000, goes: true},
		{name: "15,000 go, it answers at once", users: 15_000, goes: true, scene: scene{hooked, atOnce}},
		{name: "15,000 go, it never answers", users: 15_000, goes: true, scene: scene{hooked, &conduct{0, 200, []string{"disconnect"}}}},
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
	g := newGrid("what happens", "let in", "error 100", "error 111", "answered after: median, ms", "answered last after, ms", "waiting to be asked, at most", "waiting to be told, at most", "not told", "memory grew by, MiB",
		"server's CPU, s", "the server's longest round, ms", "others' p50, ms", "others' p99, ms", "others lost", "verdict")
	for _, c := range all {
		g.row(c.name, median(c.letIn, "%.0f"), median(c.errors100, "%.0f"), median(c.errors111, "%.0f"), median(c.median, "%.0f"), median(c.last, "%.0f"), median(c.asking, "%.0f"), median(c.telling, "%.0f"),
			median(c.dropped, "%.0f"), median(c.memory, "%.1f"), median(c.cpu, "%.2f"), median(c.rounds, "%.1f"), over(c.others, p50, "%.1f"), over(c.others, p99, "%.1f"), over(c.others, lost, "%.0f"), verdicts(c.others))
	}
	return g.turned() + fmt.Sprintf("\n`go run ./bench/figures --throng ./throng --only crowds --rounds %d`; the others are as above.\n", *rounds)
}
