package report

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/bench/golden"
	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
)

// everything returns a result in which every field is set.
func everything(t *testing.T) *result.Result {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "everything.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := result.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCSVHasARowForEachSecond(t *testing.T) {
	var out bytes.Buffer
	if err := CSV(&out, everything(t)); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "everything.csv", out.Bytes())
}

func TestCSVHasNoFormulasAndNoFalseZeros(t *testing.T) {
	r := &result.Result{
		Series: []result.Second{{T: 1, P50: 5, Sent: 0}, {T: 2.0000001}},
		Observed: []observe.Row{
			{T: 0, RSS: 7},
			{T: 1, Metrics: map[string]float64{`=cmd("x"),1`: 3, "b": 0, "\x1b[2J": 4}},
		},
	}
	var out bytes.Buffer
	if err := CSV(&out, r); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 4 {
		t.Fatalf("rows: got %d, want a head and 3 seconds: %q", len(rows), rows)
	}
	cell := func(row int, column string) string {
		for i, name := range rows[0] {
			if name == column {
				return rows[row][i]
			}
		}
		t.Fatalf("no column %s in %q", column, rows[0])
		return ""
	}
	for _, tt := range []struct {
		row          int
		column, want string
	}{
		{1, "t_s", "0"}, {1, "rss_bytes", "7"}, {1, "sent_per_s", ""}, {1, "metrics:b", ""},
		{2, "p50_ns", "5"}, {2, "p99_ns", ""}, {2, "sent_per_s", "0"}, {2, "server_cores", ""}, {2, "metrics:b", "0"}, {2, `metrics:=cmd("x"),1`, "3"},
		{2, "metrics:?[2J", "4"}, // without control characters
		{3, "t_s", "2"}, {3, "rss_bytes", ""},
	} {
		if got := cell(tt.row, tt.column); got != tt.want {
			t.Errorf("row %d, %s: got %q, want %q", tt.row, tt.column, got, tt.want)
		}
	}
}

func TestHGRMIsReadByThePlotter(t *testing.T) {
	r := everything(t)
	var out bytes.Buffer
	if err := HGRM(&out, r); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if got := strings.Fields(lines[0]); strings.Join(got, " ") != "Value Percentile TotalCount 1/(1-Percentile)" {
		t.Errorf("head: got %q", lines[0])
	}
	var median, last float64
	for _, line := range lines[1:] {
		part := strings.Fields(line)
		if len(part) < 3 || strings.HasPrefix(line, "#") {
			continue
		}
		value, err := strconv.ParseFloat(part[0], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if value < last {
			t.Errorf("%q: got less than the row before, %v", line, last)
		}
		last = value
		if q, _ := strconv.ParseFloat(part[1], 64); q <= 0.5 {
			median = value
		}
	}
	for _, tt := range []struct {
		what string
		got  float64
		want time.Duration
	}{
		{"median", median, *r.Latency.Each.P50},
		{"maximum", last, r.Latency.Each.Max},
	} {
		if ms := tt.want.Seconds() * 1e3; tt.got < 0.98*ms || tt.got > 1.02*ms {
			t.Errorf("%s: got %v ms, want %v", tt.what, tt.got, tt.want)
		}
	}
}

func TestHGRMWithoutLatencyIsAnError(t *testing.T) {
	if err := HGRM(&bytes.Buffer{}, &result.Result{}); err == nil || !strings.Contains(err.Error(), "no latency") {
		t.Errorf("got %v, want the error that there is no latency", err)
	}
	r := &result.Result{Latency: result.Latency{Each: &result.Distribution{HDR: "nonsense"}}}
	if err := HGRM(&bytes.Buffer{}, r); err == nil || !strings.Contains(err.Error(), "histogram") {
		t.Errorf("got %v, want that the histogram cannot be read", err)
	}
}
