package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestStudentIsThatOfTheTables(t *testing.T) {
	for _, tt := range []struct{ p, df, want float64 }{
		{0.975, 1, 12.706}, {0.975, 5, 2.571}, {0.975, 11, 2.201}, {0.95, 5, 2.015}, {0.995, 30, 2.750}, {0.975, 1000, 1.962},
	} {
		if got := studentQuantile(tt.p, tt.df); math.Abs(got-tt.want) > 0.001 {
			t.Errorf("t of %v with %v degrees: got %v, want %v", tt.p, tt.df, got, tt.want)
		}
	}
}

func TestWarmupIsCutOff(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	series := func(n int, of func(i int) float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = of(i) + random.NormFloat64()
		}
		return out
	}
	for _, tt := range []struct {
		name      string
		series    []float64
		low, high int
		ok        bool
	}{
		{"too short", series(9, func(int) float64 { return 100 }), 0, 0, true},
		{"steady at once", series(200, func(int) float64 { return 100 }), 0, 100, true},
		{"a ramp of 40", series(200, func(i int) float64 { return 100 * math.Min(1, float64(i)/40) }), 35, 60, true},
		{"a slow first second", series(80, func(i int) float64 {
			if i < 4 {
				return 500
			}
			return 100
		}), 5, 20, true},
		{"never settles", series(200, func(i int) float64 { return float64(i * i) }), 100, 200, false},
	} {
		cut, ok := MSER5(tt.series)
		if cut < tt.low || cut > tt.high || ok != tt.ok {
			t.Errorf("%s: got %d, %v, want %d to %d, %v", tt.name, cut, ok, tt.low, tt.high, tt.ok)
		}
	}
}

func TestSlope(t *testing.T) {
	xs, ys := []float64{0, 1, 2, 3}, []float64{1, 3, 5, 7}
	if got, ts := Slope(xs, ys); math.Abs(got-2) > 1e-12 || !(ts > 1e6) {
		t.Errorf("got %v, t %v, want 2 and an infinite t", got, ts)
	}
	// By hand: 2.5 / 5, and the residue, 1.5 of 2.75, has two degrees of freedom.
	if got, ts := Slope(xs, []float64{1, 3, 2, 3}); math.Abs(got-0.5) > 1e-12 || math.Abs(ts-1.2910) > 0.001 {
		t.Errorf("got %v, t %v, want 0.5, 1.291", got, ts)
	}
	if got, ts := Slope(xs, []float64{4, 4, 4, 4}); got != 0 || ts != 0 {
		t.Errorf("a flat line: got %v, t %v", got, ts)
	}
}

// pairs returns runs on a machine that drifts by 3 % over the session, with 2 % of noise per run.
func pairs(random *rand.Rand, n int, ratio float64) (a, b []float64) {
	for i := range n {
		speed := 1 + 0.03*float64(i)/float64(n)
		a = append(a, 100*speed*math.Exp(0.02*random.NormFloat64()))
		b = append(b, 100*ratio*speed*math.Exp(0.02*random.NormFloat64()))
	}
	return a, b
}

func TestPairedTestHasItsErrorRate(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	differ := func(ratio float64) (share float64) {
		const trials = 4000
		for range trials {
			p, ok := Paired(pairs(random, 6, ratio))
			if !ok {
				t.Fatal("no test")
			}
			if (p.P < 0.05) != (p.Low > 1 || p.High < 1) {
				t.Fatalf("the interval %v to %v does not agree with p %v", p.Low, p.High, p.P)
			}
			if p.P < 0.05 {
				share += 1.0 / trials
			}
		}
		return share
	}
	if got := differ(1); got < 0.035 || got > 0.065 {
		t.Errorf("equal servers: got a difference in a share of %.3f, want 0.05", got)
	}
	if got := differ(1.05); got < 0.8 {
		t.Errorf("servers 5 %% apart: got a difference in a share of %.3f, want most", got)
	}
}

func TestPairedRefuses(t *testing.T) {
	for name, p := range map[string][2][]float64{
		"one pair": {{1}, {2}}, "a zero": {{1, 0}, {1, 1}}, "a zero of b": {{1, 1}, {1, 0}}, "no pairs": {{1, 2}, {1}}, "not a number": {{1, math.NaN()}, {1, 1}},
	} {
		if _, ok := Paired(p[0], p[1]); ok {
			t.Errorf("%s: got a result", name)
		}
	}
}

func TestMedian(t *testing.T) {
	if got := Median([]float64{3, 1, 2}); got != 2 {
		t.Errorf("got %v", got)
	}
	if got := Median([]float64{4, 1, 2, 3}); got != 2.5 {
		t.Errorf("got %v", got)
	}
}

// Anscombe's first data set: slope 0.5001, standard error 0.1179 (The American Statistician 27, 1973); t with 9 degrees of freedom is
// 2.262.
func TestASlopeHasAnInterval(t *testing.T) {
	xs := []float64{10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5}
	ys := []float64{8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68}
	slope, half, ok := SlopeWithin(xs, ys)
	if !ok || math.Abs(slope-0.5001) > 1e-4 || math.Abs(half-2.262*0.1179) > 1e-3 {
		t.Errorf("got %v ± %v, %v, want 0.5001 ± 0.2667", slope, half, ok)
	}
	if slope, half, ok := SlopeWithin([]float64{1, 2, 3}, []float64{5, 5, 5}); !ok || slope != 0 || half != 0 {
		t.Errorf("a level line: got %v ± %v, %v", slope, half, ok)
	}
	for _, xs := range [][]float64{{1, 2}, {2, 2, 2}} {
		if slope, half, ok := SlopeWithin(xs, ys[:len(xs)]); ok {
			t.Errorf("%v: got %v ± %v", xs, slope, half)
		}
	}
}
