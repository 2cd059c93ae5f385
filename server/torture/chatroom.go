//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// chatRoomConfig configures a chat room with more places than there are messages, and a small budget of all histories: only changes exceed it.
const chatRoomConfig = quiet + `history-bytes = "16MiB"
[[room]]
pattern = "chat"
kind = "chat"
history-size = 5000
history-ttl = "1h"
recovery = true
`

var chatRoomAttacks = []attack{
	chatRoomAttack("reactions toggled", 100*time.Millisecond, func(_, n int) string {
		return publishInChat(fmt.Sprintf(`{"type":"reaction","of":"m%d","emoji":"+","on":%t}`, n/2%chatMessages, n%2 == 0))
	}),
	// Each edit has 80 KiB of deliveries: its time of the author is in the note, without a bound.
	chatRoomAttack("edits", 0, func(guest, n int) string {
		if n == 0 {
			return publishInChat(fmt.Sprintf(`{"id":"own%d","text":"hi"}`, guest))
		}
		of := fmt.Sprint("own", guest)
		if n%4 == 0 {
			of = fmt.Sprint("m", n%chatMessages) // of another user
		}
		return publishInChat(fmt.Sprintf(`{"type":"edit","of":%q,"text":"%d %s"}`, of, n, strings.Repeat("x", 4000)))
	}),
	chatRoomAttack("10,000 emojis", 100*time.Millisecond, func(guest, n int) string {
		return publishInChat(fmt.Sprintf(`{"type":"reaction","of":"m%d","emoji":"e%d","on":true}`, n%5, guest*10_000/hostileGuests+n))
	}),
	chatRoomAttack("threads on everything", 100*time.Millisecond, func(guest, n int) string {
		if n%20 > 0 { // few messages, so that they evict none
			return publishInChat(fmt.Sprintf(`{"type":"delete","of":"m%d"}`, n%chatMessages))
		}
		return publishInChat(fmt.Sprintf(`{"id":"t%d-%d","text":"re","thread":"m%d"}`, guest, n, n/20%chatMessages))
	}),
	chatRoomAttack("long pages", 100*time.Millisecond, func(_, n int) string {
		return fmt.Sprintf(`"rpc":{"method":"timeline","data":{"channel":"chat","around":"m%d","limit":100}}`, n%chatMessages)
	}),
	chatRoomAttack("searches", 100*time.Millisecond, func(_, n int) string {
		return fmt.Sprintf(`"rpc":{"method":"search","data":{"channel":"chat","text":"nothing %d has it","limit":100}}`, n)
	}),
}

// The load of an attack on a chat room.
const (
	hostileGuests   = 20
	chatMessages    = 200 // before the attack
	hostilePause    = 10 * time.Millisecond
	hostileDuration = 8 * time.Second
)

func publishInChat(data string) string { return `"publish":{"channel":"chat","data":` + data + `}` }

// chatRoomAttack is an attack by guests in a chat room that send as many commands as rate allows. An author publishes in the room meanwhile.
func chatRoomAttack(name string, p99 time.Duration, command func(guest, n int) string) attack {
	return attack{name: "chat room: " + name, config: chatRoomConfig, memory: 64 << 20, p99: p99,
		run: func(t *target) (string, error) { return attackChatRoom(t, command) }}
}

// attackChatRoom returns an error if a message of the author is missing, at a member or in the timeline, or is not as it was.
func attackChatRoom(t *target, command func(guest, n int) string) (string, error) {
	const subscribe = `"subscribe":{"channel":"chat"}`
	reader, err := t.sdk("reader", how{}, subscribe)
	if err != nil {
		return "", err
	}
	author := &chatAuthor{want: map[string]bool{}}
	if author.member, err = t.connect("author", ""); err != nil {
		return "", err
	}
	if _, err := author.member.call(subscribe); err != nil {
		return "", err
	}
	received := make(chan string, 1<<14)
	var failed atomic.Value
	go func() {
		defer close(received)
		failed.Store(readAuthor(reader, received))
	}()
	for n := range chatMessages {
		if err := author.publish(fmt.Sprint("m", n)); err != nil {
			return "", err
		}
		time.Sleep(hostilePause)
	}
	author.took = nil
	t.begin()
	until := time.Now().Add(hostileDuration)
	guests, err := startGuests(t, subscribe, until, command)
	if err != nil {
		return "", err
	}
	for n := 0; time.Now().Before(until); n++ {
		if err := author.publish(fmt.Sprint("h", n)); err != nil {
			return "", fmt.Errorf("the author: %w", err)
		}
		time.Sleep(5 * hostilePause)
	}
	guests.active.Wait()
	slices.Sort(author.took)
	note := fmt.Sprintf("%d commands; %d messages acknowledged, p99 %v", guests.sent.Load(), len(author.took), round(author.took[len(author.took)*99/100]))
	if err := author.checkTimeline(); err != nil {
		return note, err
	}
	return note, author.awaitReceived(received, &failed)
}

