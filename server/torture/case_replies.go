//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// Attacks by replies whose size the command does not bound, and by messages that are never finished.

const rememberingRooms = "[[room]]\npattern = \"*\"\nhistory-size = 300\nhistory-ttl = \"1h\"\n"

func init() {
	const memory, p99 = 64 << 20, 20 * time.Millisecond
	for _, command := range []string{"presence", "history"} {
		for _, reads := range []bool{true, false} {
			name := "190 × " + command + " in a frame"
			if !reads {
				name += ", unread"
			}
			attacks = append(attacks, attack{name: name, config: rememberingRooms, memory: memory, p99: p99,
				run: func(t *target) (string, error) { return longReplies(t, command, 200, reads) }})
		}
	}
	// The budget is 64 MiB; the collector lets the heap grow to twice what is in use.
	attacks = append(attacks, attack{name: "messages never finished", memory: 160 << 20, run: neverFinished})
}

// longReplies has clients ask 190 times in one frame for a room's presence or history.
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
					return // cut off, or at the end
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
	return fmt.Sprintf("%s made", mib(int64(made))), err
}

// neverFinished begins 2,000 messages of 60 KiB and sends nothing more.
func neverFinished(t *target) (string, error) {
	const begun = 60 << 10
	// The head of a masked text frame of 65,535 bytes, and what comes of it. A key of zeros changes nothing.
	frame := append([]byte{0x81, 0x80 | 126, 0xFF, 0xFF, 0, 0, 0, 0}, strings.Repeat("x", begun)...)
	for range 2000 {
		c, err := net.Dial("tcp", t.chat)
		if err != nil {
			return "", err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
			return "", err
		}
		const head = "GET /ws?room=x HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
		if _, err := c.Write([]byte(head)); err != nil {
			return "", err
		}
		answer := make([]byte, 512)
		if n, err := c.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 101") {
			return "", fmt.Errorf("handshake: %.60s %w", answer[:n], err)
		}
		if _, err := c.Write(frame); err != nil {
			return "", err
		}
	}
	time.Sleep(3 * time.Second)
	closed, err := t.metric("throng_closes_total", `reason="unfinished"`)
	if err == nil && closed == 0 {
		err = errors.New("all were kept")
	}
	return fmt.Sprintf("%.0f closed", closed), err
}
