package main

import (
	"fmt"

	"github.com/throng-chat/throng/bench/result"
)

var heartbeatLoad = workload{scenario: "idle", flags: []string{"--connections", "15000", "--rate", "0", "--duration", "60s"}}

// heartbeat measures the server's CPU for pings.
func heartbeat() (string, error) {
	run, err := load("throng", heartbeatLoad)
	if err != nil {
		return "", err
	}
	return heartbeatText(run), nil
}

func heartbeatText(run *result.Result) string {
	return fmt.Sprintf("%.2f %% of a core, over %s pings.\n", 100*run.Server.Cores, result.Thousands(run.Delivery.Pings)) + heartbeatLoad.command(1)
}
