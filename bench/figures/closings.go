package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/ws"
)

// allClosings are the ways in which an application ends 1,000 of 19,000 connections in one busy room.
func allClosings() []*closing {
	return []*closing{
		{what: "`disconnect`, one by one", method: "disconnect", batch: 1, code: 3503},
		{what: "`revoke`, one by one", method: "revoke", batch: 1, code: 3500},
		{what: "`disconnect`, batches of 100", method: "disconnect", batch: 100, code: 3503},
		{what: "`revoke`, batches of 100", method: "revoke", batch: 100, code: 3500},
		{what: "`disconnect` of one user with 1,000", method: "disconnect", code: 3503},
		{what: "`revoke` of one user with 1,000", method: "revoke", code: 3500},
	}
}

// closing is one of those ways, and its measurements.
type closing struct {
	what, method string
	batch        int // users per call; 0: one user has all the connections
	code         ws.CloseCode
	rounds       []closingRound
}

// closingRound is the measurement of a closing in one round.
type closingRound struct {
	median, p99, longest      float64 // ms from the call to the end of TCP
	perSecond                 float64 // connections
	before, meanwhile         float64 // ms, p99 of deliveries to the others
	serverCores, clientCores  float64
	wrong, others, othersLost int // connections with another code; others that were closed; messages that others missed
}

var closingsTable = layout[closingRound]{rows: "how", columns: []column[closingRound]{
	{name: "closed after: median", unit: "ms", decimals: 1, value: func(r closingRound) float64 { return r.median }},
	{name: "closed after: p99", unit: "ms", decimals: 1, value: func(r closingRound) float64 { return r.p99 }},
	{name: "longest of all rounds", unit: "ms", decimals: 1, over: slices.Max[[]float64], value: func(r closingRound) float64 { return r.longest }},
	{name: "connections", unit: "/s", value: func(r closingRound) float64 { return r.perSecond }},
	{name: "wrong code, all rounds", over: sum, value: func(r closingRound) float64 { return float64(r.wrong) }},
	{name: "others closed", over: sum, value: func(r closingRound) float64 { return float64(r.others) }},
	{name: "others lost", over: sum, value: func(r closingRound) float64 { return float64(r.othersLost) }},
	{name: "others' p99 before", unit: "ms", value: func(r closingRound) float64 { return r.before }},
	{name: "others' p99 during it", unit: "ms", value: func(r closingRound) float64 { return r.meanwhile }},
	{name: "server cores", decimals: 2, value: func(r closingRound) float64 { return r.serverCores }},
	{name: "client cores", decimals: 2, value: func(r closingRound) float64 { return r.clientCores }},
}}

// closeRound ends 1,000 connections in each way, one way after another, on one server.
func closeRound(closings []*closing) error {
	s, err := startBackend("")
	if err != nil {
		return err
	}
	defer s.stop()
	a := &audience{closings: closings, begun: time.Now()}
	defer func() {
		for _, t := range a.all {
			if t != nil && t.member != nil {
				t.close() // an error means that it is closed already
			}
		}
	}()
	if err := a.gather(); err != nil {
		return err
	}
	stop, published := make(chan struct{}), make(chan error, 1)
	go func() { published <- a.publish(stop) }()
	for i, c := range closings {
		r, err := a.end(c, a.all[i*ofOneClosing:(i+1)*ofOneClosing], s.cmd.Process.Pid)
		if err != nil {
			return err
		}
		r.others, r.othersLost = a.checkOthers(a.all[(i+1)*ofOneClosing:])
		c.rounds = append(c.rounds, r)
	}
	close(stop)
	if err := <-published; err != nil {
		return err
	}
	stayed := a.all[len(closings)*ofOneClosing:]
	return within(20*time.Second, "the remaining connections to receive all messages", func() bool {
		for _, t := range stayed {
			if t.received.Load() != a.published.Load() {
				return false
			}
		}
		return true
	})
}

// endings measures the time until a connection is closed after the application's call, and the latency of the others.
func endings() (string, error) {
	closings := allClosings()
	for range *rounds {
		if err := closeRound(closings); err != nil {
			return "", err
		}
	}
	return endingsText(closings), nil
}

func endingsText(closings []*closing) string {
	var rows []row[closingRound]
	for _, c := range closings {
		rows = append(rows, row[closingRound]{name: c.what, rounds: c.rounds})
	}
	return closingsTable.turned(rows) + fmt.Sprintf("\n`go run ./bench/figures --throng ./throng --only closings --rounds %d`: %s connections, of which each column ends %s\n",
		*rounds, result.Thousands(listeners), result.Thousands(ofOneClosing))
}
