package main

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/throng-chat/throng/bench/histogram"
)

// asked is what came of commands that the application is asked about.
type asked struct {
	mu      sync.Mutex
	took    histogram.Histogram // of those that were done
	refused histogram.Histogram // of those that were not
	errors  map[string]int      // by code
}

func newAsked() *asked { return &asked{errors: map[string]int{}} }

var errRefused = errors.New("refused")

// ask says a command, with the reply to be of that id, and waits for the reply. It is errRefused where that is an error.
func (q *asked) ask(m *member, id int, command string) error {
	began := time.Now()
	if err := m.say(command); err != nil {
		return err
	}
	line, err := m.reply(id)
	if err != nil {
		return err
	}
	code, is := errorCode(line)
	q.mu.Lock()
	defer q.mu.Unlock()
	if is {
		q.refused.Record(int64(time.Since(began)))
		q.errors[code]++
		return errRefused
	}
	q.took.Record(int64(time.Since(began)))
	return nil
}

// errorCode is the code of a reply that is an error.
func errorCode(line string) (code string, is bool) {
	_, rest, is := strings.Cut(line, `"error":{"code":`)
	code, _, _ = strings.Cut(rest, ",")
	return code, is
}

// some is a quantile in milliseconds; NaN of none.
func some(h *histogram.Histogram, q float64) float64 {
	if h.Total() == 0 {
		return math.NaN()
	}
	return inMillis(h.Quantile(q))
}

// visitsPerSecond is how many users come in, join a room, say something and go: four webhooks each.
const visitsPerSecond = 750

// visit is one user's.
func (q *asked) visit(n int) error {
	connect, err := connecting(fmt.Sprint("user", n))
	if err != nil {
		return err
	}
	m, err := dialMember(n)
	if err != nil {
		return err
	}
	for i, command := range []string{
		connect,
		fmt.Sprintf(`{"id":2,"subscribe":{"channel":"asked:%d"}}`, n),
		fmt.Sprintf(`{"id":3,"publish":{"channel":"asked:%d","data":{"text":"good day"}}}`, n),
	} {
		if err = q.ask(m, i+1, command); err != nil {
			break
		}
	}
	if errors.Is(err, errRefused) {
		err = nil
	}
	return errors.Join(err, m.close())
}

// visits come by a schedule, whatever becomes of those before, until stop is closed; then all are waited for.
func (q *asked) visits(stop <-chan struct{}) error {
	var under sync.WaitGroup
	var failed error // the first
	var once sync.Once
	began := time.Now()
	for n := 0; ; n++ {
		select {
		case <-stop:
			under.Wait()
			return failed
		case <-time.After(time.Until(began.Add(time.Duration(n) * time.Second / visitsPerSecond))):
		}
		under.Go(func() {
			if err := q.visit(n); err != nil {
				once.Do(func() { failed = err })
			}
		})
	}
}
