package main

// benchCmd is the command throng bench. It has a command for each scenario and for each use of the results.
type benchCmd struct {
	Chat      chatCmd      `cmd:"" default:"withargs" help:"Simulate chat: rooms of different sizes, random publishers, joins and leaves (default scenario)."`
	Broadcast broadcastCmd `cmd:"" help:"Publish at a steady rate in one room, or in several rooms of the same size."`
	Echo      echoCmd      `cmd:"" help:"Give each connection its own room, so that every message returns to its sender."`
	Idle      idleCmd      `cmd:"" help:"Hold idle connections and send WebSocket pings only."`
	Storm     stormCmd     `cmd:"" help:"Kill a share of the connections at the same moment and measure their reconnect."`
	Slow      slowCmd      `cmd:"" help:"Make a share of the connections stop reading."`
	Connect   connectCmd   `cmd:"" help:"Measure connection setup only."`
	Ladder    ladderCmd    `cmd:"" help:"Repeat a scenario at increasing rates or numbers of connections."`
	Find      findCmd      `cmd:"" help:"Search for the highest rate whose p99 latency stays below a limit."`
	Run       runCmd       `cmd:"" help:"Run the stages of a plan file (TOML)."`
	AB        abCmd        `cmd:"" name:"ab" help:"Compare two servers with pairs of alternating runs and a paired statistical test."`
	Compare   compareCmd   `cmd:"" help:"Print two result files side by side."`
	Report    reportCmd    `cmd:"" help:"Print a result file, or convert it to HTML, CSV or an HdrHistogram percentile file."`
	Floor     floorCmd     `cmd:"" help:"Measure the kernel's cost of sending the same bytes to the same number of sockets."`
	Agent     agentCmd     `cmd:"" help:"Hold connections for a bench that runs on another host."`
}
