package main

import (
	"fmt"

	"github.com/throng-chat/throng/bench/result"
)

var (
	idleLoad     = workload{scenario: "idle", flags: []string{"--connections", "10000", "--rate", "0", "--duration", "8s"}}
	idleManyLoad = workload{scenario: "idle", flags: []string{"--connections", "19800", "--rate", "0", "--duration", "8s"}}
)

// memoryEach is a dash where the bench does not know it.
var memoryEach = column[serverRound]{name: "user memory per connection", unit: "B", value: ofRun(perConn)}

var idleTable = layout[serverRound]{rows: "server", columns: []column[serverRound]{
	memoryEach,
	{name: "server CPU per upgrade", unit: "µs", decimals: 1, value: ofRun(perUpgrade)},
	{name: "as a multiple of the floor", decimals: 2, value: overFloor(perUpgrade)},
	{name: "handshakes", unit: "/s", value: ofRun(connectsPerS)},
	{name: "verdict", text: verdictsOf(runOf)},
}}

// idle is what connections cost that do nothing.
func idle() (string, error) {
	names := contestants(everyone)
	runs := inTurn(*rounds, names, idleLoad)
	many, err := load("throng", idleManyLoad)
	if err != nil {
		return "", err
	}
	return idleText(names, runs, many), nil
}

func idleText(names []string, runs results, many *result.Result) string {
	return idleTable.markdown(runs.rows(names)) + idleLoad.command(*rounds) +
		fmt.Sprintf("\nOne throng process held %s of 19,800 connections at %s B each, %.1f µs of CPU per upgrade:\n",
			result.Thousands(many.Connect.Opened-many.Delivery.Closed), memoryEach.cell([]serverRound{{run: many}}), perUpgrade(many)) +
		idleManyLoad.command(1)
}
