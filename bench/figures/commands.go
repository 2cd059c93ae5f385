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

// commands has the results of commands that cause proxy requests. It is safe for concurrent use.
type commands struct {
	mu       sync.Mutex
	took     histogram.Histogram // time of the successful commands
	rejected histogram.Histogram // time of the rejected commands
	errors   map[string]int      // number of rejections by error code
}

func newCommands() *commands { return &commands{errors: map[string]int{}} }

var errRejected = errors.New("rejected")

// send sends a command and waits for the reply with the ID. It returns errRejected if the reply is an error.
func (q *commands) send(m *member, id int, command string) error {
	began := time.Now()
	if err := m.send(command); err != nil {
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
		q.rejected.Record(int64(time.Since(began)))
		q.errors[code]++
		return errRejected
	}
	q.took.Record(int64(time.Since(began)))
	return nil
}

// errorCode returns the error code of a reply, and false if the reply is not an error.
func errorCode(line string) (code string, is bool) {
	_, rest, is := strings.Cut(line, `"error":{"code":`)
	code, _, _ = strings.Cut(rest, ",")
	return code, is
}

// quantile returns a quantile in milliseconds, or NaN if h is empty.
func quantile(h *histogram.Histogram, q float64) float64 {
	if h.Total() == 0 {
		return math.NaN()
	}
	return inMillis(h.Quantile(q))
}

// visitsPerSecond is the number of users per second that connect, join a room, publish and leave: four webhooks each.
const visitsPerSecond = 750

// session is one such user.
func (q *commands) session(n int) error {
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
		fmt.Sprintf(`{"id":2,"subscribe":{"channel":"requests:%d"}}`, n),
		fmt.Sprintf(`{"id":3,"publish":{"channel":"requests:%d","data":{"text":"good day"}}}`, n),
	} {
		if err = q.send(m, i+1, command); err != nil {
			break
		}
	}
	if errors.Is(err, errRejected) {
		err = nil
	}
	return errors.Join(err, m.close())
}

// visits starts visits on a fixed schedule until stop is closed, and waits for all of them. It returns the first error.
func (q *commands) visits(stop <-chan struct{}) error {
	var under sync.WaitGroup
	var failed error // the first one
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
			if err := q.session(n); err != nil {
				once.Do(func() { failed = err })
			}
		})
	}
}
