package main

import (
	"flag"
)

var (
	throng   = flag.String("throng", "./throng", "the throng binary: a measured server, and the client of all runs")
	peers    = flag.String("peers", "dist/peers", "the output directory of bench/peers/build.sh")
	rounds   = flag.Int("rounds", 5, "runs of each server; the tables show the median")
	document = flag.String("document", "", "the file to write the tables into; the default prints them")
)
