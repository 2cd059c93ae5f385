package main

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
)

// withHooks is the config of a server with all webhooks. Plain clients cause webhooks only when they join.
const withHooks = `[webhooks]
url = "http://` + applicationAddress + `/{event}"
secret = "` + secret + `"
events = ["connect", "subscribe", "publish", "disconnect"]
[[room]]
pattern = "requests:*"
publish-proxy = true
`

// bystanders are plain clients in a room of their own that publish all the time. After they have joined, they cause no webhooks.
const bystanding = 500

var bystanders = workload{scenario: "broadcast", flags: []string{
	"--connections", strconv.Itoa(bystanding), "--rate", "20", "--publishers", "20", "--size", "128", "--duration", "8s", "--warmup", "2s",
}}

// peaks are the largest values of a server's memory growth (MiB) and of its waiting webhooks.
type peaks struct{ memory, waitingRequests, waitingNotifications float64 }

// watch samples a server every 100 ms until stop is closed.
func watch(s *server, stop <-chan struct{}) (p peaks, err error) {
	first, err := observe.Read(s.cmd.Process.Pid, true)
	if err != nil {
		return p, err
	}
	for {
		select {
		case <-stop:
			return p, nil
		case <-time.After(100 * time.Millisecond):
		}
		now, err := observe.Read(s.cmd.Process.Pid, true)
		if err != nil {
			return p, err
		}
		m, err := metrics()
		if err != nil {
			return p, err
		}
		p.memory = max(p.memory, float64(now.PSS-first.PSS)/(1<<20))
		p.waitingRequests, p.waitingNotifications = max(p.waitingRequests, m["throng_webhook_waiting"]), max(p.waitingNotifications, m["throng_webhook_queue"])
	}
}

// scene is a server, with webhooks to an application or without.
type scene struct {
	config    string     // withHooks, or empty
	behaviour *behaviour // nil: no application listens
}

// seen is the measurement beside the bystanders.
type seen struct {
	others  *result.Result
	peaks   peaks
	metrics map[string]float64 // of the server, at the end
	wall    float64            // seconds
	cores   float64            // of the server
}

// play starts a scene, calls prepare, and runs something until the bystanders are done.
func (sc scene) play(prepare func() error, something func(stop <-chan struct{}) error) (v seen, err error) {
	if sc.config != "" {
		responding := behaviour{status: 200}
		if sc.behaviour != nil {
			responding = *sc.behaviour
		}
		stopApplication, failed := startApplication(responding)
		if failed != nil {
			return v, failed
		}
		silence := func() error { return nil }
		if sc.behaviour == nil {
			silence = stopApplication
		} else {
			defer func() { err = errors.Join(err, stopApplication()) }()
		}
		something = behindBystanders(silence, something)
	}
	s, err := startBackend(sc.config)
	if err != nil {
		return v, err
	}
	defer s.stop()
	if err := prepare(); err != nil {
		return v, err
	}
	before, err := observe.Read(s.cmd.Process.Pid, false)
	if err != nil {
		return v, err
	}
	stop := make(chan struct{})
	var both sync.WaitGroup
	var failed [2]error
	both.Go(func() { failed[0] = something(stop) })
	both.Go(func() { v.peaks, failed[1] = watch(s, stop) })
	v.others, err = s.load(bystanders)
	close(stop)
	both.Wait()
	if err := errors.Join(err, failed[0], failed[1]); err != nil {
		return v, err
	}
	after, err := observe.Read(s.cmd.Process.Pid, false)
	if err != nil {
		return v, err
	}
	v.wall = float64(after.At-before.At) / 1e9
	v.cores = (after.CPU - before.CPU).Seconds() / v.wall
	v.metrics, err = metrics()
	return v, err
}

// behindBystanders returns a function that waits until the bystanders have joined, calls silence, and then runs something.
func behindBystanders(silence func() error, something func(stop <-chan struct{}) error) func(stop <-chan struct{}) error {
	return func(stop <-chan struct{}) error {
		in := within(20*time.Second, "the other clients to be admitted", func() bool {
			m, err := metrics()
			return err == nil && m[`throng_webhook_requests_total{event="subscribe",result="ok"}`] >= bystanding
		})
		if err := errors.Join(in, silence()); err != nil {
			return err
		}
		return something(stop)
	}
}

// rounds returns a quantile of the server's flush time in milliseconds. The deliveries of all clients wait that long.
func (v *seen) rounds(q float64) float64 {
	return bucketQuantile(v.metrics, "throng_shard_lag_seconds", q)
}

// requests returns the number of webhooks that got a response: notifications if the argument is true, otherwise proxy requests.
func (v *seen) requests(notifications bool) (n float64) {
	for name, value := range v.metrics {
		if strings.HasPrefix(name, "throng_webhook_requests_total{") && strings.Contains(name, `event="disconnect"`) == notifications {
			n += value
		}
	}
	return n
}
