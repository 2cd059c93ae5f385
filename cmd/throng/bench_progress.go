package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/throng-chat/throng/bench"
)

// pipedEvery is how often a line of progress is written where it is not drawn over and over.
const pipedEvery = 5 * time.Second

// progressTo draws one line again and again on a terminal, and elsewhere writes a line now and then.
func progressTo(f *os.File) (tell func(bench.Progress), end func()) {
	if term.IsTerminal(int(f.Fd())) {
		return func(p bench.Progress) {
			line := p.Line()
			if width, _, err := term.GetSize(int(f.Fd())); err == nil {
				line = string([]rune(line)[:min(len([]rune(line)), max(width-1, 0))])
			}
			fmt.Fprintf(f, "\r\x1b[K%s", line)
		}, func() { fmt.Fprint(f, "\r\x1b[K") }
	}
	next := pipedEvery
	last := time.Duration(0)
	return func(p bench.Progress) {
		if p.Elapsed < last { // another part has begun
			next = pipedEvery
		}
		if last = p.Elapsed; p.Elapsed >= next {
			next = p.Elapsed + pipedEvery
			fmt.Fprintln(f, p.Line())
		}
	}, func() {}
}
