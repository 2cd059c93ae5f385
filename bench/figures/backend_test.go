package main

import (
	"bufio"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/ws"
)

func TestMetricsAreReadByNameAndLabels(t *testing.T) {
	const text = "# HELP a b\na 1\nlag_bucket{le=\"0.1\"} 98\nlag_bucket{le=\"0.2\"} 99\nlag_bucket{le=\"+Inf\"} 100\nlag_count 100\nb{event=\"a b\"} 2.5e+03\n"
	m, err := parseMetrics(strings.NewReader(text))
	if err != nil || m["a"] != 1 || m[`b{event="a b"}`] != 2500 {
		t.Fatalf("got %v, %v", m, err)
	}
	for q, want := range map[float64]float64{0.5: 100, 0.98: 100, 0.99: 200, 1: math.Inf(1)} {
		if got := bucketQuantile(m, "lag", q); got != want {
			t.Errorf("quantile %v: got %v ms, want %v", q, got, want)
		}
	}
	for _, broken := range []string{"a", "a b"} {
		if m, err := parseMetrics(strings.NewReader(broken)); err == nil {
			t.Errorf("%q: got %v", broken, m)
		}
	}
}

func TestAllIsDoneInParallel(t *testing.T) {
	var under, most, sum atomic.Int64
	if err := inParallel(100, 3, func(i int) error {
		if n := under.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer under.Add(-1)
		sum.Add(int64(i))
		return nil
	}); err != nil || sum.Load() != 4950 || most.Load() > 3 {
		t.Errorf("got %v, sum %d, %d at a time; want 4950, 3 at a time", err, sum.Load(), most.Load())
	}
	bad := errors.New("bad")
	var calls atomic.Int64
	if err := inParallel(1000, 1, func(i int) error {
		calls.Add(1)
		if i == 5 {
			return bad
		}
		return nil
	}); err != bad || calls.Load() != 6 {
		t.Errorf("got %v after %d calls, want %v after 6", err, calls.Load(), bad)
	}
}

func TestFramesOfEveryLengthAreRead(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
		payload := strings.Repeat("x", n)
		in := bufio.NewReader(strings.NewReader(string(ws.AppendFrame(nil, ws.OpText, []byte(payload))) + "y"))
		op, got, err := readFrame(in)
		if err != nil || op != ws.OpText || string(got) != payload {
			t.Errorf("%d bytes: got %v, %d bytes, %v", n, op, len(got), err)
		}
		if b, err := in.ReadByte(); err != nil || b != 'y' {
			t.Errorf("%d bytes: the rest is %q, %v", n, b, err)
		}
	}
	for name, frame := range map[string]string{
		"masked":     string(ws.AppendMaskedFrame(nil, ws.OpText, 1, []byte("x"))),
		"a fragment": "\x01\x01x",
		"too long":   "\x81\x7f\x00\x00\x00\x00\x00\x10\x00\x01",
		"cut short":  "\x81\x02x",
		"no payload": "\x81\x7e\x01",
		"nothing":    "",
	} {
		if op, got, err := readFrame(bufio.NewReader(strings.NewReader(frame))); err == nil {
			t.Errorf("%s: got %v %q", name, op, got)
		}
	}
}

func TestAPublishedMessageIsParsed(t *testing.T) {
	line := `{"push":{"channel":"everybody","pub":{"data":{"n":17,"at":123456},"info":{"user":"u"}}}}`
	if n, at, ok := parsePublication(line); !ok || n != 17 || at != 123456 {
		t.Errorf("got %d, %d, %v", n, at, ok)
	}
	if !strings.Contains(publication(17, 123456), `"data":{"n":17,"at":123456}`) {
		t.Errorf("got the message %s", publication(17, 123456))
	}
	for _, other := range []string{"", `{"id":3,"publish":{}}`, `{"push":{"pub":{"data":{"n":x,"at":1}}}}`} {
		if n, at, ok := parsePublication(other); ok {
			t.Errorf("%s: got %d, %d", other, n, at)
		}
	}
}

func TestErrorRepliesAreParsed(t *testing.T) {
	if code, is := errorCode(`{"id":1,"error":{"code":111,"message":"too many requests","temporary":true}}`); !is || code != "111" {
		t.Errorf("got %q, %v", code, is)
	}
	if code, is := errorCode(`{"id":1,"connect":{"client":"x"}}`); is {
		t.Errorf("got the code %q for a reply without an error", code)
	}
}

func TestABehaviourPassesThroughTheEnvironment(t *testing.T) {
	for _, want := range []behaviour{{status: 200}, {delay: 5 * time.Millisecond, status: 500, hangs: []string{"connect", "publish"}}} {
		if got, err := parseBehaviour(want.String()); err != nil || got.String() != want.String() {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	for _, bad := range []string{"", "1 2", "x 200 ", "1s y "} {
		if got, err := parseBehaviour(bad); err == nil {
			t.Errorf("%q: got %v", bad, got)
		}
	}
}

func TestEachClosingHasItsUsers(t *testing.T) {
	a := &audience{closings: []*closing{{batch: 1}, {}}}
	for _, same := range [][2]int{{ofOneClosing, 2*ofOneClosing - 1}} {
		if a.userOf(same[0]) != a.userOf(same[1]) {
			t.Errorf("%v: want one user", same)
		}
	}
	for _, others := range [][2]int{{0, 1}, {0, ofOneClosing}, {2*ofOneClosing - 1, 2 * ofOneClosing}, {2 * ofOneClosing, 2*ofOneClosing + 1}} {
		if a.userOf(others[0]) == a.userOf(others[1]) {
			t.Errorf("%v: want two users", others)
		}
	}
}
