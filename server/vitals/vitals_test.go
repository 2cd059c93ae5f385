package vitals

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestARingKeepsTheLastFifteenMinutes(t *testing.T) {
	var r Ring
	if got := r.Last(Kept); len(got) != 0 {
		t.Errorf("empty: got %d samples, want none", len(got))
	}
	for at := range int64(Kept + 7) {
		r.Add(Sample{At: at})
	}
	all := r.Last(2 * Kept)
	if len(all) != Kept || all[0].At != 7 || all[Kept-1].At != Kept+6 {
		t.Fatalf("got %d samples from %d to %d, want %d from 7 to %d", len(all), all[0].At, all[len(all)-1].At, Kept, Kept+6)
	}
	for i := range all {
		if all[i].At != int64(i+7) {
			t.Fatalf("got sample %d of second %d, want %d", i, all[i].At, i+7)
		}
	}
	if last := r.Last(3); len(last) != 3 || last[0].At != Kept+4 {
		t.Errorf("got %v, want the last 3", last)
	}
}

func TestQuantilesOfBuckets(t *testing.T) {
	b := Buckets{[]float64{1, 2, 4}, []uint64{10, 0, 10, 0}}
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"half", b.Quantile(0.5), 1},
		{"a quarter", b.Quantile(0.25), 0.5},
		{"three quarters", b.Quantile(0.75), 3},
		{"all", b.Quantile(1), 4},
		{"the greatest", b.Max(), 4},
		{"none", Buckets{[]float64{1}, []uint64{0, 0}}.Quantile(0.99), 0},
		{"the greatest of none", Buckets{[]float64{1}, []uint64{0, 0}}.Max(), 0},
		{"above all bounds", Buckets{[]float64{1, 2}, []uint64{0, 0, 3}}.Quantile(0.5), 2},
		{"the greatest above all bounds", Buckets{[]float64{1, 2}, []uint64{0, 0, 3}}.Max(), 2},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	added := b.Since(Buckets{b.Bounds, []uint64{4, 0, 10, 0}})
	if want := []uint64{6, 0, 0, 0}; !reflect.DeepEqual(added.Counts, want) {
		t.Errorf("got %v added, want %v", added.Counts, want)
	}
	if got := Small([]uint64{0, 1 << 40}); got[0] != 0 || got[1] != 1<<32-1 {
		t.Errorf("got %v, want 0 and the greatest of 32 bits", got)
	}
	if got := Small([]uint64{0, 0}); got != nil {
		t.Errorf("got %v, want nil", got)
	}
}

// with returns a second with some values, among calm ones.
func with(values map[Series]float64) []Sample {
	calm := Sample{}
	calm.Set(Connections, 100)
	event := calm
	for series, v := range values {
		event.Set(series, v)
	}
	return []Sample{calm, event, calm}
}

// twoOf is with, and the second comes twice.
func twoOf(values map[Series]float64) []Sample {
	return append(with(values), with(values)...)
}

