package doctor

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/throng-chat/throng/bench/golden"
)

// roomy returns the files of a machine that holds a million connections.
func roomy() map[string]string {
	return map[string]string{
		"proc/sys/fs/nr_open":                       "2000000",
		"proc/sys/fs/file-nr":                       "1000\t0\t9223372036854775807",
		"proc/sys/net/ipv4/ip_local_port_range":     "1024\t65535",
		"proc/sys/net/ipv4/ip_local_reserved_ports": "",
		"proc/sys/net/core/somaxconn":               "4096",
		"proc/sys/net/ipv4/tcp_max_syn_backlog":     "4096",
		"proc/sys/net/ipv4/tcp_mem":                 "3000000 4000000 6000000",
		"proc/meminfo":                              "MemTotal:       65000000 kB\nMemAvailable:   64000000 kB\n",
		"proc/self/cgroup":                          "0::/system.slice/throng.service\n",
		"proc/self/mountinfo":                       "24 1 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
		"sys/devices/system/clocksource/clocksource0/current_clocksource":   "tsc",
		"sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet acpi_pm",
	}
}

// tight returns the files of a machine that does not.
func tight() map[string]string {
	files := roomy()
	for name, text := range map[string]string{
		"proc/sys/fs/nr_open":                                             "20000",
		"proc/sys/fs/file-nr":                                             "1000 0 50000",
		"proc/sys/net/ipv4/ip_local_port_range":                           "32768 60999",
		"proc/sys/net/ipv4/ip_local_reserved_ports":                       "40000-40009,50000",
		"proc/sys/net/core/somaxconn":                                     "128",
		"proc/sys/net/ipv4/tcp_max_syn_backlog":                           "512",
		"proc/sys/net/ipv4/tcp_mem":                                       "1000 2000 3000",
		"proc/sys/net/netfilter/nf_conntrack_max":                         "65536",
		"proc/sys/net/netfilter/nf_conntrack_count":                       "100",
		"proc/meminfo":                                                    "MemAvailable:   1000000 kB\n",
		"sys/fs/cgroup/system.slice/throng.service/memory.max":            "536870912",
		"sys/fs/cgroup/system.slice/throng.service/memory.current":        "100000000",
		"sys/fs/cgroup/system.slice/memory.max":                           "max",
		"sys/fs/cgroup/system.slice/throng.service/cpu.max":               "50000 100000",
		"sys/fs/cgroup/system.slice/cpu.max":                              "max 100000",
		"sys/fs/cgroup/system.slice/pids.max":                             "50",
		"sys/fs/cgroup/system.slice/pids.current":                         "20",
		"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet",
	} {
		files[name] = text
	}
	return files
}

func machine(files map[string]string, openFiles uint64, cores int) *Machine {
	all := fstest.MapFS{}
	for name, text := range files {
		all[name] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	return &Machine{Files: all, OpenFiles: openFiles, Cores: cores}
}

func TestReportIsGolden(t *testing.T) {
	for _, tt := range []struct {
		name        string
		machine     *Machine
		connections int
		colour      bool
	}{
		{"roomy", machine(roomy(), 1_048_576, 8), 1_000_000, false},
		{"tight", machine(tight(), 20_000, 1), 100_000, false},
		{"tight-terminal", machine(tight(), 20_000, 1), 100_000, true},
		{"unknown", machine(nil, 1<<64-1, 2), 1000, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := Examine(tt.machine, tt.connections).WriteText(&got, tt.colour); err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, tt.name, got.Bytes())
		})
	}
}

