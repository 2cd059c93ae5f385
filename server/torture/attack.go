//go:build linux

package main

import (
	"errors"
	"fmt"
	"time"
)

// attack is one case.
type attack struct {
	name   string
	config string   // of the server, in TOML; HANGING stands for the URL of an application that never responds
	flags  []string // of throng serve
	files  int      // open-file limit of the server; 0 for the highest possible
	race   bool     // the server uses all processors
	log    bool     // the attack reads the server's log, or stops reading it
	ends   bool     // the attack ends the server
	tls    bool     // the server has a TLS port besides; with -tls all servers have one

	// run attacks t. It returns a note for the output, and an error if the attack succeeded.
	run func(t *target) (note string, err error)

	memory int64         // largest growth of the server in bytes; 0: no bound
	p99    time.Duration // largest growth of the honest client's p99; 0: no bound
}

// errLate is the error of an attack that only increased the honest client's latency.
var errLate = errors.New("p99 grew by more than its bound")

// quiet configures a server without pings.
const quiet = "ping-interval = \"24h\"\n"

// mib returns a number of bytes as text.
func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
