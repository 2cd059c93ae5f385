package durability

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/oracle"
)

// Config is a run.
type Config struct {
	Command func(args ...string) *exec.Cmd // of throng
	Dir     string                         // for the files of the run; exists
	Data    string                         // data directory; empty: in Dir
	Rounds  int
	Fault   Fault // of each round
	Seed    uint64

	Publishers  int // half of them SDK clients, half API clients
	Rooms       int
	Subscribers int
}

// A Fault breaks the server in a round, after it was ready. The server must run and be ready at the end, or not run at all.
type Fault func(ctx context.Context, r *Round) error

// Round is what a fault sees.
type Round struct {
	Random *rand.Rand
	run    *run
}

// Result is the result of a run.
type Result struct {
	Rounds, Acks, Rejected  int
	Recovered, NotRecovered int // subscriptions after a lost connection
	Verdict                 *oracle.Verdict
}

// run is a run in progress.
type run struct {
	Config
	at          site
	log         *os.File
	acks, heard *journal
	counts      counts
	subscribers []*subscriber
	server      *process // nil if it does not run
	rooms       []string
	random      *rand.Rand
}

const (
	readyTime    = 60 * time.Second // for a start of the server
	stopTime     = 30 * time.Second // for a graceful stop
	completeTime = 30 * time.Second // until all subscribers have everything
	resumeTime   = 60 * time.Second // until publications are acknowledged again
)

const configText = `
[api]
on = "listen"
[[room]]
pattern = "durable:*"
durable = true
history-size = 100000
history-ttl = "24h"
recovery = true
subscribe = "signed-in"
publish = "signed-in"
[[room]]
pattern = "memory:*"
subscribe = "signed-in"
publish = "signed-in"
`

// Run runs a server under load, with its faults, and judges it. An error means that there is no verdict.
func Run(ctx context.Context, cfg Config) (res Result, err error) {
	r := &run{Config: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 0x64757261))}
	if r.Data == "" {
		r.Data = filepath.Join(cfg.Dir, "data")
	}
	if err := r.prepare(); err != nil {
		return res, err
	}
	defer r.log.Close()
	if err := r.play(ctx); err != nil {
		return res, errors.Join(err, r.killServer(), r.acks.close(), r.heard.close())
	}
	if err := errors.Join(r.acks.close(), r.heard.close()); err != nil {
		return res, err
	}
	res = Result{Rounds: cfg.Rounds, Acks: int(r.counts.acks.Load()), Rejected: int(r.counts.rejected.Load())}
	for _, sb := range r.subscribers {
		res.Recovered += sb.recovered
		res.NotRecovered += sb.notRecovered
	}
	res.Verdict, err = r.judge(ctx)
	return res, err
}

// path returns the path of a file of the run.
func (r *run) path(name string) string { return filepath.Join(r.Dir, name) }

func (r *run) prepare() (err error) {
	if err := os.WriteFile(r.path("throng.toml"), []byte(configText), 0o600); err != nil {
		return err
	}
	if r.log, err = os.Create(r.path("server.log")); err != nil {
		return err
	}
	if r.acks, err = newJournal(r.path("acks.jsonl")); err != nil {
		return err
	}
	if r.heard, err = newJournal(r.path("heard.jsonl")); err != nil {
		return err
	}
	for i := range r.Rooms {
		r.rooms = append(r.rooms, fmt.Sprintf("durable:%d", i))
	}
	return nil
}

// play runs the rounds with their clients, and stops the server.
func (r *run) play(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	stop := make(chan struct{})
	publishing := r.startPublishers(ctx, stop)
	for i := range r.Subscribers {
		sb := &subscriber{
			name: fmt.Sprintf("subscriber-%d", i), rooms: r.rooms, at: &r.at, heard: r.heard,
			positions: map[string]oracle.Position{}, live: map[string]bool{},
		}
		r.subscribers = append(r.subscribers, sb)
		clients.Go(func() { sb.run(ctx) })
	}
	for n := range r.Rounds {
		if err := r.round(ctx); err != nil {
			close(stop)
			return fmt.Errorf("round %d: %w", n, err)
		}
	}
	err := r.startServer(ctx)
	if err == nil {
		before := r.counts.acks.Load()
		err = waitUntil(ctx, resumeTime, "publications are acknowledged after the last round", func() bool { return r.counts.acks.Load() >= before+100 })
	}
	close(stop)
	if err != nil {
		return err
	}
	if err := awaitPublishers(ctx, publishing); err != nil {
		return err
	}
	if err := r.complete(ctx); err != nil {
		return err
	}
	server := r.server
	r.server = nil
	return server.stop(stopTime)
}

