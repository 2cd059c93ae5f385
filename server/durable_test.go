package server

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// durableRoom returns a durable room with a history of 100 publications.
func durableRoom(pattern string) chat.RoomOptions {
	o := chat.DefaultRoom()
	o.Pattern, o.HistorySize, o.HistoryTTL, o.Recovery, o.Durable = pattern, 100, time.Hour, true, true
	return o
}

// newFake returns a storage that works by itself until the test ends.
func newFake(t testing.TB) *brokertest.Fake {
	fake := brokertest.New(brokertest.Options{Seed: uint64(time.Now().UnixNano()), Auto: true})
	t.Cleanup(fake.End)
	return fake
}

// startDurable starts a server with the API and rooms on a node of a Fake.
func startDurable(t testing.TB, fake *brokertest.Fake, rooms ...chat.RoomOptions) (*Server, broker.Engine) {
	t.Helper()
	node := fake.Start("a")
	s := startServer(t, func(c *Config) {
		c.Engine, c.Rooms, c.API.Key = node, rooms, strings.Repeat("k", minSecret)
		c.OtherRooms = chat.RoomsOpen
	})
	return s, node
}

// A publisher gets its reply, and the members get the publication, when it is on disk.
func TestADurablePublicationIsDeliveredWhenItIsOnDisk(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	s, _ := startDurable(t, fake, durableRoom("d*"))
	ann, ben := connectSDK(t, s, ""), connectSDK(t, s, "")
	ann.enter("d")
	ben.enter("d")
	fake.Stall(true)
	ann.sendLine(`{"id":3,"publish":{"channel":"d","data":1}}` + "\n" + `{"id":4,"presence_stats":{"channel":"d"}}`)
	ann.expectLine(`{"id":4,"presence_stats":{"num_clients":2,"num_users":1}}`) // a later command does not wait
	if list := call(t, s, "history", `{"channel":"d","limit":-1}`); strings.Contains(list, "data") {
		t.Errorf("got %s before the commit, want no publication", list)
	}
	fake.Stall(false)
	for _, c := range []*sdk{ben, ann} {
		if got := c.line(); !strings.Contains(got, `"data":1`) || !strings.Contains(got, `"offset":1`) {
			t.Errorf("got %s, want the publication", got)
		}
	}
	ann.expectLine(`{"id":3,"publish":{}}`)
}

// A client recovers what it missed while the server was restarted, in the same epoch.
func TestAClientRecoversOverARestart(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	s, node := startDurable(t, fake, durableRoom("d*"))
	ann := connectSDK(t, s, "")
	epoch := field(t, ann.enter("d"), "epoch")
	for n := range 3 {
		call(t, s, "publish", fmt.Sprintf(`{"channel":"d","data":%d,"idempotency_key":"k%d","tags":{"a":"b"}}`, n, n))
	}
	fake.Kill(node)
	again, _ := startDurable(t, fake, durableRoom("d*"))
	wantCall(t, again, "publish", `{"channel":"d","data":2,"idempotency_key":"k2"}`, fmt.Sprintf(`{"result":{"offset":3,"epoch":%q}}`, epoch))
	wantCall(t, again, "publish", `{"channel":"d","data":3}`, fmt.Sprintf(`{"result":{"offset":4,"epoch":%q}}`, epoch))
	c := connectSDK(t, again, "")
	c.sendLine(`{"id":2,"subscribe":{"channel":"d","recover":true,"offset":1,"epoch":%q}}`, epoch)
	got := c.line()
	for _, want := range []string{`"recovered":true`, `"publications":[{"data":1,"offset":2,"tags":{"a":"b"},`, `{"data":2,"offset":3,"tags":{"a":"b"},`, `{"data":3,"offset":4,`} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
}

// Versions, redactions and cleared histories hold over a restart.
func TestChangesOfADurableHistorySurviveARestart(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	s, node := startDurable(t, fake, durableRoom("d*"))
	call(t, s, "publish", `{"channel":"d1","data":"secret"}`)
	call(t, s, "publish", `{"channel":"d1","data":"state","version":5,"version_epoch":"e"}`)
	wantCall(t, s, "redact", `{"channel":"d1","offset":1}`, `{"result":{}}`)
	wantCall(t, s, "redact", `{"channel":"d1","offset":1}`, `{"result":{}}`) // no second notice
	call(t, s, "publish", `{"channel":"d2","data":"old"}`)
	wantCall(t, s, "history_remove", `{"channel":"d2"}`, `{"result":{}}`)
	first, second := call(t, s, "history", `{"channel":"d1","limit":-1}`), call(t, s, "history", `{"channel":"d2","limit":-1}`)
	if strings.Contains(first, "secret") || !strings.Contains(first, `"offset":3`) || !strings.Contains(second, `"offset":1`) {
		t.Errorf("got histories %s and %s", first, second)
	}

	fake.Kill(node)
	again, _ := startDurable(t, fake, durableRoom("d*"))
	wantCall(t, again, "history", `{"channel":"d1","limit":-1}`, first)
	wantCall(t, again, "history", `{"channel":"d2","limit":-1}`, second)
	call(t, again, "publish", `{"channel":"d1","data":"older state","version":4,"version_epoch":"e"}`)
	wantCall(t, again, "history", `{"channel":"d1","limit":-1}`, first)
}

