package main

import (
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/throng-chat/throng/bench/result"
)

// overTLS is the end of the name of a server that serves TLS.
const overTLS = ", TLS"

// tlsServers are those with TLS of their own.
var tlsServers = []string{"throng", "uws", "nbio", "gws", "gorilla", "coder"}

// tlsConnections are those of the loads for a large room. With two sockets for each, nginx fits into 20,000 open files.
const tlsConnections = 9_900

// The loads of the table. Each is that of a table without TLS, but shorter, since each server has two rows.
var (
	tlsIdleLoad   = workload{scenario: "idle", flags: []string{"--connections", strconv.Itoa(tlsConnections), "--rate", "0", "--duration", "1s"}}
	tlsFanoutLoad = workload{scenario: "broadcast", flags: []string{
		"--connections", strconv.Itoa(tlsConnections), "--rate", "5", "--publishers", "5", "--size", "128", "--duration", "6s", "--warmup", "2s",
	}}
	tlsHotLoad = workload{scenario: "broadcast", flags: []string{
		"--rate", "8000", "--connections", "500", "--publishers", "500", "--size", "128", "--duration", "5s", "--warmup", "2s",
	}}
)

// tlsRound has the runs of a server in one round. A run that failed, or that the server has not, is nil.
type tlsRound struct {
	idle, fanout, hot *result.Result
	plain             *result.Result // the fan-out of the same server without TLS
}

var tlsTable = layout[tlsRound]{rows: "server", columns: []column[tlsRound]{
	{name: "user memory per idle connection", unit: "B", text: memoryOf(func(r tlsRound) *result.Result { return r.idle })},
	{name: "server CPU per handshake", unit: "µs", decimals: 0, value: func(r tlsRound) float64 { return perUpgrade(r.idle) }},
	{name: "CPU per delivery at 9,900 members", unit: "µs", decimals: 2, value: func(r tlsRound) float64 { return perDelivery(r.fanout) }},
	{name: "as a multiple of that without TLS", decimals: 2, value: func(r tlsRound) float64 { return perDelivery(r.fanout) / perDelivery(r.plain) }},
	{name: "p99", unit: "ms", decimals: 0, value: func(r tlsRound) float64 { return p99(r.fanout) }},
	{name: "verdict", text: verdictsOf(func(r tlsRound) *result.Result { return r.fanout })},
	{name: "hot room: deliveries", unit: "/s", value: func(r tlsRound) float64 { return perSecond(r.hot) }},
	{name: "hot room: CPU per delivery", unit: "µs", decimals: 3, value: func(r tlsRound) float64 { return perDelivery(r.hot) }},
	{name: "hot room: p99", unit: "ms", decimals: 1, value: func(r tlsRound) float64 { return p99(r.hot) }},
}}

// secure measures servers with TLS beside themselves without it, in turn. Only throng has the hot room, alone and behind nginx: the others do
// not hold it without TLS.
func secure() (string, error) {
	dir, err := os.MkdirTemp("", "figures")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if err := makeCertificate(dir); err != nil {
		return "", err
	}
	names, own := withTLS(contestants(tlsServers)), withTLS(tlsServers[:1])
	if _, err := findNginx(); err != nil {
		log.Printf("%s is skipped: %v", behindNginx, err)
	} else {
		names, own = slices.Insert(names, len(own), behindNginx), append(own, behindNginx)
	}
	return tlsText(names, inTurn(*rounds, names, tlsIdleLoad), inTurn(*rounds, names, tlsFanoutLoad), inTurn(*rounds, own, tlsHotLoad)), nil
}

// withoutTLS returns the server that a server with TLS is compared with.
func withoutTLS(name string) string {
	if name == behindNginx {
		return tlsServers[0]
	}
	return strings.TrimSuffix(name, overTLS)
}

// withTLS returns the names of servers, each followed by its name with TLS.
func withTLS(names []string) (both []string) {
	for _, name := range names {
		both = append(both, name, name+overTLS)
	}
	return both
}

func tlsText(names []string, idle, fanout, hot results) string {
	var rows []row[tlsRound]
	for _, name := range names {
		r := row[tlsRound]{name: name}
		for i := range idle[name] {
			r.rounds = append(r.rounds, tlsRound{
				idle: idle.in(i, name), fanout: fanout.in(i, name), hot: hot.in(i, name), plain: fanout.in(i, withoutTLS(name)),
			})
		}
		rows = append(rows, r)
	}
	return tlsTable.markdown(rows) + tlsIdleLoad.command(*rounds) + tlsFanoutLoad.command(*rounds) + tlsHotLoad.command(*rounds) +
		fmt.Sprintf("\nWith TLS: `wss://%s/ws` and `--insecure`; a certificate of ECDSA P-256. Behind nginx: one worker, `--pid` with all processes of both.\n", address)
}
