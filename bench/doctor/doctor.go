// Package doctor says what of a machine's settings will stop a number of WebSocket connections, and how to mend it. It only reads. What
// it asks of the kernel is what throng and its bench were measured to need (BENCHMARKS.md); what a file does not tell is not known, and
// said to be so.
package doctor

// Schema is the version of a Report's form as JSON.
const Schema = "doctor/1"

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
