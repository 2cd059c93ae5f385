//go:build linux

package main

import "flag"

// roomsConfig has durable rooms d:NAME and rooms in memory m:NAME, for all commands.
const roomsConfig = `guests = "on"
[[room]]
pattern = "d:*"
durable = true
history-size = 10000
history-ttl = "1h"
recovery = true
[[room]]
pattern = "m:*"
history-size = 10000
history-ttl = "1h"
recovery = true
`

// setup is what all commands need.
type setup struct {
	binary string
	dir    string
	port   int // the first of those that are used
	flags  *flag.FlagSet
}
