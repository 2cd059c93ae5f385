package main

import (
	"errors"
	"fmt"
	"log"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
)

// hooked is the config of a server that asks an application about all that its users do, and about plain clients when they come in.
const hooked = `[webhooks]
url = "http://` + applicationAddress + `/{event}"
secret = "` + secret + `"
events = ["connect", "subscribe", "publish", "disconnect"]
[[room]]
pattern = "asked:*"
publish-proxy = true
`

// visitsPerSecond is how many users come in, join a room, say something and go: four webhooks each.
const visitsPerSecond = 750

// bystanders are plain clients in a room of their own, and talk all the while. Once they are in, no webhook is about them.
const bystanding = 500

var bystanders = []string{"--connections", fmt.Sprint(bystanding), "--rate", "20", "--publishers", "20", "--size", "128", "--duration", "8s", "--warmup", "2s"}

// asked is what came of commands that the application is asked about.
type asked struct {
	mu      sync.Mutex
	took    histogram.Histogram // of those that were done
	refused histogram.Histogram // of those that were not
	errors  map[string]int      // by code
}

func newAsked() *asked { return &asked{errors: map[string]int{}} }

var errRefused = errors.New("refused")

// ask says a command, with the reply to be of that id, and waits for the reply. It is errRefused where that is an error.
func (a *asked) ask(m *member, id int, command string) error {
	began := time.Now()
	if err := m.say(command); err != nil {
		return err
	}
	line, err := m.reply(id)
	if err != nil {
		return err
	}
	code, is := errorCode(line)
	a.mu.Lock()
	defer a.mu.Unlock()
	if is {
		a.refused.Record(int64(time.Since(began)))
		a.errors[code]++
		return errRefused
	}
	a.took.Record(int64(time.Since(began)))
	return nil
}

// errorCode is the code of a reply that is an error.
func errorCode(line string) (code string, is bool) {
	_, rest, is := strings.Cut(line, `"error":{"code":`)
	code, _, _ = strings.Cut(rest, ",")
	return code, is
}

// visit is one user's.
func (a *asked) visit(n int) error {
	connect, err := connecting(fmt.Sprint("user", n))
	if err != nil {
		return err
	}
	m, err := dialMember(n)
	if err != nil {
		return err
	}
	for i, command := range []string{
		connect,
		fmt.Sprintf(`{"id":2,"subscribe":{"channel":"asked:%d"}}`, n),
		fmt.Sprintf(`{"id":3,"publish":{"channel":"asked:%d","data":{"text":"good day"}}}`, n),
	} {
		if err = a.ask(m, i+1, command); err != nil {
			break
		}
	}
	if errors.Is(err, errRefused) {
		err = nil
	}
	return errors.Join(err, m.close())
}

// visits come by a schedule, whatever becomes of those before, until stop is closed; then all are waited for.
func (a *asked) visits(stop <-chan struct{}) error {
	var under sync.WaitGroup
	var failed error // the first
	var once sync.Once
	began := time.Now()
	for n := 0; ; n++ {
		select {
		case <-stop:
			under.Wait()
			return failed
		case <-time.After(time.Until(began.Add(time.Duration(n) * time.Second / visitsPerSecond))):
		}
		under.Go(func() {
			if err := a.visit(n); err != nil {
				once.Do(func() { failed = err })
			}
		})
	}
}

// peaks are the most of what a server used and kept meanwhile.
type peaks struct{ memory, asking, telling float64 }

// watch looks at a server until stop is closed.
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
		p.asking, p.telling = max(p.asking, m["throng_webhook_waiting"]), max(p.telling, m["throng_webhook_queue"])
	}
}

// scene is a server with webhooks and the application that they go to.
type scene struct {
	config  string   // hooked, or none
	conduct *conduct // nil: nobody listens
}

// seen is what was measured while something happened beside the bystanders.
type seen struct {
	others  *result.Result
	peaks   peaks
	metrics map[string]float64 // of the server, behind it
	wall    float64            // seconds
	cores   float64            // of the server
}

