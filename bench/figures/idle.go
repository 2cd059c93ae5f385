package main

// idleLoad has as many connections as one process can hold with 20,000 open files. With more connections, less of their memory hides in
// memory that was free before.
var idleLoad = workload{scenario: "idle", flags: []string{"--connections", "19800", "--rate", "0", "--duration", "8s"}}

var idleTable = layout[serverRound]{rows: "server", columns: []column[serverRound]{
	{name: "connections held", value: ofRun(held)},
	{name: "user memory per connection", unit: "B", text: memoryOf(runOf)},
	{name: "server CPU per upgrade", unit: "µs", decimals: 1, value: ofRun(perUpgrade)},
	{name: "as a multiple of the floor", decimals: 2, value: overFloor(perUpgrade)},
	{name: "handshakes", unit: "/s", value: ofRun(connectsPerS)},
	{name: "verdict", text: verdictsOf(runOf)},
}}

// idle measures the cost of idle connections.
func idle() (string, error) {
	names := contestants(allServers)
	return idleText(names, inTurn(*rounds, names, idleLoad)), nil
}

func idleText(names []string, runs results) string {
	return idleTable.markdown(runs.rows(names)) + idleLoad.command(*rounds)
}
