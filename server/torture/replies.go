//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const rememberingRooms = "[[room]]\npattern = \"*\"\nhistory-size = 300\nhistory-ttl = \"1h\"\n"

var replyAttacks = []attack{
	longRepliesOf("presence", true), longRepliesOf("presence", false), longRepliesOf("history", true), longRepliesOf("history", false),
	{name: "presence of 9,000, by 200", config: quiet + "rate = 1000\n", run: presenceByMany, memory: 64 << 20, p99: 50 * time.Millisecond},
	{name: "presence of 9,000, 30 do not read", config: quiet, run: presenceUnread, memory: 96 << 20},
}

// longRepliesOf is an attack by 200 clients that send 190 commands in one frame, and read the replies or not.
func longRepliesOf(command string, reads bool) attack {
	name := "190 × " + command + " in a frame"
	if !reads {
		name += ", unread"
	}
	return attack{name: name, config: rememberingRooms, memory: 64 << 20, p99: 20 * time.Millisecond,
		run: func(t *target) (string, error) { return longReplies(t, command, 200, reads) }}
}

// longReplies makes clients request a room's presence or history 190 times in one frame.
func longReplies(t *target, command string, clients int, reads bool) (string, error) {
	publication := `{"channel":"x","data":"` + strings.Repeat("x", 400) + `"}`
	for range 300 {
		if status, body, err := t.api("publish", publication, 1<<10); err != nil || status != 200 {
			return "", fmt.Errorf("publish: %d %s %w", status, body, err)
		}
	}
	all := make([]*member, clients)
	for i := range all {
		m, err := t.connect(fmt.Sprint("attacker", i), "")
		if err != nil {
			return "", err
		}
		defer m.conn.CloseNow()
		if _, err := m.call(`"subscribe":{"channel":"x"}`); err != nil {
			return "", err
		}
		all[i] = m
	}
	question := `"` + command + `":{"channel":"x"}`
	if command == "history" {
		question = `"history":{"channel":"x","limit":300}`
	}
	questions := make([]string, 190)
	for i := range questions {
		questions[i] = question
	}
	var asking sync.WaitGroup
	failed := make(chan error, clients)
	for _, m := range all {
		asking.Go(func() {
			if err := m.send(questions...); err != nil {
				failed <- err
				return
			}
			for reads {
				if _, err := m.read(); err != nil {
					return // closed, or the end
				}
			}
		})
	}
	time.Sleep(8 * time.Second)
	for _, m := range all {
		if err := m.conn.CloseNow(); err != nil && !errors.Is(err, net.ErrClosed) {
			return "", err
		}
	}
	asking.Wait()
	close(failed)
	for err := range failed {
		return "", err
	}
	made, err := t.metric("throng_long_reply_bytes_total")
	if err != nil {
		return "", nil // older servers do not have the metric
	}
	return fmt.Sprintf("%s of replies made", mib(int64(made))), nil
}

// large opens a room with members that do not publish.
func large(t *target, members int) error {
	return crowd(members, func(i int) error {
		_, err := t.sdk(fmt.Sprint("member", i), how{from: fmt.Sprintf("127.0.1.%d", i%8+1)}, `"subscribe":{"channel":"a"}`)
		return err
	})
}

// presenceByMany makes 200 members request the presence all the time, and read the replies.
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
	var requests atomic.Int64
	for _, m := range members {
		m.discard()
		go func() {
			for ; time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if _, err := m.Write(text); err != nil {
					return // closed
				}
				requests.Add(1)
			}
		}()
	}
	time.Sleep(time.Until(end))
	return fmt.Sprintf("%d requests", requests.Load()), nil
}

// presenceUnread makes 30 members request the presence and not read the replies. Another member must get its reply.
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
			return fmt.Sprintf("reply to an honest member after %v", took.Round(time.Millisecond)), nil
		} else if took > 10*time.Second {
			return "", fmt.Errorf("no reply to an honest member for 10 s: %w", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
