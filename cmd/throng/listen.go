package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/centrifugal/centrifuge-go"
)

// listenCmd is the command throng listen.
type listenCmd struct {
	Room string `arg:"" help:"Room."`

	Since string `placeholder:"OFFSET@EPOCH" help:"Begin after this publication, whose offset and epoch are in an earlier line."`
	Count int    `help:"End after this number of publications; 0 for no end."`
	Joins bool   `help:"Print also who joins and leaves, in rooms with join-leave."`
	clientFlags
}

// Types of a line.
const (
	lineSubscribed  = "subscribed" // the publications after offset follow
	linePublication = "publication"
	lineLost        = "lost" // publications before offset may be missing
	lineJoin        = "join"
	lineLeave       = "leave"
)

// listenLine is one line of the output, as JSON.
type listenLine struct {
	Type   string            `json:"type"`
	Room   string            `json:"room"`
	Offset uint64            `json:"offset,omitempty"`
	Epoch  string            `json:"epoch,omitempty"`
	Data   json.RawMessage   `json:"data,omitempty"`
	Info   *listenInfo       `json:"info,omitempty"`
	Tags   map[string]string `json:"tags,omitempty"`
}

// listenInfo is the client that has published, joined or left.
type listenInfo struct {
	User     string          `json:"user,omitempty"`
	Client   string          `json:"client"`
	ConnInfo json.RawMessage `json:"conn_info,omitempty"`
	ChanInfo json.RawMessage `json:"chan_info,omitempty"`
}

// Run prints the publications until it is interrupted, or until the server ends the subscription.
func (ls *listenCmd) Run(std *streams) error {
	since, err := parsePosition(ls.Since)
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	ctx, stop := interruptible()
	defer stop()
	tk, err := ls.connect(ctx, std)
	if err != nil {
		return err
	}
	defer tk.Close()
	ltn := &listener{room: ls.Room, joins: ls.Joins, client: tk, out: std.out, rest: ls.Count, done: make(chan struct{}), continues: since != nil}
	if err := ltn.start(since); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-ltn.done:
		return nil
	case err := <-tk.failed:
		return err
	}
}

// parsePosition reads OFFSET@EPOCH; nil for an empty text.
func parsePosition(text string) (*centrifuge.StreamPosition, error) {
	if text == "" {
		return nil, nil
	}
	number, epoch, ok := strings.Cut(text, "@")
	offset, err := strconv.ParseUint(number, 10, 64)
	if err != nil || !ok || epoch == "" {
		return nil, fmt.Errorf("since = %q: must be OFFSET@EPOCH, such as 17@hSNu", text)
	}
	return &centrifuge.StreamPosition{Offset: offset, Epoch: epoch}, nil
}

// listener prints the events of one subscription. The client calls onSubscribed, onPublication and print on one goroutine.
type listener struct {
	room   string
	joins  bool
	client *talker
	out    io.Writer
	rest   int // publications until the end; 0 for no end
	done   chan struct{}

	continues bool // the lines continue those of an earlier subscription, or of an earlier process
	epoch     string
}

// errNoRecovery ends an attempt to subscribe from a position that the server cannot recover from.
var errNoRecovery = errors.New("the server cannot recover from the position")

// start subscribes, after the publication since if that is not nil.
func (ltn *listener) start(since *centrifuge.StreamPosition) error {
	config := centrifuge.SubscriptionConfig{Recoverable: true, JoinLeave: ltn.joins}
	var sub *centrifuge.Subscription
	if since != nil {
		first := true
		config.GetState = func(centrifuge.SubscriptionGetStateEvent) (centrifuge.StreamPosition, error) {
			if first {
				first = false
				return *since, nil
			}
			go ltn.restart(sub)
			return centrifuge.StreamPosition{}, errNoRecovery
		}
	}
	sub, err := ltn.client.subscription(ltn.room, config)
	if err != nil {
		return err
	}
	sub.OnSubscribed(ltn.onSubscribed)
	sub.OnPublication(ltn.onPublication)
	sub.OnJoin(func(e centrifuge.JoinEvent) { ltn.print(&listenLine{Type: lineJoin, Info: infoOf(&e.ClientInfo)}) })
	sub.OnLeave(func(e centrifuge.LeaveEvent) { ltn.print(&listenLine{Type: lineLeave, Info: infoOf(&e.ClientInfo)}) })
	return sub.Subscribe()
}

// restart subscribes without a position, in place of a subscription whose position is of no use.
func (ltn *listener) restart(in *centrifuge.Subscription) {
	err := in.Unsubscribe()
	if err == nil {
		err = ltn.client.RemoveSubscription(in)
	}
	if err == nil {
		err = ltn.start(nil)
	}
	if err != nil {
		ltn.client.fail(err)
	}
}

// onSubscribed prints the position, and that publications may be missing, unless the server has recovered all of them.
func (ltn *listener) onSubscribed(e centrifuge.SubscribedEvent) {
	line := listenLine{Type: lineSubscribed}
	if at := e.StreamPosition; at != nil {
		line.Offset, line.Epoch = at.Offset, at.Epoch
	}
	ltn.epoch = line.Epoch
	if ltn.continues && !e.Recovered {
		line.Type = lineLost
	}
	ltn.continues = true
	ltn.print(&line)
}

func (ltn *listener) onPublication(e centrifuge.PublicationEvent) {
	line := listenLine{Type: linePublication, Offset: e.Offset, Data: e.Data, Info: infoOf(e.Info), Tags: e.Tags}
	if e.Offset > 0 {
		line.Epoch = ltn.epoch
	}
	ltn.print(&line)
	if ltn.rest--; ltn.rest == 0 {
		close(ltn.done)
	}
}

// print writes a line, unless the last one is written.
func (ltn *listener) print(line *listenLine) {
	select {
	case <-ltn.done:
		return
	default:
	}
	line.Room = ltn.room
	encoder := json.NewEncoder(ltn.out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(line); err != nil {
		ltn.client.fail(errors.Join(errors.New("standard output"), err))
	}
}

// infoOf returns a client as a line has it; nil for nil.
func infoOf(of *centrifuge.ClientInfo) *listenInfo {
	if of == nil {
		return nil
	}
	return &listenInfo{User: of.User, Client: of.Client, ConnInfo: of.ConnInfo, ChanInfo: of.ChanInfo}
}
