package main

import (
	"errors"

	"github.com/throng-chat/throng/bench/result"
)

var (
	clientRoomLoad = workload{scenario: "broadcast", flags: []string{
		"--connections", "500", "--rate", "16000", "--publishers", "500", "--size", "128", "--duration", "8s", "--warmup", "2s",
	}}
	clientConnectLoad = workload{scenario: "connect", flags: []string{"--connections", "19800"}}
)

// clientRound is one run of each workload.
type clientRound struct{ room, connect *result.Result }

func ofRoom(f figure) func(clientRound) float64 {
	return func(r clientRound) float64 { return f(r.room) }
}

var clientTable = layout[clientRound]{rows: "client", columns: []column[clientRound]{
	{name: "deliveries/s of 128 B, each checked, with one core", value: ofRoom(perSecond)},
	{name: "share of that core used", decimals: 2, value: ofRoom(clientCores)},
	{name: "CPU per delivery", unit: "µs", decimals: 3, value: ofRoom(clientPerDelivery)},
	{name: "send delay: p99", unit: "ms", decimals: 2, value: ofRoom(lagP99)},
	{name: "memory per connection, 19,800 open", unit: "B", value: func(r clientRound) float64 { return clientPerConn(r.connect) }},
	{name: "verdict of the runs", text: verdictsOf(func(r clientRound) *result.Result { return r.room })},
}}

// client measures the cost of throng bench itself.
func client() (string, error) {
	room := inTurn(*rounds, allServers[:1], clientRoomLoad)
	connect := inTurn(*rounds, allServers[:1], clientConnectLoad)
	return clientText(room["throng"], connect["throng"])
}

func clientText(room, connect []*result.Result) (string, error) {
	if verdicts(room) == "–" || verdicts(connect) == "–" {
		return "", errors.New("every run failed")
	}
	r := row[clientRound]{name: "median of runs"}
	for i := range min(len(room), len(connect)) {
		r.rounds = append(r.rounds, clientRound{room: room[i], connect: connect[i]})
	}
	return clientTable.turned([]row[clientRound]{r}) + clientRoomLoad.command(*rounds) + clientConnectLoad.command(*rounds), nil
}
