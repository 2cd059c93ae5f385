package durability

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/server/oracle"
)

// counts are what the publishers of a run have seen.
type counts struct {
	acks     atomic.Int64
	rejected atomic.Int64 // temporary errors of durable rooms
	all      pauses
	rooms    map[string]*pauses // constant after the start; nil on one server
	pauses   *journal           // long pauses of rooms; nil without rooms
}

// publisher publishes until stop is closed.
type publisher struct {
	name   string
	rooms  []string
	at     *site
	acks   *journal
	counts *counts
	stop   <-chan struct{}
	number uint32

	perConnection bool // another name for each connection: what was not acknowledged may be stored behind what another node stores
	connections   int
}

// next returns the data of the next publication.
func (p *publisher) next() (oracle.ID, string) {
	p.number++
	id := oracle.ID{Publisher: p.name, Number: p.number}
	if p.perConnection {
		id.Publisher = fmt.Sprint(p.name, "-", p.connections)
	}
	return id, fmt.Sprintf(`{"publisher":%q,"number":%d}`, id.Publisher, id.Number)
}

func (p *publisher) acked(room string, id oracle.ID, at oracle.Position) {
	p.acks.write(oracle.Ack{Room: room, ID: id, Position: at})
	p.counts.ack(room)
}

func (p *publisher) stopped() bool {
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

// runSDK publishes as an SDK client, with a publication in flight in each room. One that is not acknowledged on its connection is given up.
func (p *publisher) runSDK(ctx context.Context) {
	for !p.stopped() && pause(ctx) {
		c, err := dial(ctx, p.at.get(), p.name)
		if err == nil {
			p.connections++
			p.useSDK(ctx, c)
			c.close()
		}
		p.at.lost()
	}
}

// inFlight is a publication that is not acknowledged.
type inFlight struct {
	room string
	id   oracle.ID
}

// useSDK publishes on one connection until it ends, or until stop is closed and all is acknowledged.
func (p *publisher) useSDK(ctx context.Context, c *sdk) {
	open := map[int]inFlight{}
	publish := func(room string) {
		id, data := p.next()
		open[c.command(fmt.Sprintf(`"publish":{"channel":%q,"data":%s}`, room, data))] = inFlight{room, id}
	}
	for _, room := range p.rooms {
		publish(room)
	}
	for len(open) > 0 {
		if c.flush(ctx) != nil {
			return
		}
		lines, err := c.read(ctx)
		if err != nil {
			return
		}
		for i := range lines {
			line := &lines[i]
			f, ok := open[line.ID]
			if !ok {
				continue
			}
			delete(open, line.ID)
			if line.Error == nil {
				p.acked(f.room, f.id, oracle.Position{})
			} else {
				p.counts.rejected.Add(1)
				if !pause(ctx) {
					return
				}
			}
			if !p.stopped() {
				publish(f.room)
			}
		}
	}
}

// apiReply is the reply to publish.
type apiReply struct {
	Error  *sdkError       `json:"error"`
	Result oracle.Position `json:"result"`
}

// runAPI publishes through the server API. It repeats a publication with its idempotency key until it is acknowledged, and sometimes after it.
func (p *publisher) runAPI(ctx context.Context, random *rand.Rand) {
	client := &http.Client{Timeout: stepTime, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for !p.stopped() && ctx.Err() == nil {
		room := p.rooms[random.IntN(len(p.rooms))]
		id, data := p.next()
		body := fmt.Sprintf(`{"channel":%q,"data":%s,"idempotency_key":"%s-%d"}`, room, data, id.Publisher, id.Number)
		for {
			at, err := p.postOnce(ctx, client, body)
			if err == nil {
				p.acked(room, id, at)
				if random.IntN(20) > 0 {
					break
				}
				continue // the same publication again: it has one position
			}
			if !pause(ctx) {
				return
			}
		}
	}
}

// postOnce requests a publication once.
func (p *publisher) postOnce(ctx context.Context, client *http.Client, body string) (oracle.Position, error) {
	step, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	request, err := http.NewRequestWithContext(step, http.MethodPost, "http://"+p.at.get()+"/api/publish", bytes.NewBufferString(body))
	if err != nil {
		return oracle.Position{}, err
	}
	request.Header.Set("X-API-Key", apiKey)
	response, err := client.Do(request)
	if err != nil {
		p.at.lost()
		return oracle.Position{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return oracle.Position{}, err
	}
	var reply apiReply
	if err := json.Unmarshal(text, &reply); err != nil {
		return oracle.Position{}, err
	}
	if reply.Error != nil || response.StatusCode != http.StatusOK {
		p.counts.rejected.Add(1)
		return oracle.Position{}, fmt.Errorf("status %d: %s", response.StatusCode, text)
	}
	return reply.Result, nil
}

// waitUntil waits until a condition holds.
func waitUntil(ctx context.Context, within time.Duration, what string, holds func() bool) error {
	end := time.Now().Add(within)
	for !holds() {
		if time.Now().After(end) {
			return fmt.Errorf("%s: not within %v", what, within)
		}
		if !pause(ctx) {
			return ctx.Err()
		}
	}
	return nil
}

// awaitPublishers waits for publishers that have been stopped. One whose publication is never acknowledged does not end.
func awaitPublishers(ctx context.Context, publishing *sync.WaitGroup) error {
	ended := make(chan struct{})
	go func() {
		publishing.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(resumeTime):
		return fmt.Errorf("publications are still without an answer %v after the last round", resumeTime)
	}
}
