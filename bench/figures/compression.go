package main

import "github.com/throng-chat/throng/bench/result"

// withDeflate is the end of the name of a server whose clients offer permessage-deflate.
const withDeflate = ", compressed"

// compressingServers are those that the table compares.
var compressingServers = []string{"throng", "uws", "gws", "gorilla"}

// The loads of the table. They are short, since each server has two rows.
var (
	smallTextLoad = workload{scenario: "broadcast", flags: []string{
		"--connections", "1000", "--rate", "10", "--publishers", "5", "--size", "350", "--duration", "5s", "--warmup", "2s",
	}}
	largeTextLoad = workload{scenario: "broadcast", flags: []string{
		"--connections", "1000", "--rate", "10", "--publishers", "5", "--size", "1000", "--duration", "5s", "--warmup", "2s",
	}}
	compressedFanoutLoad = workload{scenario: "broadcast", flags: []string{
		"--connections", "10000", "--rate", "2", "--publishers", "2", "--size", "350", "--duration", "6s", "--warmup", "2s",
	}}
	compressedIdleLoad = workload{scenario: "idle", flags: []string{"--connections", "10000", "--rate", "0", "--duration", "1s"}}
)

// compressionRound has the runs of a server in one round. A run that failed is nil.
type compressionRound struct{ small, large, fanout, idle *result.Result }

var payloadShare = metric("payload/text", 1)

var compressionTable = layout[compressionRound]{rows: "server", columns: []column[compressionRound]{
	{name: "350 B: bytes of payload per byte of text", decimals: 2, value: func(r compressionRound) float64 { return payloadShare(r.small) }},
	{name: "1,000 B: the same", decimals: 2, value: func(r compressionRound) float64 { return payloadShare(r.large) }},
	{name: "350 B, 1,000 members: CPU per delivery", unit: "µs", decimals: 2, value: func(r compressionRound) float64 { return perDelivery(r.small) }},
	{name: "1,000 B, 1,000 members: the same", unit: "µs", decimals: 2, value: func(r compressionRound) float64 { return perDelivery(r.large) }},
	{name: "350 B, 10,000 members: the same", unit: "µs", decimals: 2, value: func(r compressionRound) float64 { return perDelivery(r.fanout) }},
	{name: "p99", unit: "ms", decimals: 0, value: func(r compressionRound) float64 { return p99(r.fanout) }},
	{name: "verdict", text: verdictsOf(func(r compressionRound) *result.Result { return r.fanout })},
	{name: "user memory per idle connection", unit: "B", text: memoryOf(func(r compressionRound) *result.Result { return r.idle })},
}}

// compressing measures servers whose clients offer compression beside themselves without it, in turn.
func compressing() (string, error) {
	var names []string
	for _, name := range contestants(compressingServers) {
		names = append(names, name, name+withDeflate)
	}
	return compressionText(names, compressionRuns{
		small: inTurn(*rounds, names, smallTextLoad), large: inTurn(*rounds, names, largeTextLoad),
		fanout: inTurn(*rounds, names, compressedFanoutLoad), idle: inTurn(*rounds, names, compressedIdleLoad),
	}), nil
}

// compressionRuns are the runs of each load.
type compressionRuns struct{ small, large, fanout, idle results }

func compressionText(names []string, runs compressionRuns) string {
	var rows []row[compressionRound]
	for _, name := range names {
		r := row[compressionRound]{name: name}
		for i := range runs.small[name] {
			r.rounds = append(r.rounds, compressionRound{
				small: runs.small.in(i, name), large: runs.large.in(i, name), fanout: runs.fanout.in(i, name), idle: runs.idle.in(i, name),
			})
		}
		rows = append(rows, r)
	}
	return compressionTable.markdown(rows) + smallTextLoad.command(*rounds) + largeTextLoad.command(*rounds) + compressedFanoutLoad.command(*rounds) +
		compressedIdleLoad.command(*rounds) + "\nCompressed: with `--compress`.\n"
}