func TestEachCheckHasItsBounds(t *testing.T) {
	group := "sys/fs/cgroup/system.slice/"
	for _, tt := range []struct {
		check string
		file  string // the file that differs from the roomy machine
		text  string
		want  Grade
		fix   string
	}{
		{"open files of the machine", "proc/sys/fs/file-nr", "0 0 2200", OK, ""},
		{"open files of the machine", "proc/sys/fs/file-nr", "0 0 2199", Warn, "sysctl -w fs.file-max=2200"},
		{"open files of the machine", "proc/sys/fs/file-nr", "0 0 1099", Stop, "sysctl -w fs.file-max=2200"},
		{"open files of the machine", "proc/sys/fs/file-nr", "many", Unknown, ""},
		{"source ports of an address", "proc/sys/net/ipv4/ip_local_port_range", "10001 11000", OK, ""},
		{"source ports of an address", "proc/sys/net/ipv4/ip_local_port_range", "10001 10999", Warn, `net.ipv4.ip_local_port_range="1024 65535"`},
		{"source ports of an address", "proc/sys/net/ipv4/ip_local_port_range", "2 1", Unknown, ""},
		{"source ports of an address", "proc/sys/net/ipv4/ip_local_reserved_ports", "1024-65535", Warn, ""},
		{"accept queue", "proc/sys/net/core/somaxconn", "1000", OK, ""},
		{"accept queue", "proc/sys/net/core/somaxconn", "999", Warn, "net.core.somaxconn=4096"},
		{"accept queue", "proc/sys/net/core/somaxconn", "-1", Unknown, ""},
		{"half-open connections", "proc/sys/net/ipv4/tcp_max_syn_backlog", "999", Warn, "net.ipv4.tcp_max_syn_backlog=4096"},
		{"TCP memory", "proc/sys/net/ipv4/tcp_mem", "1 2 2000", OK, ""},
		{"TCP memory", "proc/sys/net/ipv4/tcp_mem", "1 2 1999", Warn, `net.ipv4.tcp_mem="1000 1500 2000"`},
		{"TCP memory", "proc/sys/net/ipv4/tcp_mem", "1 2", Unknown, ""},
		{"free memory", "proc/meminfo", "MemAvailable: 200000 kB", OK, ""},
		{"free memory", "proc/meminfo", "MemAvailable: 100000 kB", Warn, "another host"},
		{"free memory", "proc/meminfo", "MemAvailable: 50000 kB", Stop, "more memory, or fewer"},
		{"free memory", "proc/meminfo", "MemFree: 50000 kB", Unknown, ""},
		{"memory of the control group", group + "memory.max", "50000000", Stop, "MemoryMax="},
		{"memory of the control group", group + "memory.max", "5000000000", OK, ""},
		{"CPU quota", group + "cpu.max", "99999 100000", Warn, "CPUQuota="},
		{"CPU quota", group + "cpu.max", "100000 100000", OK, ""},
		{"threads of the control group", group + "pids.max", "64", "", ""}, // without the current number
		{"clock", "sys/devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock", OK, ""},
		{"clock", "sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet", Warn, "echo tsc >"},
		{"clock", "sys/devices/system/clocksource/clocksource0/current_clocksource", "", Unknown, ""},
	} {
		t.Run(tt.check+" "+tt.text, func(t *testing.T) {
			files := roomy()
			files[tt.file] = tt.text
			r := Examine(machine(files, 1_048_576, 8), 1000)
			var got Check
			for _, c := range r.Checks {
				if c.Name == tt.check {
					got = c
				} else if c.Grade != OK {
					t.Errorf("%s: got %s, too", c.Name, c.Grade)
				}
			}
			if got.Grade != tt.want || !strings.Contains(strings.Join(got.Fix, "\n"), tt.fix) {
				t.Errorf("got %+v, want %s and %q", got, tt.want, tt.fix)
			}
			if (got.Grade == Stop || got.Grade == Warn) && (got.Why == "" || len(got.Fix) == 0) {
				t.Errorf("got %+v, want a reason and a fix", got)
			}
			if r.OK != (tt.want != Stop) {
				t.Errorf("got OK %v for %s", r.OK, tt.want)
			}
		})
	}
}

func TestTheTightestControlGroupCounts(t *testing.T) {
	files := roomy()
	files["sys/fs/cgroup/system.slice/memory.max"] = "90000000"
	files["sys/fs/cgroup/system.slice/throng.service/memory.max"] = "900000000000"
	c, _ := groupMemory(machine(files, 1, 1), 1000)
	if c.Grade != Warn || !strings.Contains(c.Fix[len(c.Fix)-1], "/sys/fs/cgroup/system.slice/memory.max") {
		t.Errorf("got %+v, want the parent group", c)
	}
	// Version 1, in which "no limit" is a number.
	files["proc/self/cgroup"], files["proc/self/mountinfo"] = "4:memory:/a\n0::/\n", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	files["sys/fs/cgroup/memory/memory.limit_in_bytes"] = "9223372036854771712"
	if c, _ := groupMemory(machine(files, 1, 1), 1000); c.Name != "" {
		t.Errorf("no limit: got %+v", c)
	}
	files["sys/fs/cgroup/memory/a/memory.limit_in_bytes"] = "100000000"
	files["sys/fs/cgroup/memory/a/memory.usage_in_bytes"] = "90000000"
	if c, _ := groupMemory(machine(files, 1, 1), 1000); c.Grade != Stop || c.Have != "9.5 MiB" {
		t.Errorf("got %+v, want the rest of the limit", c)
	}
}

func TestOpenFilesAreThoseOfAServer(t *testing.T) {
	for _, tt := range []struct {
		have uint64
		n    int
		want Grade
		keep string
	}{{1100, 1000, OK, "[]"}, {1099, 1000, Stop, "[]"}, {1100, 1_999_901, Stop, "[fs.nr_open=2000001]"}, {50, 1, Stop, "[]"}} {
		r := Examine(machine(roomy(), tt.have, 8), tt.n)
		if c := r.Checks[0]; c.Grade != tt.want || fmt.Sprint(r.Keep) != tt.keep {
			t.Errorf("%d files for %d: got %+v, %v, want %s and %s", tt.have, tt.n, c, r.Keep, tt.want, tt.keep)
		}
	}
}

func FuzzFiles(f *testing.F) {
	f.Add("proc/meminfo", "MemAvailable: 1 kB", 1000)
	f.Add("proc/sys/net/ipv4/ip_local_reserved_ports", "1-2,3,-,9-1", 70_000)
	f.Add("sys/fs/cgroup/system.slice/cpu.max", "0 0", 1)
	f.Fuzz(func(t *testing.T, file, text string, n int) {
		if n < 1 || n > 100_000_000 {
			return
		}
		files := tight()
		if _, ok := files[file]; !ok {
			return
		}
		files[file] = text
		r := Examine(machine(files, 20_000, 2), n)
		if len(r.Checks) < 8 {
			t.Errorf("got %d checks", len(r.Checks))
		}
		var out bytes.Buffer
		if err := r.WriteText(&out, false); err != nil {
			t.Error(err)
		}
	})
}
