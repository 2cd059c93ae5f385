package main

import (
	"slices"

	"github.com/throng-chat/throng/bench/result"
)

// sdkHotLoad has half the rate of hotLoad.
var sdkHotLoad = workload{scenario: "broadcast", flags: []string{
	"--connections", "500", "--rate", "4000", "--publishers", "500", "--size", "128", "--duration", "8s", "--warmup", "2s",
}}

// sdkRound is the runs of one server in a round, and the floor's run of the fan-out.
type sdkRound struct{ idle, fanout, fanoutFloor, hot *result.Result }

func ofSDKHot(f figure) func(sdkRound) float64 {
	return func(r sdkRound) float64 { return f(r.hot) }
}

var sdkTable = layout[sdkRound]{rows: "server", columns: []column[sdkRound]{
	{name: "user memory per connection", unit: "B", text: memoryOf(func(r sdkRound) *result.Result { return r.idle })},
	{name: "server CPU to connect and join", unit: "µs", decimals: 1, value: func(r sdkRound) float64 { return perUpgrade(r.idle) }},
	{name: "fan-out to 10,000: CPU per delivery as a multiple of the floor", decimals: 2, value: func(r sdkRound) float64 {
		return perDelivery(r.fanout) / perDelivery(r.fanoutFloor)
	}},
	{name: "hot room of 500: deliveries", unit: "/s", value: ofSDKHot(perSecond)},
	{name: "p99", unit: "ms", decimals: 1, value: ofSDKHot(p99)},
	{name: "lost", value: ofSDKHot(lost)},
	{name: "CPU per delivery", unit: "µs", decimals: 3, value: ofSDKHot(perDelivery)},
	{name: "client cores", decimals: 2, value: ofSDKHot(clientCores)},
	{name: "verdict of the hot room", text: verdictsOf(func(r sdkRound) *result.Result { return r.hot })},
}}

// sdkResults are the results of the three workloads. The floor has no hot room.
type sdkResults struct{ idle, fanout, hot results }

// backend measures the SDK protocol with one joined room, beside throng's plain room and the centrifuge library, which Centrifugo uses.
func backend() (string, error) {
	chats := contestants([]string{"throng", sdk, "centrifuge"})
	names := append(slices.Clone(chats), contestants([]string{"floor"})...)
	var runs sdkResults
	runs.idle = inTurn(*rounds, names, idleLoad)
	runs.fanout = inTurn(*rounds, names, fanoutLoad)
	runs.hot = inTurn(*rounds, chats, sdkHotLoad)
	return backendText(names, runs), nil
}

func backendText(names []string, runs sdkResults) string {
	var rows []row[sdkRound]
	for _, name := range names {
		r := row[sdkRound]{name: name}
		for i := range *rounds {
			r.rounds = append(r.rounds, sdkRound{
				idle: runs.idle.in(i, name), fanout: runs.fanout.in(i, name), fanoutFloor: runs.fanout.in(i, "floor"), hot: runs.hot.in(i, name),
			})
		}
		rows = append(rows, r)
	}
	return sdkTable.markdown(rows) + idleLoad.command(*rounds) + fanoutLoad.command(*rounds) + sdkHotLoad.command(*rounds) +
		"\nand with `--protocol centrifugo`, to `/connection/websocket`.\n"
}
