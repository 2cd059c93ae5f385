package main

import (
	"flag"
)

var (
	throng    = flag.String("throng", "./throng", "the throng binary: a measured server, and the client of all runs")
	peers     = flag.String("peers", "dist/peers", "the output directory of bench/peers/build.sh")
	rounds    = flag.Int("rounds", 5, "runs of each server; the tables show the median")
	documents = flag.String("documents", "", "the directory whose Markdown files get the tables, each between its marks; the default prints them")
)
