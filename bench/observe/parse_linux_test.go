package observe

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

func TestStatIsParsedForAnyProcessName(t *testing.T) {
	const after = " S 1 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 9 0 100 1000000 10 18446744073709551615 1"
	for _, name := range []string{"throng", "a) S 9 (b", ""} {
		got, err := parseStat("42 (" + name + ")" + after)
		if want := (stat{name: name, cpu: 2 * time.Second, rss: 10 * pageSize}); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", name, got, err, want)
		}
	}
}

func TestInvalidTextIsAnError(t *testing.T) {
	for _, text := range []string{"", "\n", "1", "cpu", "cpu a b c d e f g h", "1 (x) S", "TCP:", "TCP: mem", "TCP: mem x", "Tcp: RetransSegs\nTcp: x", "voluntary_ctxt_switches:"} {
		if s, err := parseStat(text); err == nil {
			t.Errorf("stat %q: got %+v", text, s)
		}
		if v, err := parseBusy(text); err == nil {
			t.Errorf("busy %q: got %v", text, v)
		}
		if v, err := entry("TCP:", "mem")(text); err == nil {
			t.Errorf("entry %q: got %v", text, v)
		}
		if v, err := column("Tcp:", "RetransSegs")(text); err == nil {
			t.Errorf("column %q: got %v", text, v)
		}
		if v, err := parseSwitches(text); err == nil {
			t.Errorf("switches %q: got %v", text, v)
		}
	}
}

func TestNumbersAreFoundByTheirNames(t *testing.T) {
	mem, err := entry("TCP:", "mem")("sockets: used 9\nTCP: inuse 5 orphan 0 tw 2 alloc 7 mem 33\nUDP: inuse 1 mem 4\n")
	if err != nil || mem != 33 {
		t.Errorf("got %d, %v, want 33", mem, err)
	}
	drops, err := column("TcpExt:", "ListenDrops")("IpExt: A ListenDrops\nIpExt: 1 2\nTcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 5 6\n")
	if err != nil || drops != 6 {
		t.Errorf("got %d, %v, want 6", drops, err)
	}
	busy, err := parseBusy("cpu  100 10 50 9999 5 3 2 0 0 0\ncpu0 1 1 1 1 1 1 1\n")
	if err != nil || busy != 1650*time.Millisecond {
		t.Errorf("got %v, %v, want 1.65s", busy, err)
	}
	for text, want := range map[string]time.Duration{
		"nr_periods 1\nthrottled_usec 2500\n":     2500 * time.Microsecond,
		"nr_periods 1\nthrottled_time 2500000\n":  2500 * time.Microsecond,
		"usage_usec 5\nuser_usec 3\n":             0,
		"usage_usec 5\nthrottled_usec_other 77\n": 0,
	} {
		if got, err := parseThrottled(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestListenerIsFoundAtItsAddressOrAtEvery(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	line := func(address, state, inode string) string {
		return "   0: " + address + " 00000000:0000 " + state + " 00000000:00000000 00:00000000 00000000     0        0 " + inode + " 1 x\n"
	}
	at := netip.MustParseAddrPort("127.0.0.1:3000")
	for _, tt := range []struct{ name, tcp, tcp6, want string }{
		{"no listener", head, head, ""},
		{"the exact address", head + line("00000000:0BB8", "0A", "1") + line("0100007F:0BB8", "0A", "2"), head, "2"},
		{"every address", head + line("00000000:0BB8", "0A", "1"), head, "1"},
		{"every address of both kinds", head, head + line("00000000000000000000000000000000:0BB8", "0A", "3"), "3"},
		{"another port", head + line("0100007F:0BB9", "0A", "1"), head, ""},
		{"a connection, not a listener", head + line("0100007F:0BB8", "01", "1"), head, ""},
		{"torn lines", "x\n\n 0: 0100007F:0BB8", "", ""},
	} {
		if got := listener(at, tt.tcp, tt.tcp6); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestControlGroupsIncludeThoseAbove(t *testing.T) {
	const v2 = "24 1 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
	const v1 = "30 1 0:25 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
	for _, tt := range []struct {
		name, groups, mounts string
		want                 []string
	}{
		{"version 2", "0::/a/b\n", v2, []string{"/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"}},
		{"version 1", "4:cpu,cpuacct:/a\n0::/b\n", v2 + v1, []string{"/sys/fs/cgroup/cpu,cpuacct/a", "/sys/fs/cgroup/cpu,cpuacct"}},
		{"the root", "0::/\n", v2, []string{"/sys/fs/cgroup"}},
		{"outside of the mounted part", "0::/../x\n", v2, nil},
		{"not mounted", "0::/a\n", "", nil},
		{"nonsense", "x\n:\n", "y\n - \n", nil},
	} {
		if got := ControlGroups(tt.groups, tt.mounts, "cpu"); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestCommandLineIsFitForATerminal(t *testing.T) {
	for text, want := range map[string]string{
		"/usr/bin/server\x00--listen\x00:1\x00": "server --listen :1",
		"a\x00\x1b[31m\x00":                     "a ?[31m",
		"":                                      "",
	} {
		if got := commandLine(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	long := make([]byte, 1000)
	for i := range long {
		long[i] = 'x'
	}
	if got := commandLine(string(long)); len(got) != 100 {
		t.Errorf("got %d bytes, want 100", len(got))
	}
}

func FuzzProcFiles(f *testing.F) {
	f.Add("42 (x) S 1 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 9 0 100 1000000 10 1", "cpu 1 2 3 4 5 6 7 8")
	f.Add("0::/a/b\n", "24 1 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
	f.Add("TCP: inuse 1 mem 2", "Tcp: a b\nTcp: 1 2")
	f.Fuzz(func(t *testing.T, a, b string) {
		// No parser may panic. The tables above check the values.
		_, _ = parseStat(a)
		_, _ = parseBusy(b)
		_, _ = parseSwitches(a)
		_, _ = parseThrottled(a)
		_, _ = entry("TCP:", "mem")(a)
		_, _ = column("Tcp:", "b")(b)
		listener(netip.MustParseAddrPort("127.0.0.1:1"), a, b)
		commandLine(a)
		for _, dir := range ControlGroups(a, b, "cpu") {
			if dir == "" {
				t.Errorf("got an empty directory of %q and %q", a, b)
			}
		}
	})
}
