//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

var replyAttacks = []attack{
	{
		name: "190 presence commands a frame", run: func(t *target) (string, error) { return manyReplies(t, `"presence":{"channel":"a"}`) },
		memory: 64 << 20, p99: 20 * time.Millisecond,
	},
	{
		name: "190 history commands a frame", config: "[[room]]\npattern = \"a\"\nhistory-size = 300\nhistory-ttl = \"1h\"\n",
		run: func(t *target) (string, error) {
			return manyReplies(t, `"history":{"channel":"a","limit":300}`)
		},
		memory: 64 << 20, p99: 20 * time.Millisecond,
	},
	{name: "presence of 9,000, by 200", config: quiet + "rate = 1000\n", run: presenceByMany, memory: 64 << 20, p99: 50 * time.Millisecond},
	{name: "presence of 9,000, 30 do not read", config: quiet, run: presenceUnread, memory: 96 << 20},
}

// manyReplies has 200 members send frames of 190 commands each: half of them read what comes.
func manyReplies(t *target, command string) (string, error) {
	if strings.Contains(command, "history") {
		text := `{"channel":"a","data":"` + strings.Repeat("x", 350) + `"}`
		for range 300 {
			if status, _, err := t.api("publish", text, 1<<10); err != nil || status != 200 {
				return "", fmt.Errorf("publish: %d, %w", status, err)
			}
		}
	}
	members := make([]*raw, 200)
	if err := crowd(len(members), func(i int) (err error) {
		members[i], err = t.sdk(fmt.Sprint("user", i), how{}, `"subscribe":{"channel":"a"}`)
		return err
	}); err != nil {
		return "", err
	}
	t.begin()
	return "", t.repeat(members, slices.Repeat([]string{command}, 190), 8*time.Second)
}

// repeat has members send a frame of commands, and one more each two seconds. Every other member reads what comes.
func (t *target) repeat(members []*raw, commands []string, d time.Duration) error {
	text := frame(batch(10, commands...))
	for i, m := range members {
		if i%2 == 0 {
			m.discard()
		}
		go func() {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(2 * time.Second) {
				if _, err := m.Write(text); err != nil {
					return // cut
				}
			}
		}()
	}
	time.Sleep(d)
	return nil
}

// large is a room of so many members, who say nothing.
func large(t *target, members int) error {
	return crowd(members, func(i int) error {
		_, err := t.sdk(fmt.Sprint("member", i), how{from: fmt.Sprintf("127.0.1.%d", i%8+1)}, `"subscribe":{"channel":"a"}`)
		return err
	})
}

// presenceByMany has 200 members ask all the time who is there, and read the answers.
func presenceByMany(t *target) (string, error) {
	if err := large(t, 9000); err != nil {
		return "", err
	}
	members := make([]*raw, 200)
	if err := crowd(len(members), func(i int) (err error) {
		members[i], err = t.sdk(fmt.Sprint("user", i), how{}, `"subscribe":{"channel":"a"}`)
		return err
	}); err != nil {
		return "", err
	}
	t.begin()
	text := frame(batch(10, `"presence":{"channel":"a"}`))
	end := time.Now().Add(8 * time.Second)
	var asked atomic.Int64
	for _, m := range members {
		m.discard()
		go func() {
			for ; time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if _, err := m.Write(text); err != nil {
					return // cut
				}
				asked.Add(1)
			}
		}()
	}
	time.Sleep(time.Until(end))
	return fmt.Sprintf("asked %d times", asked.Load()), nil
}

// presenceUnread has 30 members ask who is there, and not read. Another member is answered.
func presenceUnread(t *target) (string, error) {
	if err := large(t, 9000); err != nil {
		return "", err
	}
	t.begin()
	for i := range 30 {
		m, err := t.sdk(fmt.Sprint("slow", i), how{receive: 4 << 10}, `"subscribe":{"channel":"a"}`)
		if err != nil {
			return "", err
		}
		if _, err := m.Write(frame(batch(10, slices.Repeat([]string{`"presence":{"channel":"a"}`}, 20)...))); err != nil {
			return "", err
		}
	}
	time.Sleep(2 * time.Second)
	m, err := t.connect("honest", "")
	if err != nil {
		return "", err
	}
	if _, err := m.call(`"subscribe":{"channel":"a"}`); err != nil {
		return "", err
	}
	start := time.Now()
	for {
		_, err := m.call(`"presence":{"channel":"a"}`)
		if took := time.Since(start); err == nil {
			return fmt.Sprintf("an honest member is answered after %v", took.Round(time.Millisecond)), nil
		} else if took > 10*time.Second {
			return "", fmt.Errorf("an honest member is not answered for 10 s: %w", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
