package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/throng-chat/throng/bench"
)

// pipedEvery is the time between two lines of progress if the output is not a terminal.
const pipedEvery = 5 * time.Second

// progressTo returns functions that show the progress: on a terminal one line that is overwritten, elsewhere a line every 5 s.
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
		if p.Elapsed < last { // the next part has begun
			next = pipedEvery
		}
		if last = p.Elapsed; p.Elapsed >= next {
			next = p.Elapsed + pipedEvery
			fmt.Fprintln(f, p.Line())
		}
	}, func() {}
}
