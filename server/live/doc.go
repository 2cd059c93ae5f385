// Package live is the live page of the admin port: what the server did in the last 15 minutes, and what it does now. A goroutine samples the
// counters of the other packages once a second. It reads atomic values and never waits for a shard or a poller, so it works while they do not.
//
//	metrics, fanout, home --> Live.Run: one vitals.Sample a second --> vitals.Ring --> GET /live/history
//	chat: heaviest rooms  --> a snapshot, while somebody watches   --> GET /live (server-sent events)
//
// The page is written in TypeScript, in src. To change it, edit src and style, run make page-script and commit them together with dist.
package live