func TestTheWordOfAState(t *testing.T) {
	healthy := Now{MaxConnections: 1000, Cores: 2}
	full := Sample{}
	full.Set(Connections, 1000)
	nearly := Sample{}
	nearly.Set(Connections, 900)
	slow := Sample{}
	slow.Set(Connections, 100)
	slow.Set(Slow, 5)
	few := slow
	few.Set(Slow, 4)
	hot := Sample{}
	hot.Set(CPU, 1.8)
	for _, tt := range []struct {
		name   string
		last   []Sample
		now    Now
		want   Word
		reason string
	}{
		{"nothing yet", nil, healthy, OK, "without delay"},
		{"calm", with(nil), healthy, OK, "without delay"},
		{"draining before all", with(map[Series]float64{Rejected: 1}), Now{Draining: true, Disk: "full"}, Draining, "stops"},
		{"the disk", with(map[Series]float64{Rejected: 1}), Now{Disk: "no space left"}, Disk, "no space left"},
		{"no place", with(map[Series]float64{Rejected: 3, LoopLag: 900}), healthy, Shedding, "Connections were rejected (3 in 3 s)"},
		{"full", []Sample{full}, healthy, Shedding, "All 1000"},
		{"a budget used up", with(map[Series]float64{CutSlow: 2, CutBudget: 1}), healthy, Shedding, "2 slow consumers"},
		{"many slow consumers closed", with(map[Series]float64{CutSlow: 5}), healthy, Shedding, "5 slow consumers"},
		{"few slow consumers closed", with(map[Series]float64{CutSlow: 4}), healthy, OK, ""},
		{"notifications lost", with(map[Series]float64{Dropped: 7}), healthy, Shedding, "7 notifications"},
		{"CPU", []Sample{hot}, healthy, Busy, "1.8 of 2 cores"},
		{"one hot second of three", with(map[Series]float64{CPU: 2}), healthy, OK, ""},
		{"loop", twoOf(map[Series]float64{LoopLag: 50}), healthy, Busy, "50 ms"},
		{"loop just under", twoOf(map[Series]float64{LoopLag: 49}), healthy, OK, ""},
		{"loop, once", with(map[Series]float64{LoopLag: 900}), healthy, OK, ""},
		{"flush", twoOf(map[Series]float64{LatencyP99: 50}), healthy, Busy, "50 ms"},
		{"flush, once", with(map[Series]float64{LatencyP99: 900}), healthy, OK, ""},
		{"nearly full", []Sample{nearly}, healthy, Busy, "900 of 1000"},
		{"slow readers", []Sample{slow}, healthy, Busy, "5 of 100"},
		{"few slow readers", []Sample{few}, healthy, OK, ""},
		{"backpressure", with(map[Series]float64{Pauses: 1}), healthy, Busy, "paused 1 times"},
	} {
		got := Judge(tt.last, tt.now)
		if got.Word != tt.want || !strings.Contains(got.Reason, tt.reason) || got.Advice == "" {
			t.Errorf("%s: got %+v, want %s with %q and an advice", tt.name, got, tt.want, tt.reason)
		}
	}
	old := append(with(map[Series]float64{Rejected: 1}), make([]Sample, Window)...)
	if got := Judge(old, healthy); got.Word != OK {
		t.Errorf("%d s after a rejection: got %+v, want OK", Window, got)
	}
}

func TestTheJSONOfSamples(t *testing.T) {
	reasons := []string{"", "client", "slow"}
	samples := with(map[Series]float64{LatencyP50: 0.123456789, Memory: 1 << 33})
	samples[1].At, samples[1].Latency, samples[1].Closes = 7, []uint32{1, 0, 2}, []uint32{0, 3, 0}
	var history struct {
		At      []int64
		Bounds  []float64
		Series  map[string][]float64
		Latency [][]uint32
		Closes  []map[string]uint32
	}
	if err := json.Unmarshal(AppendHistory(nil, samples, reasons, []float64{0.1, 0.2}), &history); err != nil {
		t.Fatal(err)
	}
	if len(history.Series) != int(seriesCount) || len(history.Series["connections"]) != 3 || history.Series["connections"][2] != 100 {
		t.Errorf("got %v, want %d series of 3 values", history.Series, seriesCount)
	}
	if got := history.Series["latency_p50"][1]; got != 0.12346 {
		t.Errorf("got a p50 of %v, want 0.12346", got)
	}
	if got := history.Series["memory"][1]; got != 1<<33 {
		t.Errorf("got %v bytes, want %v", got, 1<<33)
	}
	if history.Latency[0] != nil || history.Latency[1][2] != 2 || history.Closes[2] != nil || history.Closes[1]["client"] != 3 || len(history.Closes[1]) != 1 {
		t.Errorf("got latency %v and closes %v", history.Latency, history.Closes)
	}
	if want := []float64{0.1, 0.2}; !reflect.DeepEqual(history.Bounds, want) {
		t.Errorf("got bounds %v, want %v", history.Bounds, want)
	}
	var one struct {
		At      int64
		Now     map[string]float64
		Latency []uint32
		Closes  map[string]uint32
	}
	if err := json.Unmarshal(append(AppendSample([]byte("{"), &samples[1], reasons), '}'), &one); err != nil {
		t.Fatal(err)
	}
	if one.At != 7 || one.Now["memory"] != 1<<33 || one.Latency[0] != 1 || one.Closes["client"] != 3 {
		t.Errorf("got %+v", one)
	}
	if got := AppendHistory(nil, nil, reasons, nil); !json.Valid(got) {
		t.Errorf("without samples: got %s", got)
	}
	seen := map[string]bool{}
	for series, name := range Names {
		if name == "" || seen[name] {
			t.Errorf("series %d: got the name %q, want one of its own", series, name)
		}
		seen[name] = true
	}
}
