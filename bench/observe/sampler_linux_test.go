package observe

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAProcessIsObserved(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if pid := FindListener(netip.MustParseAddrPort(ln.Addr().String())); pid != os.Getpid() {
		t.Errorf("got %d as the listener, want this process, %d", pid, os.Getpid())
	}
	s := NewSampler(os.Getpid(), "")
	if _, err := s.Sample(0); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 50*time.Millisecond; { // CPU time to observe
	}
	row, err := s.Sample(1)
	if err != nil {
		t.Fatal(err)
	}
	if row.Cores <= 0 || row.Machine <= 0 || len(row.Threads) == 0 || row.RSS < 1<<20 || row.Files < 3 || row.Sockets < 1 || row.PSS != 0 {
		t.Errorf("got %+v", row)
	}
	if row, err = s.Sample(11); err != nil || row.PSS < 1<<20 {
		t.Errorf("after ten seconds: got a PSS of %d, %v", row.PSS, err)
	}
	if u, err := Read(os.Getpid(), true); err != nil || u.CPU <= 0 || u.PSS <= 0 || u.RSS < u.PSS {
		t.Errorf("got %+v, %v", u, err)
	}
}

func TestAnEndedProcessIsAnError(t *testing.T) {
	const noProcess = 1 << 30
	if _, err := Read(noProcess, true); err == nil || !strings.Contains(err.Error(), fmt.Sprint(noProcess)) {
		t.Errorf("got %v, want an error that names the process", err)
	}
	if _, err := NewSampler(noProcess, "").Sample(0); err == nil {
		t.Error("got a row of a process that does not exist")
	}
}

func TestMetricsAreRead(t *testing.T) {
	for _, tt := range []struct {
		name, text, wrong string
		status            int
		want              map[string]float64
	}{
		{
			name: "all kinds", status: 200,
			text: "# TYPE a counter\na{x=\"1\",y=\"\\\"\"} 3\n# TYPE b gauge\nb -1.5\n# TYPE c histogram\nc_bucket{le=\"+Inf\"} 2\nc_sum 7\nc_count 2\nd NaN\n",
			want: map[string]float64{`a{x="1",y="\""}`: 3, "b": -1.5, "c_sum": 7, "c_count": 2},
		},
		{name: "a page", status: 200, text: "<html>", wrong: "not in Prometheus"},
		{name: "an error", status: 403, text: "no", wrong: "403"},
		{name: "far too much", status: 200, text: strings.Repeat("# x\n", maxScrape/4+2), wrong: "exceeds 8 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.text)
			}))
			defer srv.Close()
			got, err := NewSampler(os.Getpid(), srv.URL).scrape()
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("got %v, want an error with %q", err, tt.wrong)
				}
				return
			}
			if err != nil || fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
	t.Run("too many series", func(t *testing.T) {
		var text strings.Builder
		for i := range 2 * maxSeries {
			fmt.Fprintf(&text, "m%04d 1\n", i)
		}
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text.String()) }))
		defer srv.Close()
		if got, err := NewSampler(os.Getpid(), srv.URL).scrape(); err != nil || len(got) != maxSeries {
			t.Errorf("got %d series, %v, want %d", len(got), err, maxSeries)
		}
	})
}

func TestCountersCountFromTheFirstRow(t *testing.T) {
	var c counter
	for _, v := range []int64{100, 103, 50} { // a counter that decreases is from another source
		c.set(v)
	}
	if c.since() != 3 {
		t.Errorf("got %d, want 3", c.since())
	}
	var m meter
	if got := m.cores(1e9, time.Second); got != 0 {
		t.Errorf("the first reading: got %v cores, want 0", got)
	}
	if got := m.cores(2e9, 1500*time.Millisecond); got != 0.5 {
		t.Errorf("got %v cores, want 0.5", got)
	}
}

func TestAllQuotasCount(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a":   "nr_periods 9\nnr_throttled 3\nthrottled_time 250000000\n", // version 1
		"b":   "usage_usec 5\nthrottled_usec 500000\n",                    // version 2
		"b/c": "usage_usec 5\n",                                           // no quota
	} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "cpu.stat"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	held, err := heldUp([]string{filepath.Join(dir, "a"), filepath.Join(dir, "b", "c"), filepath.Join(dir, "b"), filepath.Join(dir, "without the controller")})
	if err != nil || held != 750*time.Millisecond {
		t.Errorf("got %v, %v, want 750ms", held, err)
	}
}
