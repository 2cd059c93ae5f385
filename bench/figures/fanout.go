package main

var fanoutLoad = workload{scenario: "broadcast", flags: []string{
	"--connections", "10000", "--rate", "5", "--publishers", "5", "--size", "128", "--duration", "8s", "--warmup", "2s",
}}

var fanoutTable = layout[serverRound]{rows: "server", columns: []column[serverRound]{
	{name: "CPU per delivery", unit: "µs", decimals: 2, value: ofRun(perDelivery)},
	{name: "as a multiple of the floor", decimals: 2, value: overFloor(perDelivery)},
	{name: "cores", decimals: 2, value: ofRun(serverCores)},
	{name: "p50", unit: "ms", value: ofRun(p50)},
	{name: "p99", unit: "ms", value: ofRun(p99)},
	{name: "lost", value: ofRun(lost)},
	{name: "verdict", text: verdictsOf(runOf)},
}}

// fanout measures a large room with few messages.
func fanout() (string, error) {
	names := contestants(allServers)
	return fanoutText(names, inTurn(*rounds, names, fanoutLoad)), nil
}

func fanoutText(names []string, runs results) string {
	return fanoutTable.markdown(runs.rows(names)) + fanoutLoad.command(*rounds)
}
