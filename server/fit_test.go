package server

import (
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/session"
)

// tight says that b keeps hardly more memory than it needs.
func tight(t *testing.T, what string, b []byte) {
	t.Helper()
	if cap(b) > len(b)+chat.MaxSlack(len(b)) {
		t.Errorf("%s of %d bytes keeps %d", what, len(b), cap(b))
	}
}

func TestStoredDataHasNoSpareCapacity(t *testing.T) {
	ends := strings.Repeat("\n", 60_000)
	decoded := func(text string) []byte {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	short := base64.StdEncoding.EncodeToString([]byte("\xff\xfe"))
	for name, data := range map[string][]byte{
		"JSON with line ends":  []byte("{" + ends + `"a":1}`),
		"bytes in base64":      decoded(short + ends),
		"JSON in base64":       decoded(base64.StdEncoding.EncodeToString([]byte(`[1]`)) + ends),
		"a slice of something": append(make([]byte, 0, 60_000), `[1,2]`...),
	} {
		p, ok := session.OfSDK(data)
		if !ok {
			t.Fatalf("%s: refused", name)
		}
		tight(t, name, p.Data)
		tight(t, name+" as info", session.AsJSON(data))
	}
	s := silentSession(session.JSONEncoding)
	s.Info = &chat.ClientInfo{}
	tight(t, "info", s.InfoIn(append(make([]byte, 0, 60_000), `{}`...)).ChanInfo)
}

// A room's name may be a part of a head of 8 KiB.
func TestARoomStoresOnlyItsName(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	text := strings.Repeat("x", 8<<10) + "lobby"
	name := text[8<<10:]
	in := s.hub.Rooms.StripeOf(name)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	r := s.hub.RoomLocked(in, name)
	if unsafe.StringData(r.Name) == unsafe.StringData(name) {
		t.Error("the name of the room is a part of a larger text")
	}
	for key := range in.Rooms {
		if unsafe.StringData(key) == unsafe.StringData(name) {
			t.Error("the key of the room is a part of a larger text")
		}
	}
	s.hub.DeleteLocked(r)
}

// What the history says that it takes is what it takes.
func TestTheHistoryCountsItsMemory(t *testing.T) {
	ends := strings.Repeat("\n", 30_000)
	for name, make := range map[string]func(n int) chat.Publication{
		"short": func(n int) chat.Publication { return chat.Publication{Data: fmt.Append(nil, n), Form: chat.FormJSON} },
		"long":  func(n int) chat.Publication { return chat.Publication{Data: make4k(n), Form: chat.FormJSON} },
		"line ends": func(n int) chat.Publication {
			p, _ := session.OfSDK(fmt.Appendf(nil, "[%s%d]", ends, n))
			return p
		},
		"each by another": func(n int) chat.Publication {
			return chat.Publication{Data: fmt.Append(nil, n), Info: &chat.ClientInfo{
				User: fmt.Sprint("user ", n), Client: fmt.Sprintf("%032d", n), ConnInfo: fmt.Appendf(nil, `{"name":"%d"}`, n),
			}}
		},
		"with tags": func(n int) chat.Publication {
			tags := map[string]string{}
			for i := range n % 20 {
				tags[fmt.Sprint(i)] = fmt.Sprint(n)
			}
			return chat.Publication{Data: fmt.Append(nil, n), Tags: tags}
		},
	} {
		t.Run(name, func(t *testing.T) {
			publications := 30_000
			if name == "long" || name == "line ends" {
				publications = 2000
			}
			o := chat.DefaultRoom()
			o.HistorySize, o.HistoryTTL = publications, chat.MaxHistoryTTL
			r := chat.NewRoom(&chat.Stripe{}, "x", &o, 1)
			a := chat.HistoryBudget{MaxBytes: 1 << 30}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.GC() // what pools held of earlier tests goes with the second
			runtime.ReadMemStats(&before)
			for n := range publications {
				p := make(n)
				a.Append(r, &p)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			grew := int(after.HeapAlloc) - int(before.HeapAlloc)
			const others = 2 << 20 // bytes that come and go of other tests
			if grew > a.Bytes+a.Bytes/4+others || a.Bytes > 3*(grew+others) {
				t.Errorf("got %d bytes counted, while the heap grew by %d", a.Bytes, grew)
			}
			runtime.KeepAlive(r)
			if freed := r.History.Clear(); freed != a.Bytes {
				t.Errorf("got %d bytes freed of %d", freed, a.Bytes)
			}
		})
	}
}

func make4k(n int) []byte { return fmt.Appendf(nil, `"%d %s"`, n, strings.Repeat("x", 4<<10)) }
