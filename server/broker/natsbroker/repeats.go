//go:build !nonats

package natsbroker

import (
	"log/slog"
	"regexp"
	"sync"
	"time"
)

const (
	repeatedAgain    = time.Minute // between two lines about one thing
	maxRepeatedLines = 1000        // things at the same time; lines about more are written
)

// repeats bounds the lines about one thing: the first one is written, and those that follow are counted for repeatedAgain.
type repeats struct {
	mu sync.Mutex // a leaf
	of map[string]*repeat
}

// repeat is the lines about one thing since the last one that was written.
type repeat struct {
	since time.Time // of that line
	count int
	level slog.Level
	text  string // of the last one
}

// changing are the parts of a line that differ each time: the port and the number of a connection, the number and the start of a process.
var changing = regexp.MustCompile(`:\d+ - [a-z]*id:\d+ - |:\d+->|process \d+|since \S+`)

// isFirst reports whether a line is to be written now. Otherwise it is counted.
func (re *repeats) isFirst(level slog.Level, text string, now time.Time) bool {
	key := level.String() + changing.ReplaceAllString(text, "#")
	re.mu.Lock()
	defer re.mu.Unlock()
	if r := re.of[key]; r != nil {
		r.count++
		r.text = text
		return false
	}
	if len(re.of) < maxRepeatedLines {
		if re.of == nil {
			re.of = map[string]*repeat{}
		}
		re.of[key] = &repeat{since: now, level: level}
	}
	return true
}

// due returns the lines that are to be written now, with the numbers of those that they stand for.
func (re *repeats) due(now time.Time) (lines []repeat) {
	re.mu.Lock()
	defer re.mu.Unlock()
	for key, r := range re.of {
		switch {
		case now.Sub(r.since) < repeatedAgain:
		case r.count == 0:
			delete(re.of, key)
		default:
			lines = append(lines, *r)
			r.since, r.count = now, 0
		}
	}
	return lines
}

// startFailure is the last line of the log about a start of the engine that failed. Each attempt, one a second, would have the same line.
type startFailure struct {
	text string
	at   time.Time
}

// isDue reports whether a line about a failure is due: at once if it is another one than before, otherwise once in repeatedAgain.
func (sf *startFailure) isDue(text string, now time.Time) bool {
	text = changing.ReplaceAllString(text, "#")
	if text == sf.text && now.Sub(sf.at) < repeatedAgain {
		return false
	}
	sf.text, sf.at = text, now
	return true
}
