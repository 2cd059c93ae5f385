package server

import (
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

// tight says that b keeps hardly more memory than it needs.
func tight(t *testing.T, what string, b []byte) {
	t.Helper()
	if cap(b) > len(b)+maxSpare(len(b)) {
		t.Errorf("%s of %d bytes keeps %d", what, len(b), cap(b))
	}
}

func TestWhatIsKeptIsCutToItsSize(t *testing.T) {
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
		p, ok := ofSDK(data)
		if !ok {
			t.Fatalf("%s: refused", name)
		}
		tight(t, name, p.data)
		tight(t, name+" as info", asJSON(data))
	}
	s := silentSession(jsonEncoding)
	s.info = &clientInfo{}
	tight(t, "info", s.infoIn(append(make([]byte, 0, 60_000), `{}`...)).ChanInfo)
}

// A room's name may be a part of a head of 8 KiB.
func TestARoomKeepsItsNameAlone(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	text := strings.Repeat("x", 8<<10) + "lobby"
	name := text[8<<10:]
	in := s.hub.rooms.stripeOf(name)
	in.mu.Lock()
	defer in.mu.Unlock()
	r := s.hub.roomLocked(in, name)
	if unsafe.StringData(r.Name) == unsafe.StringData(name) {
		t.Error("the name of the room is a part of a larger text")
	}
	for key := range in.rooms {
		if unsafe.StringData(key) == unsafe.StringData(name) {
			t.Error("the key of the room is a part of a larger text")
		}
	}
	s.hub.forgetLocked(r)
}

// What the history says that it takes is what it takes.
func TestTheHistoryCountsWhatItKeeps(t *testing.T) {
	ends := strings.Repeat("\n", 30_000)
	for name, make := range map[string]func(n int) publication{
		"short": func(n int) publication { return publication{data: fmt.Append(nil, n), form: formJSON} },
		"long":  func(n int) publication { return publication{data: make4k(n), form: formJSON} },
		"line ends": func(n int) publication {
			p, _ := ofSDK(fmt.Appendf(nil, "[%s%d]", ends, n))
			return p
		},
		"each by another": func(n int) publication {
			return publication{data: fmt.Append(nil, n), info: &clientInfo{
				User: fmt.Sprint("user ", n), Client: fmt.Sprintf("%032d", n), ConnInfo: fmt.Appendf(nil, `{"name":"%d"}`, n),
			}}
		},
		"with tags": func(n int) publication {
			tags := map[string]string{}
			for i := range n % 20 {
				tags[fmt.Sprint(i)] = fmt.Sprint(n)
			}
			return publication{data: fmt.Append(nil, n), tags: tags}
		},
	} {
		t.Run(name, func(t *testing.T) {
			publications := 30_000
			if name == "long" || name == "line ends" {
				publications = 2000
			}
			o := DefaultRoom()
			o.HistorySize, o.HistoryTTL = publications, maxHistoryTTL
			r := newRoom(&stripe{}, "x", &o, 1)
			a := archive{most: 1 << 30}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.GC() // what pools held of earlier tests goes with the second
			runtime.ReadMemStats(&before)
			for n := range publications {
				p := make(n)
				a.remember(r, &p)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			grew := int(after.HeapAlloc) - int(before.HeapAlloc)
			const others = 2 << 20 // bytes that come and go of other tests
			if grew > a.bytes+a.bytes/4+others || a.bytes > 3*(grew+others) {
				t.Errorf("got %d bytes counted, while the heap grew by %d", a.bytes, grew)
			}
			runtime.KeepAlive(r)
			if freed := r.history.clear(); freed != a.bytes {
				t.Errorf("got %d bytes freed of %d", freed, a.bytes)
			}
		})
	}
}

func make4k(n int) []byte { return fmt.Appendf(nil, `"%d %s"`, n, strings.Repeat("x", 4<<10)) }
