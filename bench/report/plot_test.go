package report

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/throng-chat/throng/bench/result"
)

func TestPercentileCurvesRiseToTheMaximum(t *testing.T) {
	r := everything(t)
	all, err := byPercentile("x", "X", r.Timings()[:4])
	if err != nil || len(all) != 1 {
		t.Fatalf("got %d plots and %v, want one", len(all), err)
	}
	for i, c := range all[0].Curves {
		d := r.Timings()[i]
		last := 0.0
		for j, y := range c.Y {
			if math.IsNaN(y) {
				continue
			}
			if y < last {
				t.Errorf("%s falls at %v: got %v after %v", c.Name, all[0].X[j], y, last)
			}
			last = y
		}
		if want := d.Max.Seconds() * 1e3; last != want {
			t.Errorf("%s: got %v ms at its end, want its maximum, %v", c.Name, last, want)
		}
	}
}

func TestALongRunIsFolded(t *testing.T) {
	r := everything(t)
	first := r.Series[0]
	r.Series, r.Observed = nil, nil
	const long = 2*mostMoments + 1
	for i := range long {
		s := first
		s.T, s.Deliveries, s.Max = float64(i+1), float64(i%3), int64(i+1)
		r.Series = append(r.Series, s)
	}
	all := fold(moments(r), mostMoments)
	if len(all) > mostMoments || all[len(all)-1].T != long {
		t.Fatalf("got %d moments until %v, want at most %d until %d", len(all), all[len(all)-1].T, mostMoments, long)
	}
	if m := all[1].Run; m.Deliveries != 1 || m.Max != 6 || m.T != 6 {
		t.Errorf("seconds 4 to 6: got %v deliveries/s, a maximum of %d, until %v; want a mean of 1, a maximum of 6, until 6", m.Deliveries, m.Max, m.T)
	}
	if r.Series[3].Deliveries != 0 {
		t.Error("folding changed the result")
	}
	if !strings.Contains(render(t, r), "Each point covers 3 s") {
		t.Error("the page does not contain the number of seconds per point")
	}
}

func TestMissingValuesAreNotDrawn(t *testing.T) {
	r := &result.Result{Series: []result.Second{{T: 1, Deliveries: 5, P50: 3e6}, {T: 2, Deliveries: 6}}}
	drawn := map[string]*plot{}
	for _, p := range timePlots(r, moments(r)) {
		drawn[p.ID] = p
	}
	for id, want := range map[string]bool{"plot-deliveries": true, "plot-latency": true, "plot-memory": false, "plot-tcp-memory": false, "plot-kernel": false} {
		if (drawn[id] != nil) != want {
			t.Errorf("%s: got drawn %v, want %v", id, !want, want)
		}
	}
	text, err := json.Marshal(drawn["plot-latency"].Curves)
	if err != nil || !strings.Contains(string(text), `"y":[3,null]`) {
		t.Errorf("latency: got %s and %v, want 3 ms, and null without a measurement", text, err)
	}
	if c := drawn["plot-cores"].Curves; len(c) != 1 || c[0].Name != "client" {
		t.Errorf("cores: got %+v, want only the client's: the server's process was not visible", c)
	}
}