// hostileCrowd is the guests of an attack.
type hostileCrowd struct {
	active sync.WaitGroup
	sent   atomic.Int64 // commands
}

// startGuests makes all guests members of the room. Each sends commands until a time, or until it is closed.
func startGuests(t *target, subscribe string, until time.Time, command func(guest, n int) string) (*hostileCrowd, error) {
	guests := &hostileCrowd{}
	err := crowd(hostileGuests, func(guest int) error {
		g, err := t.sdk(fmt.Sprint("guest", guest), how{}, subscribe)
		if err != nil {
			return err
		}
		g.discard()
		guests.active.Go(func() {
			for n := 0; time.Now().Before(until); n++ {
				if _, err := g.Write(frame(batch(10+n, command(guest, n)))); err != nil {
					return // closed
				}
				guests.sent.Add(1)
				time.Sleep(hostilePause)
			}
		})
		return nil
	})
	return guests, err
}

// chatAuthor publishes in the chat room.
type chatAuthor struct {
	member *member
	want   map[string]bool // messages by ID
	took   []time.Duration // until they were acknowledged
}

// textOf returns the text of a message of the author.
func textOf(id string) string { return "text of " + id + strings.Repeat(" and more", 10) }

// awaitReceived returns an error if a message of the author does not arrive, or arrives twice. failed has the error of the reader at the end of
// received.
func (ca *chatAuthor) awaitReceived(received <-chan string, failed *atomic.Value) error {
	end := time.After(wait)
	for missing := len(ca.want); missing > 0; missing-- {
		select {
		case id, more := <-received:
			if !more {
				return fmt.Errorf("the reader: %v", failed.Load())
			}
			if !ca.want[id] {
				return fmt.Errorf("the reader received %q twice, or changed", id)
			}
			delete(ca.want, id)
		case <-end:
			return fmt.Errorf("the reader did not receive %d messages", missing)
		}
	}
	return nil
}

func (ca *chatAuthor) publish(id string) error {
	start := time.Now()
	_, err := ca.member.call(publishInChat(fmt.Sprintf(`{"id":%q,"text":%q}`, id, textOf(id))))
	ca.want[id], ca.took = true, append(ca.took, time.Since(start))
	return err
}

// chatMessage is a message of the timeline, or the data of a publication.
type chatMessage struct {
	ID, Text, User  string
	Offset          uint64
	Edited          int64
	Deleted, Pinned bool
}

// checkTimeline checks that the timeline has the messages of the author as they were published.
func (ca *chatAuthor) checkTimeline() error {
	found := map[string]bool{}
	for before := ""; ; {
		r, err := ca.member.call(`"rpc":{"method":"timeline","data":{"channel":"chat","limit":100` + before + `}}`)
		if err != nil {
			return fmt.Errorf("the timeline: %w", err)
		}
		var page struct {
			RPC struct {
				Data struct {
					Messages []chatMessage
					More     bool
				}
			}
		}
		if err := json.Unmarshal(r.Raw, &page); err != nil {
			return err
		}
		list := page.RPC.Data.Messages
		for _, m := range list {
			if m.User != "author" {
				continue
			}
			if m.Text != textOf(m.ID) || m.Edited != 0 || m.Deleted || m.Pinned || found[m.ID] {
				return fmt.Errorf("the timeline has %+v", m)
			}
			found[m.ID] = true
		}
		if !page.RPC.Data.More || len(list) == 0 {
			break
		}
		before = fmt.Sprint(`,"before":`, slices.MinFunc(list, func(a, b chatMessage) int { return int(a.Offset) - int(b.Offset) }).Offset)
	}
	if len(found) != len(ca.want) {
		return fmt.Errorf("the timeline has %d messages of the author, want %d", len(found), len(ca.want))
	}
	return nil
}

var errOffsets = errors.New("the offsets are not contiguous")

// readAuthor passes on the IDs of the messages of the author as a member receives them, without end.
func readAuthor(reader *raw, to chan<- string) error {
	if err := reader.SetReadDeadline(time.Now().Add(3 * wait)); err != nil {
		return err
	}
	next := uint64(0)
	for {
		lines, err := reader.lines()
		if err != nil {
			return err
		}
		for _, line := range lines {
			var push struct {
				Push struct {
					Pub *struct {
						Offset uint64
						Info   struct{ User string }
						Data   json.RawMessage
					}
				}
			}
			if err := json.Unmarshal([]byte(line), &push); err != nil {
				return err
			}
			p := push.Push.Pub
			if p == nil {
				return fmt.Errorf("found %s", line)
			}
			if next++; p.Offset != next {
				return fmt.Errorf("%w: found %d, want %d", errOffsets, p.Offset, next)
			}
			var m chatMessage
			if err := json.Unmarshal(p.Data, &m); err != nil {
				return err
			}
			if p.Info.User == "author" && !bytes.Contains(p.Data, []byte(`"type"`)) {
				if m.Text != textOf(m.ID) {
					m.ID += " changed"
				}
				to <- m.ID
			}
		}
	}
}
