package bench

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// remembering returns a server of the Centrifugo protocol whose rooms keep all messages. answer may change the recovered publications of a
// client that returns, and the recovered field; nil keeps the correct response.
func remembering(answer func(missed []string, recovered string) ([]string, string)) *application {
	published := map[string][]string{} // publications by room
	pushed := func(channel, pub string) string {
		return fmt.Sprintf(`{"push":{"channel":"%s","pub":%s}}`, channel, pub)
	}
	return &application{
		path: "/connection/websocket",
		on: func(a *application, u *user, s string) {
			switch c := a.centrifugoCommand(s); {
			case c.Connect != nil:
				u.send(fmt.Sprintf(`{"id":%d,"connect":{"client":"%d","ping":25,"pong":true}}`, c.ID, u.id))
			case c.Subscribe != nil && !c.Subscribe.Recover:
				a.join(u, c.Subscribe.Channel)
				offset := ""
				if n := len(published[c.Subscribe.Channel]); n > 0 { // the field is omitted for 0
					offset = fmt.Sprintf(`,"offset":%d`, n)
				}
				u.send(fmt.Sprintf(`{"id":%d,"subscribe":{"recoverable":%v,"epoch":"dawn"%s,"positioned":true}}`, c.ID, c.Subscribe.Recoverable, offset))
			case c.Subscribe != nil:
				room := c.Subscribe.Channel
				all, from := published[room], c.Subscribe.Offset
				if c.Subscribe.Epoch != "dawn" || from < 0 || from > len(all) {
					a.t.Errorf("centrifugo: got the position %d of %q, want one up to %d", from, c.Subscribe.Epoch, len(all))
					return
				}
				a.join(u, room)
				missed, recovered, live := all[from:], `"recovered":true,`, ""
				if n := len(missed); n > 1 { // the newest one is sent as live, in the frame of the response
					missed, live = missed[:n-1], "\n"+pushed(room, missed[n-1])
				}
				if answer != nil {
					missed, recovered = answer(missed, recovered)
				}
				u.send(fmt.Sprintf(`{"id":%d,"subscribe":{"recoverable":true,"epoch":"dawn","publications":[%s],%s"offset":%d,"positioned":true,"was_recovering":true}}`,
					c.ID, strings.Join(missed, ","), recovered, from) + live)
			case c.Publish != nil:
				room := c.Publish.Channel
				pub := fmt.Sprintf(`{"data":%s,"offset":%d}`, c.Publish.Data, len(published[room])+1)
				published[room] = append(published[room], pub)
				a.publish(room, pushed(room, pub))
				u.send(fmt.Sprintf(`{"id":%d,"publish":{}}`, c.ID))
			}
		},
	}
}

func resumeConfig(t *testing.T, a *application) Config {
	cfg := testConfig(startApplication(t, a))
	cfg.Scenario, cfg.Kill, cfg.Jitter = Storm, 0.5, 300*time.Millisecond
	cfg.Connections, cfg.Publishers, cfg.Rate = 20, 4, 100
	cfg.Duration, cfg.Drain = 3*time.Second, 10*time.Second
	cfg.Protocol, cfg.Resume = protocolNamed(t, "centrifugo"), true
	return cfg
}

// stormed returns the result of a storm in which all clients returned. On a slow machine it repeats the storm with a longer duration.
func stormed(t *testing.T, cfg func() Config) *result.Result {
	t.Helper()
	for c := cfg(); ; {
		r := mustRun(t, c)
		if longer := 2 * c.Duration; r.Storm.Back < r.Storm.Killed && longer < time.Minute {
			c = cfg() // with a new server
			c.Duration = longer
			continue
		}
		return r
	}
}

func TestReturningClientsRecoverMissedMessages(t *testing.T) {
	t.Parallel()
	for _, size := range []int{128, 4000} { // with 4,000 bytes a response is larger than a read
		r := stormed(t, func() Config {
			cfg := resumeConfig(t, remembering(nil))
			cfg.Size = size
			return cfg
		})
		if s := r.Resume; !good(r) || s == nil || s.Clients != 8 || s.Missed != 0 || s.Recovered == 0 || r.Storm.Back != 8 {
			t.Fatalf("%d bytes: got %+v, %+v, %+v, want 8 back with all missed messages recovered", size, r.Verdict, r.Resume, r.Delivery)
		}
		// Each of them received every message, like those that stayed.
		if want := 20 * r.Sent.Messages; r.Delivery.Expected != want || r.Delivery.Got != want {
			t.Errorf("%d bytes: got %d of %d deliveries, want %d", size, r.Delivery.Got, r.Delivery.Expected, want)
		}
		if each := r.Latency.Each; each.Count > r.Delivery.Got-r.Resume.Recovered {
			t.Errorf("%d bytes: %d latencies of %d deliveries, of which %d were recovered", size, each.Count, r.Delivery.Got, r.Resume.Recovered)
		}
	}
}

