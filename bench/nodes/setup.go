//go:build linux

package main

import "flag"

// setup is what all commands need.
type setup struct {
	binary string
	dir    string
	port   int // the first of those that are used
	flags  *flag.FlagSet
}