// While the disk does not store publications, they are rejected at once with a temporary error, and all else works. It heals by itself.
func TestAFailedDiskRejectsDurablePublicationsOnly(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	s, _ := startDurable(t, fake, durableRoom("d*"), roomWithHistory("h:*"))
	c, p := connectSDK(t, s, ""), dial(t, s, "d")
	c.enter("d")
	call(t, s, "publish", `{"channel":"d","data":"stored"}`)
	c.line()
	p.expect(ws.OpText, "stored")
	fake.Full(true)
	c.sendLine(`{"id":3,"publish":{"channel":"d","data":1}}`)
	c.expectLine(`{"id":3,"error":{"code":100,"message":"temporarily not available: the storage of the room does not answer: retry later","temporary":true}}`)
	p.send(ws.OpText, "hello")
	p.expectClose(ws.CloseTryLater, "a message was not stored: send it again later")
	eventually(t, "the close to be counted", func() bool { return closesBy(s, fanout.ClosedUnavailable) == 1 })
	wantError(t, s, "publish", `{"channel":"d","data":1}`, 100, "not available")
	resp := transport(t, s, "publish", `{"channel":"d","data":1}`)
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %s with %v, want 503 with Retry-After", resp.Status, resp.Header)
	}
	wantError(t, s, "history_remove", `{"channel":"d"}`, 100, "not available")
	wantError(t, s, "redact", `{"channel":"d","offset":1}`, 100, "not available")
	if got := call(t, s, "publish", `{"channel":"h:1","data":1}`); !strings.Contains(got, `"offset":1`) {
		t.Errorf("got %s in a room in memory", got)
	}
	if got := readiness(t, s); !strings.Contains(got, "degraded") {
		t.Errorf("got %s, want degraded", got)
	}
	if value(t, s, "throng_durable_available", "") != 0 || value(t, s, "throng_durable_rejected_total", "") < 4 {
		t.Error("the metrics do not show it")
	}
	fake.Full(false)
	eventually(t, "durable rooms to be available", func() bool { return strings.Contains(call(t, s, "publish", `{"channel":"d","data":2}`), "offset") })
	if got := readiness(t, s); !strings.Contains(got, "ready") {
		t.Errorf("got %s, want ready", got)
	}
}

// An append that fails after it was sent is answered with the temporary error. What the log has after all is delivered.
func TestAnAppendWithoutAResultIsFoundAgain(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	s, _ := startDurable(t, fake, durableRoom("d*"))
	c := connectSDK(t, s, "")
	c.enter("d")
	fake.Faults(brokertest.Faults{LoseAck: 1})
	c.sendLine(`{"id":3,"publish":{"channel":"d","data":1}}`)
	c.expectLine(`{"id":3,"error":{"code":100,"message":"temporarily not available: the storage of the room does not answer: retry later","temporary":true}}`)
	fake.Faults(brokertest.Faults{})
	if got := c.line(); !strings.Contains(got, `"data":1`) || !strings.Contains(got, `"offset":1`) {
		t.Errorf("got %s, want the publication", got)
	}
	if value(t, s, "throng_durable_failures_total", "") == 0 {
		t.Error("the failure is not counted")
	}
}

// Publications of plain clients and of the publish webhook are durable, too.
func TestAllPublishersAreDurable(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	o := durableRoom("proxied*")
	o.PublishProxy = true
	app := startApplication(t, map[string]func(question) string{session.OnPublish: always(`{"result":{"data":{"by":"webhook"}}}`)})
	start := func(node broker.Engine) *Server {
		return startHooked(t, app, func(c *Config) { c.Engine, c.Rooms = node, []chat.RoomOptions{o, durableRoom("d*")} })
	}
	node := fake.Start("a")
	s := start(node)
	p := dial(t, s, "d")
	p.send(ws.OpText, "text")
	p.expect(ws.OpText, "text")
	p.send(ws.OpBinary, "bytes")
	p.expect(ws.OpBinary, "bytes")
	c := connectSDK(t, s, "")
	c.enter("proxied")
	c.sendLine(`{"id":3,"publish":{"channel":"proxied","data":1}}`)
	if got := c.line(); !strings.Contains(got, `"data":{"by":"webhook"}`) || !strings.Contains(got, `"offset":1`) {
		t.Errorf("got %s, want the publication", got)
	}
	c.expectLine(`{"id":3,"publish":{}}`)
	before := historyOf(s, "d") + historyOf(s, "proxied")
	fake.Kill(node)
	again := start(fake.Start("a"))
	if got := historyOf(again, "d") + historyOf(again, "proxied"); got != before || !strings.Contains(got, "bytes") || !strings.Contains(got, "webhook") {
		t.Errorf("got %s after a restart, want %s", got, before)
	}
}

