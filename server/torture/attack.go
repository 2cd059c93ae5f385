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
	config string   // of the server, TOML; HANGING is the URL of an application that never answers
	flags  []string // of throng serve
	files  int      // open files of the server; 0 for as many as there may be
	race   bool     // the server gets all processors
	log    bool     // the attack reads the server's log, or does not
	ends   bool     // the attack ends the server

	// run attacks t. It returns what the line says beyond memory and latency, and an error if the server did not withstand.
	run func(t *target) (note string, err error)

	memory int64         // bytes that the server may grow by; 0: no bound of this attack's
	p99    time.Duration // by which the honest client's p99 may grow; 0: no bound of this attack's
}

// errLate is why an attack won that only made the honest client wait.
var errLate = errors.New("p99 grew by more than its bound")

// quiet is a server that sends no pings.
const quiet = "ping-interval = \"24h\"\n"

// mib is a number of bytes as a line says it.
func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