// play starts a scene, prepares, and has something happen until the bystanders are done.
func (sc scene) play(prepare func() error, something func(stop <-chan struct{}) error) (v seen, err error) {
	if sc.config != "" {
		obliging := conduct{status: 200}
		if sc.conduct != nil {
			obliging = *sc.conduct
		}
		stopApplication, failed := startApplication(obliging)
		if failed != nil {
			return v, failed
		}
		silence := func() error { return nil }
		if sc.conduct == nil {
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
	v.others, err = s.load("broadcast", bystanders...)
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

// behindBystanders waits until the bystanders have been let in, silences the application, and then has something happen.
func behindBystanders(silence func() error, something func(stop <-chan struct{}) error) func(stop <-chan struct{}) error {
	return func(stop <-chan struct{}) error {
		in := within(20*time.Second, "the bystanders to be let in", func() bool {
			m, err := metrics()
			return err == nil && m[`throng_webhook_requests_total{event="subscribe",result="ok"}`] >= bystanding
		})
		if err := errors.Join(in, silence()); err != nil {
			return err
		}
		return something(stop)
	}
}

// rounds is how long the server's writers took for a round, in milliseconds: what others wait for whatever this client does.
func (v *seen) rounds(q float64) float64 {
	return bucketQuantile(v.metrics, "throng_shard_lag_seconds", q)
}

// requests counts the webhooks of which something came, those that were asked or those that were told.
func (v *seen) requests(told bool) (n float64) {
	for name, value := range v.metrics {
		if strings.HasPrefix(name, "throng_webhook_requests_total{") && strings.Contains(name, `event="disconnect"`) == told {
			n += value
		}
	}
	return n
}

// answering is an application, and what was measured with it: a value a round.
type answering struct {
	name string
	scene

	asked, told, done, errors100, errors111 []float64 // the first two a second, the others in percent of the commands
	p50, p99                                []float64 // of those done
	asking, telling, dropped, memory        []float64
	cores, perHook, rounds                  []float64
	others                                  []*result.Result
}

// round measures one application. without is how busy the server was, in cores, under the same load without webhooks.
func (w *answering) round(without float64) (cores float64, err error) {
	a := newAsked()
	v, err := w.play(func() error { return nil }, a.visits)
	if err != nil {
		return 0, err
	}
	asked, told := v.requests(false), v.requests(true)
	done, all := float64(a.took.Total()), float64(a.took.Total()+a.refused.Total())
	if unknown := all - done - float64(a.errors["100"]+a.errors["111"]); unknown != 0 {
		return 0, fmt.Errorf("%.0f commands were answered with other errors than 100 and 111: %v", unknown, a.errors)
	}
	perHook := math.NaN() // where not all was done, the load was another
	if done == all && asked > 0 {
		perHook = (v.cores - without) * 1e6 * v.wall / (asked + told)
	}
	for list, value := range map[*[]float64]float64{
		&w.asked: asked / v.wall, &w.told: told / v.wall,
		&w.done: 100 * done / all, &w.errors100: 100 * float64(a.errors["100"]) / all, &w.errors111: 100 * float64(a.errors["111"]) / all,
		&w.p50: some(&a.took, 0.5), &w.p99: some(&a.took, 0.99),
		&w.asking: v.peaks.asking, &w.telling: v.peaks.telling, &w.dropped: v.metrics["throng_webhook_dropped_total"], &w.memory: v.peaks.memory,
		&w.cores: v.cores, &w.perHook: perHook, &w.rounds: v.rounds(0.999),
	} {
		*list = append(*list, value)
	}
	w.others = append(w.others, v.others)
	log.Printf("%s: %.0f asked/s, %.0f told/s, errors %v, %v", w.name, asked/v.wall, told/v.wall, a.errors, v.others.Verdict.Why)
	return v.cores, nil
}

// some is a quantile in milliseconds; NaN of none.
func some(h *histogram.Histogram, q float64) float64 {
	if h.Total() == 0 {
		return math.NaN()
	}
	return inMillis(h.Quantile(q))
}

// webhooks is what asking an application costs, and what those feel that it is not asked about.
func webhooks() (string, error) {
	everything := []string{"connect", "subscribe", "publish", "disconnect"}
	applications := []*answering{
		{name: "no webhooks"},
		{name: "at once", scene: scene{hooked, &conduct{0, 200, nil}}},
		{name: "in 5 ms", scene: scene{hooked, &conduct{5 * time.Millisecond, 200, nil}}},
		{name: "in 200 ms", scene: scene{hooked, &conduct{200 * time.Millisecond, 200, nil}}},
		{name: "with status 500", scene: scene{hooked, &conduct{0, 500, nil}}},
		{name: "nobody listens", scene: scene{hooked, nil}},
		{name: "never", scene: scene{hooked, &conduct{0, 200, everything}}},
	}
	for range *rounds {
		without := 0.0
		for _, w := range applications {
			cores, err := w.round(without)
			if err != nil {
				return "", fmt.Errorf("%s: %w", w.name, err)
			}
			if w.config == "" {
				without = cores
			}
		}
	}
	return webhooksText(applications), nil
}

func webhooksText(applications []*answering) string {
	g := newGrid("the application answers", "asked/s", "told/s", "commands done, %", "error 100, %", "error 111, %", "done after: median, ms", "done after: p99, ms", "waiting to be asked, at most",
		"waiting to be told, at most", "not told", "server's core busy", "CPU a webhook, us", "memory grew by, MiB", "a round of the server's, p99.9, ms", "others' p50, ms", "others' p99, ms", "others lost", "verdict")
	for _, w := range applications {
		g.row(w.name, median(w.asked, "%.0f"), median(w.told, "%.0f"), median(w.done, "%.1f"), median(w.errors100, "%.1f"), median(w.errors111, "%.1f"), median(w.p50, "%.1f"), median(w.p99, "%.1f"),
			median(w.asking, "%.0f"), median(w.telling, "%.0f"), median(w.dropped, "%.0f"), median(w.cores, "%.2f"), median(w.perHook, "%.0f"), median(w.memory, "%.1f"), median(w.rounds, "%.1f"),
			over(w.others, p50, "%.1f"), over(w.others, p99, "%.1f"), over(w.others, lost, "%.0f"), verdicts(w.others))
	}
	return g.turned() + fmt.Sprintf("\n`go run ./bench/figures --throng ./throng --only webhooks --rounds %d`: %d users a second; the others are\n", *rounds, visitsPerSecond) +
		command("broadcast", bystanders, *rounds)
}
