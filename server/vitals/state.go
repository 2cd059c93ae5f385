package vitals

import (
	"fmt"
	"time"
)

// Word describes the state of a server.
type Word string

// The words, the most severe first.
const (
	Draining Word = "DRAINING" // it stops: clients are sent away
	Disk     Word = "DISK"     // durable rooms accept no publications
	Shedding Word = "SHEDDING" // clients are rejected or closed, or messages dropped, because a limit is reached
	Busy     Word = "BUSY"     // everything is served, with a delay
	OK       Word = "OK"
)

// State is a word with its reason in a sentence, and what to do about it or what would change it.
type State struct {
	Word   Word   `json:"word"`
	Reason string `json:"reason"`
	Advice string `json:"advice"`
}

// Now is what the samples do not have.
type Now struct {
	Draining       bool
	Disk           string // why durable rooms accept no publications; empty if they do, or if there are none
	MaxConnections int64
	Cores          int // that the process may use
}

// Window is the number of samples that the state depends on. A state that a single second causes is visible for as long.
const Window = 10

// The limits above which a server is busy.
const (
	BusyLag   = 50 * time.Millisecond // of the event loop, in two samples of the window
	BusyFlush = 50 * time.Millisecond // p99 of the time inside, in two samples
	BusyCPU   = 0.85                  // of the cores
	BusyPlace = 0.9                   // of max-connections
	BusySlow  = 0.02                  // of the connections; fewer than leastSlow do not count
	leastSlow = 5

	shedSlow = 0.01 // of the connections, closed as slow consumers within the window; fewer than leastSlow do not count
)

// Judge returns the state of a server, from its last samples.
func Judge(last []Sample, now Now) State {
	last = last[max(0, len(last)-Window):]
	switch {
	case now.Draining:
		return State{Draining, "The server stops: clients are closed and connect elsewhere.", "The process ends when they are gone, or after the drain time."}
	case now.Disk != "":
		return State{Disk, "Durable rooms accept no publications: " + now.Disk + ".", "Check the disk of the data directory; throng opens the log again by itself."}
	}
	if s, is := shedding(last, now); is {
		return s
	}
	if s, is := busy(last, now); is {
		return s
	}
	return State{OK, "All is served without delay.", fmt.Sprintf("The word becomes BUSY at %.0f %% of the CPU, a loop lag of %.0f ms or %.0f %% of the connections allowed.",
		100*BusyCPU, ms(BusyLag), 100*BusyPlace)}
}

func shedding(last []Sample, now Now) (State, bool) {
	if rejected := sum(last, Rejected); rejected > 0 {
		return State{Shedding, fmt.Sprintf("Connections were rejected (%.0f in %d s): the server, a room or an address is full.", rejected, len(last)),
			"Raise the limit that is reached: max-connections, max-members or max-connections-address; or add a server."}, true
	}
	if n := newest(last, Connections); now.MaxConnections > 0 && n >= float64(now.MaxConnections) {
		return State{Shedding, fmt.Sprintf("All %d connections are in use: the next one is rejected.", now.MaxConnections),
			"Raise max-connections, or the open-file limit; or add a server."}, true
	}
	if cut := sum(last, CutSlow); sum(last, CutBudget) > 0 || cut >= leastSlow && cut >= shedSlow*newest(last, Connections) {
		return State{Shedding, fmt.Sprintf("%.0f slow consumers were closed in %d s.", cut, len(last)),
			"Find their rooms and addresses below. Raise max-unsent or max-retained only if memory is left."}, true
	}
	if dropped := sum(last, Dropped); dropped > 0 {
		return State{Shedding, fmt.Sprintf("%.0f notifications or log lines were dropped in %d s.", dropped, len(last)),
			"Check your application, the disk of the audit log and the reader of the log."}, true
	}
	return State{}, false
}

func busy(last []Sample, now Now) (State, bool) {
	switch lag, flush, cpu := twice(last, LoopLag), twice(last, LatencyP99), mean(last, CPU); {
	case now.Cores > 0 && cpu >= BusyCPU*float64(now.Cores):
		return State{Busy, fmt.Sprintf("The process uses %.1f of %d cores.", cpu, now.Cores), "Delays grow from here. Add cores, or lower the rates of busy rooms."}, true
	case lag >= ms(BusyLag):
		return State{Busy, fmt.Sprintf("The event loop answered after %.0f ms.", lag), "Another process may use the cores; or add cores."}, true
	case flush >= ms(BusyFlush):
		return State{Busy, fmt.Sprintf("Messages stayed inside for %.0f ms (p99).", flush), "Look at the heaviest rooms; add cores."}, true
	}
	if n := newest(last, Connections); now.MaxConnections > 0 && n >= BusyPlace*float64(now.MaxConnections) {
		return State{Busy, fmt.Sprintf("%.0f of %d connections are in use.", n, now.MaxConnections), "Rejecting starts at all of them: raise max-connections, or add a server."}, true
	}
	if slow, open := newest(last, Slow), newest(last, Connections); slow >= leastSlow && slow >= BusySlow*open {
		return State{Busy, fmt.Sprintf("%.0f of %.0f clients read more slowly than they are sent to.", slow, open), "Those without progress for 5 s are closed. Look at the deepest queues."}, true
	}
	if pauses := sum(last, Pauses); pauses > 0 {
		return State{Busy, fmt.Sprintf("Publishers were paused %.0f times in %d s: a room is over its backlog limit.", pauses, len(last)), "Lower the rate of the heaviest room."}, true
	}
	return State{}, false
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func sum(last []Sample, series Series) (total float64) {
	for i := range last {
		total += last[i].Of(series)
	}
	return total
}

func mean(last []Sample, series Series) float64 {
	return sum(last, series) / float64(max(len(last), 1))
}

// twice returns the value that at least two samples reach: one late second is no state.
func twice(last []Sample, series Series) (second float64) {
	top := 0.0
	for i := range last {
		v := last[i].Of(series)
		second = max(second, min(v, top))
		top = max(top, v)
	}
	return second
}

func newest(last []Sample, series Series) float64 {
	if len(last) == 0 {
		return 0
	}
	return last[len(last)-1].Of(series)
}