func TestAMessageMissingAfterARecoveryIsLost(t *testing.T) {
	t.Parallel()
	r := stormed(t, func() Config {
		lies := 0
		return resumeConfig(t, remembering(func(missed []string, recovered string) ([]string, string) {
			if lies == 0 && len(missed) > 2 {
				lies++
				missed = append([]string{missed[0]}, missed[2:]...)
			}
			return missed, recovered
		}))
	})
	if r.Verdict.Code != result.Broken || r.Delivery.Faults != (result.Faults{Lost: 1}) || r.Resume.Missed != 0 {
		t.Errorf("got %+v, %+v, %+v, want one lost", r.Verdict, r.Delivery.Faults, r.Resume)
	}
	if s := r.Delivery.Samples; len(s) != 1 || s[0].Kind != "lost" || s[0].Connection < 4 || s[0].Sequence < 0 {
		t.Errorf("got the samples %+v, want the message, and a killed connection", s)
	}
}

func TestReportedGapsAreCounted(t *testing.T) {
	t.Parallel()
	r := stormed(t, func() Config {
		return resumeConfig(t, remembering(func([]string, string) ([]string, string) { return nil, "" }))
	})
	why := strings.Join(r.Verdict.Why, "; ")
	if s := r.Resume; r.Verdict.Code != result.Gaps || r.Verdict.OK || s.Clients != 8 || s.Missed != 8 || s.Recovered != 0 ||
		!strings.Contains(why, "gaps reported: 8 of 8 clients") || !strings.Contains(why, "needed: a history of ") {
		t.Errorf("got %+v, %q, want 8 clients with a gap", r.Resume, why)
	}
	// All missed messages were reported, so none of them is lost.
	s := r.Resume
	if d := &r.Delivery; s.Reported == 0 || d.Any() || d.Got+s.Reported != d.Expected || d.Expected != 20*r.Sent.Messages {
		t.Errorf("got %d, %+v and %d reported of %d deliveries", d.Got, d.Faults, s.Reported, d.Expected)
	}
	// The client with the longest absence missed at least as many as all did on average.
	if n := s.Needed; n.Messages < s.Reported/8 || n.Messages > r.Sent.Messages || n.Age <= 0 || n.Age > int64(time.Minute) {
		t.Errorf("got a history of %+v for %d messages missed by 8 clients", n, s.Reported)
	}
}

// A message lost before or after a reported gap is lost.
func TestALossBesideAReportedGapIsALoss(t *testing.T) {
	t.Parallel()
	var lies atomic.Int32
	longer := time.Duration(1)
	lie := func() Config {
		lies.Store(0)
		a := remembering(func([]string, string) ([]string, string) { return nil, "" })
		honest, live := a.on, 0
		a.on = func(a *application, u *user, s string) {
			send := u.send
			// One live message to a client that has returned is not sent. It is one that was surely sent after the return: the gap covers those before.
			if strings.Contains(s, `"recover":true`) && lies.CompareAndSwap(0, 1) {
				u.send = func(s string) {
					if strings.Contains(s, `"push"`) {
						if live++; live == 50*int(longer) && lies.CompareAndSwap(1, 2) {
							return
						}
					}
					send(s)
				}
			}
			honest(a, u, s)
		}
		cfg := resumeConfig(t, a)
		cfg.Duration *= longer
		return cfg
	}
	r := stormed(t, lie)
	// On a slow machine the client may return too late to lose a message, or to receive one after it.
	for (lies.Load() < 2 || r.Delivery.Faults.Lost == 0) && longer < 16 {
		longer *= 2
		r = stormed(t, lie)
	}
	if r.Verdict.Code != result.Broken || r.Delivery.Faults != (result.Faults{Lost: 1}) || r.Resume.Missed != 8 || r.Resume.Reported == 0 {
		t.Errorf("got %+v, %+v, %+v, want one lost, and the reported ones", r.Verdict, r.Delivery.Faults, r.Resume)
	}
}

func TestChurnWithRecoveryLosesNothing(t *testing.T) {
	t.Parallel()
	var r *result.Result
	for duration := 4 * time.Second; duration < time.Minute; duration *= 2 { // on a slow machine it takes longer until some have returned
		cfg := resumeConfig(t, remembering(nil))
		cfg.Scenario, cfg.Kill, cfg.Churn, cfg.Rooms, cfg.Duration = Chat, 0, 60, 3, duration
		if r = mustRun(t, cfg); r.Resume.Recovered > 0 {
			break
		}
	}
	if s := r.Resume; !good(r) || s.Clients == 0 || s.Missed != 0 || s.Recovered == 0 || r.Delivery.Got != r.Delivery.Expected {
		t.Errorf("got %+v, %+v, %+v, want some back with all missed messages recovered", r.Verdict, r.Resume, r.Delivery)
	}
}

func TestARoomWithoutHistoryCannotBeResumed(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), resumeConfig(t, centrifugo()), nil)
	if err == nil || !strings.Contains(err.Error(), "no stream position received") {
		t.Errorf("got %v, want the error about the stream position", err)
	}
}
