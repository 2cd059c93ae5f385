package durability

import (
	"context"
	"fmt"
	"sync"

	"github.com/throng-chat/throng/server/oracle"
)

// subscriber is a member of all rooms. It recovers after each connection.
type subscriber struct {
	name  string
	rooms []string
	at    *site
	heard *journal

	mu           sync.Mutex
	positions    map[string]oracle.Position // of each room, once subscribed
	live         map[string]bool            // subscribed on the current connection
	recovered    int
	notRecovered int // after a connection was lost
}

// run receives until ctx ends.
func (sb *subscriber) run(ctx context.Context) {
	for pause(ctx) {
		c, err := dial(ctx, sb.at.get(), sb.name)
		if err != nil {
			sb.at.lost() // the server is down
			continue
		}
		sb.use(ctx, c)
		c.close()
		sb.at.lost()
		sb.mu.Lock()
		clear(sb.live)
		sb.mu.Unlock()
	}
}

// use receives on one connection until it ends.
func (sb *subscriber) use(ctx context.Context, c *sdk) {
	open := map[int]string{}
	for _, room := range sb.rooms {
		open[c.command(sb.command(room))] = room
	}
	for {
		if c.flush(ctx) != nil {
			return
		}
		lines, err := c.read(ctx)
		if err != nil {
			return
		}
		for i := range lines {
			line := &lines[i]
			if room, ok := open[line.ID]; ok && line.ID > 0 {
				delete(open, line.ID)
				if line.Error != nil || line.Subscribe == nil {
					return // again, with a new connection
				}
				sb.subscribed(room, line.Subscribe)
			}
			switch {
			case line.Push == nil:
			case line.Push.Pub != nil:
				sb.received(line.Push.Channel, line.Push.Pub)
			case line.Push.Unsubscribe != nil:
				open[c.command(sb.command(line.Push.Channel))] = line.Push.Channel
			}
		}
	}
}

// command returns the command to subscribe, with the position of the room if there is one.
func (sb *subscriber) command(room string) string {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	delete(sb.live, room)
	if at, ok := sb.positions[room]; ok {
		return fmt.Sprintf(`"subscribe":{"channel":%q,"recover":true,"offset":%d,"epoch":%q}`, room, at.Offset, at.Epoch)
	}
	return fmt.Sprintf(`"subscribe":{"channel":%q}`, room)
}

// subscribed notes the reply to the command subscribe.
func (sb *subscriber) subscribed(room string, reply *subscribe) {
	sb.mu.Lock()
	_, again := sb.positions[room]
	line := oracle.Heard{
		Event: oracle.Subscribed, Subscriber: sb.name, Room: room, Recovered: again && reply.Recovered,
		Position: oracle.Position{Offset: reply.Offset, Epoch: reply.Epoch},
	}
	switch {
	case line.Recovered:
		sb.recovered++
		sb.positions[room] = oracle.Position{Offset: sb.positions[room].Offset, Epoch: reply.Epoch}
	case again:
		sb.notRecovered++
		fallthrough
	default:
		sb.positions[room] = line.Position
	}
	sb.live[room] = true
	sb.heard.write(line)
	sb.mu.Unlock()
	for i := range reply.Publications {
		sb.received(room, &reply.Publications[i])
	}
}

// received notes a publication.
func (sb *subscriber) received(room string, pub *received) {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	at := sb.positions[room]
	at.Offset = pub.Offset
	sb.positions[room] = at
	sb.heard.write(oracle.Heard{
		Event: oracle.Publication, Subscriber: sb.name, Room: room, ID: oracle.ID{Publisher: pub.Data.Publisher, Number: pub.Data.Number},
		Position: oracle.Position{Offset: pub.Offset},
	})
}

// has reports whether the subscriber is live in a room and has received it up to a position.
func (sb *subscriber) has(room string, to oracle.Position) bool {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	at := sb.positions[room]
	return sb.live[room] && at.Epoch == to.Epoch && at.Offset >= to.Offset
}

func (sb *subscriber) allLive() bool {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	return len(sb.live) == len(sb.rooms)
}

// complete notes the end of the run for each room in which the subscriber is live.
func (sb *subscriber) complete() {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	for room := range sb.live {
		sb.heard.write(oracle.Heard{Event: oracle.Complete, Subscriber: sb.name, Room: room})
	}
}