// historyOf returns the data of a room's history as text.
func historyOf(s *Server, room string) (list string) {
	pubs, at, _ := s.sessions.Read(room, nil, -1, 1<<20, false)
	for _, p := range pubs {
		list += fmt.Sprintf("%d %d %s; ", p.Offset, p.Form, p.Data)
	}
	return list + at.Epoch + " "
}

// Publications that wait for the disk count for the backlog of their room: its publishers wait, and memory is bounded.
func TestPublishersWaitForASlowDisk(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	s, _ := startDurable(t, fake, durableRoom("d*"))
	talker, listener := dial(t, s, "d"), dial(t, s, "d")
	fake.Stall(true)
	body := strings.Repeat("x", 10_000)
	const messages = 300
	var sending sync.WaitGroup
	sending.Go(func() {
		for n := range messages {
			talker.send(ws.OpText, fmt.Sprintf("%d %s", n, body))
		}
	})
	defer sending.Wait()
	r := roomOf(s, "d")
	eventually(t, "the publisher to be paused", func() bool { return value(t, s, "throng_pauses_total", "") > 0 })
	if got, most := r.Backlog.Load(), r.Limit+int64(len(s.sessions.Shards))*(fanout.ReadBuffer+(64<<10)); got > most {
		t.Errorf("got a backlog of %d bytes, want %d at most", got, most)
	}
	fake.Stall(false)
	for n := range messages {
		listener.expect(ws.OpText, fmt.Sprintf("%d %s", n, body))
		talker.expect(ws.OpText, fmt.Sprintf("%d %s", n, body))
	}
	sending.Wait()
	eventually(t, "the backlog to be 0", func() bool { return r.Backlog.Load() == 0 })
}

// transport calls a method of the API with errors as HTTP statuses.
func transport(t *testing.T, s *Server, method, params string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+s.Addr().String()+"/api/"+method, strings.NewReader(params))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-API-Key", s.cfg.API.Key)
	r.Header.Set("X-Centrifugo-Error-Mode", "transport")
	resp, err := publicHTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// readiness returns the response of /readyz.
func readiness(t *testing.T, s *Server) string {
	t.Helper()
	resp, err := http.Get("http://" + s.AdminAddr().String() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A repetition, and a redaction of what is being redacted, wait for the first. They are rejected if its append has failed, also before the
// proposals of that append are discarded. Before, they were acknowledged then.
func TestARepetitionOfALostPublicationIsRejected(t *testing.T) {
	t.Parallel()
	cfg, fake := DefaultConfig(), brokertest.New(brokertest.Options{Seed: 1})
	cfg.Rooms = append(cfg.Rooms, durableRoom("d*"))
	h := newHub(cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 2)
	h.Heartbeat = fanout.NewHeartbeat(&h.Core, cfg.PingInterval, cfg.PingTimeout)
	h.UseLog(home.Config{Engine: fake.Start("a"), MaxBytes: 1 << 20, Retry: 1}, nil)
	fake.StepUntil(func() {
		if err := h.Durable("").Open(t.Context()); err != nil {
			t.Error(err)
		}
	})
	answers := map[string]string{}
	done := func(name string) chat.Done {
		return func(at chat.StreamPosition, e *chat.Rejection) {
			answers[name] = "acknowledged"
			if e != nil {
				answers[name] = "rejected"
			}
		}
	}
	publish := func(name, key string) {
		pub, _ := session.PublicationOf([]byte(name))
		h.Propose(h.RoomRef("d"), pub, chat.PublishOptions{IdempotencyKey: key}, done(name))
	}
	publish("stored", "")
	fake.Settle()
	fake.Faults(brokertest.Faults{Lose: 1})
	_, now, _ := h.Read("d", nil, -1, 1, false)
	what := chat.Redaction{Channel: "d", Offset: now.Offset, Epoch: now.Epoch}
	publish("lost", "k")
	h.ProposeRedaction(what, nil, nil, done("redaction"))
	fake.Settle()
	if state, _ := h.Durable("").Status(); state != home.Failed {
		t.Fatalf("got the state %v, want a failed append", state)
	}
	if answers["stored"] != "acknowledged" || answers["lost"] != "" || answers["redaction"] != "" {
		t.Fatalf("got %v, want the answers to wait for the log", answers)
	}
	publish("again", "k")
	h.ProposeRedaction(what, nil, nil, done("redacted again"))
	if answers["again"] != "rejected" || answers["redacted again"] != "rejected" {
		t.Errorf("got %v, want what repeats a lost proposal rejected", answers)
	}
	fake.Faults(brokertest.Faults{})
	fake.StepUntil(func() { h.Durable("").Maintain(t.Context()) })
	publish("at last", "k")
	fake.Settle()
	if answers["lost"] != "rejected" || answers["redaction"] != "rejected" || answers["at last"] != "acknowledged" {
		t.Errorf("got %v, want the lost ones rejected, and a later repetition stored", answers)
	}
	if _, now, _ = h.Read("d", nil, -1, 1, false); now.Offset != 2 {
		t.Errorf("got the offset %d, want 2", now.Offset)
	}
}
