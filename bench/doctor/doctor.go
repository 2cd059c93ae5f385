// Package doctor checks which settings of a machine prevent a number of WebSocket connections, and lists fixes. It changes no
// setting. Visit also checks the TLS of a server. The requirements are those measured for throng and its bench (docs/benchmarks). A value that cannot be read is reported as unknown.
package doctor

// Schema is the version of the JSON form of a Report.
const Schema = "doctor/1"

// Report is the result of all checks.
type Report struct {
	Schema      string   `json:"schema"`
	Connections int      `json:"connections"`
	OK          bool     `json:"ok"` // no check is STOP
	Server      *Server  `json:"server,omitempty"`
	Checks      []Check  `json:"checks"`
	Keep        []string `json:"keep,omitempty"` // lines for a file in /etc/sysctl.d that keep the fixes
}

// Examine checks everything that can limit the number of connections to one server on the machine.
func Examine(m *Machine, connections int) *Report {
	r := &Report{Schema: Schema, Connections: connections, OK: true, Checks: []Check{}}
	n := uint64(connections)
	for _, look := range []func(*Machine, uint64) (Check, []setting){
		openFiles, allFiles, ports, acceptQueue, halfOpen, socketBuffers, tracked, memory, groupMemory, groupCPU, groupProcesses, cores, clock,
	} {
		c, settings := look(m, n)
		if c.Name == "" {
			continue // this machine does not have it
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

// count returns the number of checks with the grade.
func (r *Report) count(g Grade) (n int) {
	for _, c := range r.Checks {
		if c.Grade == g {
			n++
		}
	}
	return n
}
