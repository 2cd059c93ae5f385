//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

var apiAttacks = []attack{
	{name: "API batch of 400 history commands", config: "[[room]]\npattern = \"a\"\nhistory-size = 300\nhistory-ttl = \"1h\"\n", run: largeBatch, memory: 64 << 20, p99: 50 * time.Millisecond},
	{
		name: "redactions of redactions", config: "[[room]]\npattern = \"a\"\nsubscribe = \"anyone\"\nhistory-size = 100\nhistory-ttl = \"1h\"\nrate = 5\n",
		run: redactAgain,
	},
	{name: "slow mode by a new connection", run: slowModeByReconnecting},
	{name: "slow mode, 2^18 publishers", config: "rate = 100000\n[[room]]\npattern = \"*\"\npublish = \"anyone\"\n", run: slowModeFull},
}

// largeBatch requests a page of 300 publications 400 times in one batch, with four batches at once.
func largeBatch(t *target) (string, error) {
	text := `{"channel":"a","data":"` + strings.Repeat("x", 1000) + `"}`
	for range 300 {
		if _, err := t.must("publish", text); err != nil {
			return "", err
		}
	}
	body := `{"commands":[` + strings.Join(slices.Repeat([]string{`{"history":{"channel":"a","limit":300}}`}, 400), ",") + `]}`
	t.begin()
	type answer struct {
		size int
		err  error
	}
	answers := make(chan answer, 4)
	for range 4 {
		go func() {
			_, b, err := t.api("batch", body, 256<<20)
			answers <- answer{len(b), err}
		}()
	}
	most := 0
	for range 4 {
		a := <-answers
		if a.err != nil {
			return "", a.err
		}
		most = max(most, a.size)
	}
	return fmt.Sprintf("largest response %s", mib(int64(most))), nil
}

// redactAgain redacts a publication, then the notice of that, and so on. The other users' messages must stay.
func redactAgain(t *target) (string, error) {
	for i := range 99 {
		if _, err := t.must("publish", fmt.Sprintf(`{"channel":"a","data":"message %d"}`, i)); err != nil {
			return "", err
		}
	}
	m, err := t.connect("ann", "")
	if err != nil {
		return "", err
	}
	if _, err := m.call(`"subscribe":{"channel":"a"}`); err != nil {
		return "", err
	}
	if _, err := m.call(`"publish":{"channel":"a","data":"mine"}`); err != nil {
		return "", err
	}
	for offset := 100; offset < 250; offset++ {
		var no *apiError
		if _, err := m.call(fmt.Sprintf(`"rpc":{"method":"redact","data":{"channel":"a","offset":%d}}`, offset)); err != nil && !errors.As(err, &no) {
			break // closed after too many consecutive rejections
		}
		time.Sleep(5 * time.Millisecond)
	}
	answer, err := t.must("history", `{"channel":"a","limit":300}`)
	if err != nil {
		return "", err
	}
	left := bytes.Count(answer, []byte("message "))
	note := fmt.Sprintf("%d of 99 messages are left", left)
	if left < 99 {
		return note, errors.New("messages of other users were dropped")
	}
	return note, nil
}

// slowModeByReconnecting publishes over a new connection each time, in a room with a slow mode of one minute.
func slowModeByReconnecting(t *target) (string, error) {
	if _, err := t.must("slow_mode", `{"channel":"a","seconds":60}`); err != nil {
		return "", err
	}
	listener, err := t.plain("a", how{from: "127.0.0.4"})
	if err != nil {
		return "", err
	}
	for range 10 {
		c, err := t.plain("a", how{from: "127.0.0.5", behind: frame([]byte("again"))})
		if err != nil {
			return "", err
		}
		if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
			return "", err
		}
		c.message() // the publication, or a close: both are responses
		if err := c.Close(); err != nil {
			return "", err
		}
	}
	if _, err := t.must("publish", `{"channel":"a","data":"end"}`); err != nil {
		return "", err
	}
	for received := 0; ; received++ {
		text, err := listener.message()
		if err != nil {
			return "", err
		}
		if !strings.Contains(string(text), "end") {
			continue
		}
		if received > 1 {
			return "", fmt.Errorf("one address published %d times", received)
		}
		return "", nil
	}
}

// slowModeFull lets 120 users publish in 2,200 rooms with slow mode each, which is more than the slow-mode table holds. Then a new user
// publishes.
func slowModeFull(t *target) (string, error) {
	const rooms, users = 2200, 120
	for first := 0; first < rooms; first += 200 {
		var commands []string
		for r := first; r < first+200; r++ {
			commands = append(commands, fmt.Sprintf(`{"slow_mode":{"channel":"slow%d","seconds":3600}}`, r))
		}
		if _, err := t.must("batch", `{"commands":[`+strings.Join(commands, ",")+`]}`); err != nil {
			return "", err
		}
	}
	t.begin()
	if err := crowd(users, func(i int) error {
		m, err := t.sdk(fmt.Sprint("user", i), how{})
		if err != nil {
			return err
		}
		done := make(chan error, 1)
		go func() {
			replies := 0
			for replies < rooms {
				lines, err := m.lines()
				if err != nil {
					done <- err
					return
				}
				replies += len(lines)
			}
			done <- nil
		}()
		for first := 0; first < rooms; first += 100 {
			var commands []string
			for r := first; r < first+100; r++ {
				commands = append(commands, fmt.Sprintf(`"publish":{"channel":"slow%d","data":1}`, r))
			}
			if _, err := m.Write(frame(batch(10+first, commands...))); err != nil {
				return err
			}
		}
		return <-done
	}); err != nil {
		return "", err
	}
	m, err := t.connect("new", "")
	if err != nil {
		return "", err
	}
	answer, err := m.call(`"publish":{"channel":"slow0","data":1}`)
	if err != nil {
		return "", fmt.Errorf("a new user may not publish: %w", err)
	}
	if !json.Valid(answer.Raw) {
		return "", errors.New("no reply")
	}
	return "", nil
}
