package doctor

import "fmt"

// reserved is the number of a server's open files that are not connections (throng serve --max-connections).
const reserved = 100

func openFiles(m *Machine, n uint64) (Check, []setting) {
	want := n + reserved
	c := Check{Name: "open files of a process", Grade: OK, Have: thousands(m.OpenFiles), Want: thousands(want)}
	if m.OpenFiles >= want {
		return c, nil
	}
	c.Grade = Stop
	c.Why = fmt.Sprintf("a server can hold %s connections here and rejects the others; the bench starts as many processes as it needs", thousands(m.OpenFiles-min(m.OpenFiles, reserved)))
	c.Fix = []string{
		fmt.Sprintf("LimitNOFILE=%d under [Service] of the server's systemd unit (systemctl edit throng)", want),
		fmt.Sprintf("ulimit -Hn %d && ulimit -n %d, as root, in the shell that starts the server", want, want),
	}
	if most, ok := m.number("proc/sys/fs/nr_open"); ok && most < want {
		return c, []setting{{path: "fs/nr_open", value: fmt.Sprint(want)}}
	}
	return c, nil
}

func allFiles(m *Machine, n uint64) (Check, []setting) {
	const file = "proc/sys/fs/file-nr"
	all := m.numbers(file) // open, free, maximum
	if len(all) != 3 {
		return lost("open files of the machine", file)
	}
	here, both := all[0]+n+reserved, all[0]+2*(n+reserved)
	c := Check{Name: "open files of the machine", Grade: OK, Have: thousands(all[2]), Want: thousands(both)}
	switch {
	case all[2] >= both:
		return c, nil
	case all[2] < here:
		c.Grade, c.Why = Stop, "at this limit, no process on this machine can open another file"
	default:
		c.Grade, c.Why = Warn, "sufficient for the server, but not for a server and a bench on this machine"
	}
	return c, []setting{{path: "fs/file-max", value: fmt.Sprint(both)}}
}
