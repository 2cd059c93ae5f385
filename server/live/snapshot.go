package live

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/vitals"
)

// heaviestRooms is the number of rooms in a snapshot.
const heaviestRooms = 10

// typing begins the names of the rooms that have only the signals of writers, by the data format of chat rooms.
const typing = "typing:"

// tables are the parts of a snapshot that are not numbers of a sample.
type tables struct {
	State    vitals.State `json:"state"`
	Server   serverFacts  `json:"server"`
	Rooms    []roomRow    `json:"rooms"`
	Queues   []queueRow   `json:"queues"`
	Closes   []closeRow   `json:"last_closes"`
	Webhooks []hookRow    `json:"webhooks"`
	Cluster  any          `json:"cluster,omitempty"` // nil without a cluster
}

type serverFacts struct {
	Version        string `json:"version"`
	Node           string `json:"node"`
	UpSeconds      int64  `json:"up_seconds"`
	Cores          int    `json:"cores"`
	MaxConnections int64  `json:"max_connections"`
	MaxUnsent      int    `json:"max_unsent"`
	Rooms          int    `json:"rooms"`
	Users          int    `json:"users"`
	Durable        bool   `json:"durable"` // there is a data directory
}

type roomRow struct {
	Room    string  `json:"room"`
	Members int     `json:"members"`
	In      float64 `json:"in"`  // messages per second
	Out     float64 `json:"out"` // deliveries per second
}

type queueRow struct {
	ID      uint64  `json:"id"`
	User    string  `json:"user,omitempty"`
	Address string  `json:"address"`
	Bytes   int     `json:"bytes"`
	Stalled float64 `json:"stalled_seconds"`
}

type closeRow struct {
	At      time.Time `json:"at"`
	ID      uint64    `json:"id"`
	User    string    `json:"user,omitempty"`
	Address string    `json:"address"`
	Reason  string    `json:"reason"` // a label of throng_closes_total
	Code    int       `json:"code,omitempty"`
	Text    string    `json:"text,omitempty"`
}

type hookRow struct {
	Event    string     `json:"event"`
	OK       bool       `json:"ok"`
	Result   string     `json:"result,omitempty"`
	At       *time.Time `json:"at,omitempty"`
	Failures int        `json:"failures"`
}

// now returns what a state depends on besides the samples.
func (l *Live) now() vitals.Now {
	n := vitals.Now{Draining: l.sessions.Draining.Load(), MaxConnections: l.sessions.Limits().MaxLive, Cores: runtime.GOMAXPROCS(0)}
	if l.sessions.StoresData() {
		if state, err := l.sessions.DurableState(); !state.IsInOrder() {
			n.Disk = state.String()
			if err != nil {
				n.Disk = err.Error()
			}
		}
	}
	return n
}

// encode returns the snapshot as JSON in one line.
func (l *Live) encode(sample *vitals.Sample, state vitals.State, survey *fanout.Survey, now time.Time) []byte {
	all := tables{State: state, Server: l.facts(now), Rooms: l.rooms(now), Queues: queues(survey), Closes: l.closes(), Webhooks: l.webhooks()}
	if l.cfg.Cluster != nil {
		all.Cluster = l.cfg.Cluster()
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(fmt.Sprintf("live: %v", err)) // all fields can be encoded
	}
	line := vitals.AppendSample([]byte{'{'}, sample, fanout.ReasonNames[:])
	line = append(line, ',')
	return append(line, text[1:]...) // without its first brace
}

func (l *Live) facts(now time.Time) serverFacts {
	return serverFacts{
		Version: l.cfg.Version, Node: l.node, UpSeconds: int64(now.Sub(l.started).Seconds()), Cores: runtime.GOMAXPROCS(0),
		MaxConnections: l.sessions.Limits().MaxLive, MaxUnsent: l.sessions.Limits().MaxUnsent,
		Rooms: l.sessions.Rooms.Count(), Users: l.sessions.UserCount(), Durable: l.sessions.StoresData(),
	}
}

// walkShare is the part of the time that walks through all rooms may take. Each holds the locks of rooms, one after another.
const walkShare = 0.02

// heaviest has the rows of the heaviest rooms.
type heaviest struct {
	at   time.Time // of the last walk
	next time.Time // of the next one, at the earliest
	rows []roomRow
}

// renew walks through the rooms if it is time, and returns the rows. took is the time of a walk.
func (he *heaviest) renew(now time.Time, walk func() []chat.RoomTraffic, took func(since time.Time) time.Duration) []roomRow {
	if now.Before(he.next) {
		return he.rows
	}
	elapsed := max(now.Sub(he.at).Seconds(), 0.1)
	begin := time.Now()
	rooms := walk()
	he.at, he.next = now, now.Add(time.Duration(float64(took(begin))/walkShare))
	he.rows = []roomRow{}
	for _, r := range rooms {
		he.rows = append(he.rows, roomRow{r.Name, r.Members, tenth(float64(r.Messages) / elapsed), tenth(float64(r.Deliveries) / elapsed)})
	}
	return he.rows
}

// rooms returns the heaviest rooms. Called by tick only.
func (l *Live) rooms(now time.Time) []roomRow {
	return l.heaviest.renew(now, func() []chat.RoomTraffic { return signalsLast(l.sessions.HeaviestRooms(2 * heaviestRooms)) }, time.Since)
}

// signalsLast returns the first rooms of a snapshot: those of typing signals follow all others, which they would fill otherwise.
func signalsLast(rooms []chat.RoomTraffic) []chat.RoomTraffic {
	isSignals := func(r chat.RoomTraffic) bool { return strings.HasPrefix(r.Name, typing) }
	signals := slices.DeleteFunc(slices.Clone(rooms), func(r chat.RoomTraffic) bool { return !isSignals(r) })
	ordered := append(slices.DeleteFunc(rooms, isSignals), signals...)
	return ordered[:min(len(ordered), heaviestRooms)]
}

// tenth rounds a rate, since more digits are noise.
func tenth(rate float64) float64 { return float64(int64(rate*10+0.5)) / 10 }

func queues(survey *fanout.Survey) []queueRow {
	rows := []queueRow{}
	for _, q := range survey.Deepest {
		rows = append(rows, queueRow{q.ID, q.User, q.Address, q.Bytes, q.Stalled.Seconds()})
	}
	return rows
}

func (l *Live) closes() []closeRow {
	rows := []closeRow{}
	for _, c := range l.sessions.LastCloses() {
		rows = append(rows, closeRow{c.At, c.ID, c.User, c.Address, c.Reason.String(), int(c.Code), c.Text})
	}
	return rows
}

func (l *Live) webhooks() []hookRow {
	rows := []hookRow{}
	if h := l.sessions.Hooks; h.On() {
		for event, e := range h.Health.All() {
			rows = append(rows, hookRow{event, e.OK, e.Result, e.At, e.Failures})
		}
	}
	slices.SortFunc(rows, func(a, b hookRow) int { return cmp.Compare(a.Event, b.Event) })
	return rows
}