func (r *run) startPublishers(ctx context.Context, stop <-chan struct{}) *sync.WaitGroup {
	var publishing sync.WaitGroup
	for i := range r.Publishers {
		p := &publisher{name: fmt.Sprintf("publisher-%d", i), rooms: r.rooms, at: &r.at, acks: r.acks, counts: &r.counts, stop: stop}
		if i%2 == 0 {
			publishing.Go(func() { p.runSDK(ctx) })
		} else {
			random := rand.New(rand.NewPCG(r.Seed, uint64(i)))
			publishing.Go(func() { p.runAPI(ctx, random) })
		}
	}
	return &publishing
}

// round starts the server, unless it runs, and breaks it when all clients are back.
func (r *run) round(ctx context.Context) error {
	before := r.counts.acks.Load()
	if err := r.startServer(ctx); err != nil {
		return err
	}
	if err := waitUntil(ctx, resumeTime, "the clients are back", func() bool { return r.counts.acks.Load() >= before+20 && r.allLive() }); err != nil {
		return err
	}
	return r.Fault(ctx, &Round{Random: r.random, run: r})
}

// allLive reports whether each subscriber is live in all rooms.
func (r *run) allLive() bool {
	for _, sb := range r.subscribers {
		if !sb.allLive() {
			return false
		}
	}
	return true
}

// newServer starts the server and does not wait until it is ready.
func (r *run) newServer() (*process, error) {
	cmd := r.Command("serve", "--config", r.path("throng.toml"), "--data", r.Data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--rate", "0", "--rate-bytes", "0", "--history-bytes", "4096MiB", "--data-bytes", "4096MiB")
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "THRONG_TOKEN_HMAC_SECRET="+tokenSecret, "THRONG_API_KEY="+apiKey)
	return startProcess(cmd, r.log)
}

// startServer starts the server, unless it runs, and waits until it is ready.
func (r *run) startServer(ctx context.Context) (err error) {
	if r.server != nil {
		return nil
	}
	if r.server, err = r.newServer(); err != nil {
		return err
	}
	address, err := r.server.awaitReady(ctx, readyTime)
	if err != nil {
		return err
	}
	r.at.set(address)
	return nil
}

func (r *run) killServer() error {
	if r.server == nil {
		return nil
	}
	server := r.server
	r.server = nil
	return server.kill()
}

// complete waits until each subscriber has everything, and notes it. A subscriber that does not is noted as complete as well: the oracle names
// what it lacks.
func (r *run) complete(ctx context.Context) error {
	for _, room := range r.rooms {
		at, err := r.position(ctx, room)
		if err != nil {
			return fmt.Errorf("position of room %s: %w", room, err)
		}
		for _, sb := range r.subscribers {
			if err := waitUntil(ctx, completeTime, "all is received", func() bool { return sb.has(room, at) }); err != nil && ctx.Err() != nil {
				return err
			}
		}
	}
	for _, sb := range r.subscribers {
		sb.complete()
	}
	return nil
}

// position requests the position of a room.
func (r *run) position(ctx context.Context, room string) (at oracle.Position, err error) {
	step, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	request, err := http.NewRequestWithContext(step, http.MethodPost, "http://"+r.at.get()+"/api/history", strings.NewReader(fmt.Sprintf(`{"channel":%q}`, room)))
	if err != nil {
		return at, err
	}
	request.Header.Set("X-API-Key", apiKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return at, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return at, err
	}
	var reply apiReply
	if err := json.Unmarshal(text, &reply); err != nil || reply.Error != nil {
		return at, fmt.Errorf("status %d: %s", response.StatusCode, text)
	}
	return reply.Result, nil
}

// judge exports the log and returns the verdict.
func (r *run) judge(ctx context.Context) (*oracle.Verdict, error) {
	log, err := os.Create(r.path("log.jsonl"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := r.Command("data", "export", r.Data)
	var problems strings.Builder
	cmd.Stdout, cmd.Stderr = log, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("throng data export: %w: %s", err, problems.String())
	}
	v, err := judge(r.path)
	return v, errors.Join(err, ctx.Err())
}

// judge returns the verdict about the files of a run.
func judge(path func(string) string) (*oracle.Verdict, error) {
	o := oracle.New()
	for _, in := range []struct {
		name string
		read func(string, io.Reader) error
	}{{"log.jsonl", o.ReadLog}, {"acks.jsonl", o.ReadAcks}, {"heard.jsonl", o.ReadHeard}} {
		f, err := os.Open(path(in.name))
		if err != nil {
			return nil, err
		}
		err = in.read(in.name, f)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	v := o.Verdict()
	if why := v.Empty(); why != "" {
		return nil, fmt.Errorf("the run proves nothing: %s", why)
	}
	return v, nil
}
