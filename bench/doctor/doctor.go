// Package doctor says what of a machine's settings will stop a number of WebSocket connections, and how to mend it. It only reads. What
// it asks of the kernel is what throng and its bench were measured to need (BENCHMARKS.md); what a file does not tell is not known, and
// said to be so.
package doctor

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Schema is the version of a Report's form as JSON.
const Schema = "doctor/1"

// Machine is what is looked at.
type Machine struct {
	Files     fs.FS  // from the root: proc and sys
	OpenFiles uint64 // that one process may have open: the hard limit, which throng takes by itself
	Cores     int    // that this process may use
}

// Grade is what a check comes to.
type Grade string

// The grades, the gravest first.
const (
	Stop    Grade = "STOP" // it will not go
	Warn    Grade = "WARN" // it will go worse, or not for everybody
	Unknown Grade = "?"    // it could not be seen
	OK      Grade = "OK"
)

// Check is one thing that was looked at.
type Check struct {
	Name  string   `json:"name"`
	Grade Grade    `json:"grade"`
	Have  string   `json:"have"`
	Want  string   `json:"want,omitempty"`
	Why   string   `json:"why,omitempty"` // what happens otherwise; of a check that is not OK
	Fix   []string `json:"fix,omitempty"` // commands
}

// Report is all checks.
type Report struct {
	Schema      string   `json:"schema"`
	Connections int      `json:"connections"`
	OK          bool     `json:"ok"` // nothing will stop them
	Checks      []Check  `json:"checks"`
	Keep        []string `json:"keep,omitempty"` // lines of a file in /etc/sysctl.d that make the fixes last
}

// Examine looks at everything that can stop so many connections to one server on the machine.
func Examine(m *Machine, connections int) *Report {
	r := &Report{Schema: Schema, Connections: connections, OK: true, Checks: []Check{}}
	n := uint64(connections)
	for _, look := range []func(*Machine, uint64) (Check, []setting){
		openFiles, allFiles, ports, acceptQueue, halfOpen, socketBuffers, tracked, memory, groupMemory, groupCPU, groupProcesses, cores, clock,
	} {
		c, settings := look(m, n)
		if c.Name == "" {
			continue // there is no such thing here
		}
		for _, s := range settings {
			c.Fix = append(c.Fix, "sysctl -w "+s.line(true))
			r.Keep = append(r.Keep, s.line(false))
		}
		r.OK = r.OK && c.Grade != Stop
		r.Checks = append(r.Checks, c)
	}
	return r
}

// count is how many checks have the grade.
func (r *Report) count(g Grade) (n int) {
	for _, c := range r.Checks {
		if c.Grade == g {
			n++
		}
	}
	return n
}

// setting is one of the kernel's, by its path below /proc/sys.
type setting struct{ path, value string }

func (s setting) line(quoted bool) string {
	name := strings.ReplaceAll(s.path, "/", ".")
	if quoted && strings.Contains(s.value, " ") {
		return fmt.Sprintf("%s=%q", name, s.value)
	}
	return name + "=" + s.value
}

// number reads a file's first number. It is false where that is not to be had.
func (m *Machine) number(file string) (uint64, bool) {
	all := m.numbers(file)
	if len(all) == 0 {
		return 0, false
	}
	return all[0], true
}

// numbers reads a file of numbers; none where one is something else.
func (m *Machine) numbers(file string) (all []uint64) {
	text, ok := m.text(file)
	if !ok {
		return nil
	}
	for _, word := range strings.Fields(text) {
		n, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return nil
		}
		all = append(all, n)
	}
	return all
}

func (m *Machine) text(file string) (string, bool) {
	text, err := fs.ReadFile(m.Files, file)
	return strings.TrimSpace(string(text)), err == nil
}

// lost is a check of what could not be read.
func lost(name, file string) (Check, []setting) {
	return Check{Name: name, Grade: Unknown, Have: "?", Why: "/" + file + " cannot be read"}, nil
}
