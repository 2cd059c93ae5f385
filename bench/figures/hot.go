package main

import (
	"fmt"
	"strconv"

	"github.com/throng-chat/throng/bench/result"
)

// hotLoad offers rate messages a second.
func hotLoad(rate int) workload {
	return workload{scenario: "broadcast", flags: []string{
		"--rate", strconv.Itoa(rate), "--connections", "500", "--publishers", "500", "--size", "128", "--duration", "8s", "--warmup", "2s",
	}}
}

// hotRound is a run at a rate, in messages a second.
type hotRound struct {
	rate int
	run  *result.Result
}

func ofHot(f figure) func(hotRound) float64 {
	return func(r hotRound) float64 { return f(r.run) }
}

var hotTable = layout[hotRound]{rows: "server", columns: []column[hotRound]{
	{name: "messages/s offered", value: func(r hotRound) float64 { return float64(r.rate) }},
	{name: "deliveries", unit: "/s", value: ofHot(perSecond)},
	{name: "p50", unit: "ms", decimals: 1, value: ofHot(p50)},
	{name: "p99", unit: "ms", decimals: 1, value: ofHot(p99)},
	{name: "lost", value: ofHot(lost)},
	{name: "duplicated or out of order", value: ofHot(doubled)},
	{name: "CPU per delivery", unit: "µs", decimals: 3, value: ofHot(perDelivery)},
	{name: "client cores", decimals: 2, value: ofHot(clientCores)},
	{name: "runs", text: func(rounds []hotRound) string { return fmt.Sprint(len(rounds)) }},
	{name: "verdict", text: verdictsOf(func(r hotRound) *result.Result { return r.run })},
}}

// hotPart is the servers that are measured at one rate.
type hotPart struct {
	rate   int
	rounds int
	names  []string
	runs   results
}

// hot measures a room with 500 publishers. The peers fall further and further behind, so one round is enough for them.
func hot() (string, error) {
	parts := []hotPart{
		{rate: 8000, rounds: *rounds, names: allServers[:1]},
		{rate: 16000, rounds: *rounds, names: allServers[:1]},
		{rate: 8000, rounds: 1, names: contestants(allServers[1:])},
	}
	for i := range parts {
		p := &parts[i]
		p.runs = inTurn(p.rounds, p.names, hotLoad(p.rate))
	}
	return hotText(parts), nil
}

func hotText(parts []hotPart) string {
	var rows []row[hotRound]
	for _, p := range parts {
		for _, name := range p.names {
			r := row[hotRound]{name: name}
			for i := range p.rounds {
				r.rounds = append(r.rounds, hotRound{rate: p.rate, run: p.runs.in(i, name)})
			}
			rows = append(rows, r)
		}
	}
	return hotTable.markdown(rows) + hotLoad(8000).command(*rounds) + "\nand with `--rate 16000`.\n"
}
