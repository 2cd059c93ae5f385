//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const burstRoom = quiet + "[[room]]\npattern = \"a\"\nhistory-size = 1000\nhistory-ttl = \"1h\"\nrecovery = true\n"

var burstAttacks = []attack{
	{name: "burst of 200 x 16 KiB", config: burstRoom, run: func(t *target) (string, error) { return burst(t, 200, 16<<10) }, memory: 64 << 20},
	{name: "burst of 200 x 8 KiB", config: burstRoom, run: func(t *target) (string, error) { return burst(t, 200, 8<<10) }, memory: 64 << 20},
	{name: "100 of 1,000 do not read", config: quiet, run: stuck, memory: 64 << 20},
	{name: "deltas of 16 KiB", config: "rate = 1000\nrate-bytes = \"16MiB\"\n[[room]]\npattern = \"*\"\ndelta = true\nhistory-size = 1\nhistory-ttl = \"1h\"\n", run: deltas, p99: 50 * time.Millisecond},
}

// burst makes one publisher send n messages of a size at once, to 20 members that read 1 MB/s and one that reads 100 KB/s.
func burst(t *target, n, size int) (string, error) {
	var readers sync.WaitGroup
	var cut atomic.Int64
	for range 20 {
		c, err := t.plain("a", how{receive: 32 << 10, rate: 1 << 20})
		if err != nil {
			return "", err
		}
		if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return "", err
		}
		readers.Go(func() {
			for range n {
				if _, err := c.message(); err != nil {
					cut.Add(1)
					return
				}
			}
		})
	}
	slow, err := t.sdk("slow", how{receive: 32 << 10, rate: 100_000}, `"subscribe":{"channel":"a"}`)
	if err != nil {
		return "", err
	}
	slowFate := make(chan string, 1)
	go func() { slowFate <- fate(slow, n) }()
	publisher, err := t.plain("a", how{})
	if err != nil {
		return "", err
	}
	publisher.discard()
	t.begin()
	text := frame(bytes.Repeat([]byte("x"), size))
	if _, err := publisher.Write(bytes.Repeat(text, n)); err != nil {
		return "", fmt.Errorf("the publisher: %w", err)
	}
	readers.Wait()
	note := fmt.Sprintf("%d of 20 at 1 MB/s closed; at 100 KB/s: ", cut.Load())
	select {
	case f := <-slowFate:
		note += f
		if strings.HasPrefix(f, "LOST") {
			return note, errors.New("a loss that the server did not report")
		}
	case <-time.After(60 * time.Second): // 3.3 MB at 100 KB/s take 33 s
		return note + "still reading", errors.New("the slow consumer neither received all messages nor a gap report")
	}
	if cut.Load() > 0 {
		return note, errors.New("readers of 1 MB/s were closed")
	}
	return note, nil
}

// fate returns what a subscriber received of n publications from offset 1 on.
func fate(m *raw, n int) string {
	for next := 1; next <= n; {
		lines, err := m.lines()
		if err != nil {
			return fmt.Sprintf("closed after %d of %d", next-1, n)
		}
		for _, line := range lines {
			var push struct {
				Push struct {
					Pub         *struct{ Offset int }
					Unsubscribe *struct{ Code int }
				}
			}
			switch err := json.Unmarshal([]byte(line), &push); {
			case err != nil:
				return "LOST: " + err.Error()
			case push.Push.Unsubscribe != nil:
				return fmt.Sprintf("gap reported after %d of %d", next-1, n)
			case push.Push.Pub == nil:
			case push.Push.Pub.Offset != next:
				return fmt.Sprintf("LOST: %d after %d", push.Push.Pub.Offset, next-1)
			default:
				next++
			}
		}
	}
	return "all received"
}

// stuck makes 100 members of 1,000 stop reading, while 200 messages of 4 KiB are published.
func stuck(t *target) (string, error) {
	const n = 200
	var cut atomic.Int64
	var readers sync.WaitGroup
	if err := crowd(1000, func(i int) error {
		if i < 100 {
			_, err := t.plain("a", how{receive: 4 << 10})
			return err
		}
		c, err := t.plain("a", how{})
		if err != nil {
			return err
		}
		if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return err
		}
		readers.Go(func() {
			for range n {
				if _, err := c.message(); err != nil {
					cut.Add(1)
					return
				}
			}
		})
		return nil
	}); err != nil {
		return "", err
	}
	publisher, err := t.plain("a", how{})
	if err != nil {
		return "", err
	}
	publisher.discard()
	t.begin()
	if _, err := publisher.Write(bytes.Repeat(frame(bytes.Repeat([]byte("x"), 4<<10)), n)); err != nil {
		return "", err
	}
	readers.Wait()
	gone := 0.0
	for end := time.Now().Add(15 * time.Second); gone < 100 && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if gone, err = t.metric("throng_closes_total", `reason="slow"`); err != nil {
			return "", err
		}
	}
	note := fmt.Sprintf("%d of 900 readers closed, %.0f slow consumers closed", cut.Load(), gone)
	if cut.Load() > 0 {
		return note, errors.New("readers were closed")
	}
	if gone < 100 {
		return note, errors.New("members that do not read stay connected")
	}
	return note, nil
}

// deltas publishes data of 16 KiB in eight rooms. The deltas between them are expensive to compute.
func deltas(t *target) (string, error) {
	every := func(n int, other byte) string {
		b := bytes.Repeat([]byte("a"), 16000)
		for i := n; i < len(b); i += n {
			b[i] = other
		}
		return string(b)
	}
	pair := []string{every(33, 'b'), every(20, 'c')}
	end := time.Now().Add(8 * time.Second)
	return "", crowd(8, func(i int) error {
		room := fmt.Sprint("r", i)
		member, err := t.sdk("member", how{}, `"subscribe":{"channel":"`+room+`","delta":"fossil"}`)
		if err != nil {
			return err
		}
		member.discard()
		publisher, err := t.sdk("publisher", how{}, `"subscribe":{"channel":"`+room+`"}`)
		if err != nil {
			return err
		}
		publisher.discard()
		if err := publisher.SetWriteDeadline(end); err != nil {
			return err
		}
		for n := 0; time.Now().Before(end); n++ {
			text := frame(batch(10+n, `"publish":{"channel":"`+room+`","data":"`+pair[n%2]+`"}`))
			if _, err := publisher.Write(text); errors.Is(err, os.ErrDeadlineExceeded) {
				return nil // backpressure
			} else if err != nil {
				return err
			}
			time.Sleep(10 * time.Millisecond)
		}
		return nil
	})
}
