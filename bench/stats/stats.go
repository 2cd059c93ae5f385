// Package stats has the statistics of the load test: the end of a warm-up, the drift of a series, and the difference between two servers.
package stats

import (
	"math"
	"slices"
)

// batch is the batch size of MSER-5.
const batch = 5

// MSER5 returns how many values at the beginning of a series belong to its warm-up. It chooses the cut that gives the most precise mean of
// the rest, in batches of five (White, An effective truncation heuristic for bias reduction in simulation output, 1997). It returns false
// if the best cut is in the second half: such a series has not settled. A series of fewer than ten values has no detectable warm-up, so its
// cut is 0.
func MSER5(series []float64) (cut int, ok bool) {
	n := len(series) / batch
	if n < 2 {
		return 0, true
	}
	means := make([]float64, n)
	for i := range means {
		for _, v := range series[i*batch : (i+1)*batch] {
			means[i] += v / batch
		}
	}
	// From the end, so that each sum is computed once. The last few batches are too few to estimate their variance.
	best, at := math.Inf(1), 0
	var sum, squares float64
	shift := means[n-1]
	for d := n - 1; d >= 0; d-- {
		v := means[d] - shift
		sum += v
		squares += v * v
		k := float64(n - d)
		if k < 5 && d > 0 {
			continue
		}
		if e := (squares - sum*sum/k) / (k * k); e <= best*(1+1e-12) {
			best, at = e, d
		}
	}
	return at * batch, at <= n/2
}

// Slope returns the least squares slope of ys over xs and its Student's t; 0 for fewer than three points.
func Slope(xs, ys []float64) (slope, t float64) {
	slope, standard, ok := leastSquares(xs, ys)
	if !ok || slope == 0 {
		return 0, 0
	}
	return slope, slope / standard // infinite if the points lie on a line
}

// SlopeWithin returns the least squares slope of ys over xs and half of its 95 % interval. It returns false for fewer than three points,
// and if all xs are the same.
func SlopeWithin(xs, ys []float64) (slope, half float64, ok bool) {
	slope, standard, ok := leastSquares(xs, ys)
	if !ok {
		return 0, 0, false
	}
	return slope, studentQuantile(0.975, float64(len(xs)-2)) * standard, true
}

// leastSquares returns the slope of ys over xs and its standard error.
func leastSquares(xs, ys []float64) (slope, standard float64, ok bool) {
	n := float64(len(xs))
	if len(xs) < 3 {
		return 0, 0, false
	}
	var mx, my float64
	for i := range xs {
		mx += xs[i] / n
		my += ys[i] / n
	}
	var sxx, sxy, syy float64
	for i := range xs {
		dx, dy := xs[i]-mx, ys[i]-my
		sxx += dx * dx
		sxy += dx * dy
		syy += dy * dy
	}
	if sxx == 0 {
		return 0, 0, false
	}
	slope = sxy / sxx
	return slope, math.Sqrt(max(0, syy-slope*sxy) / (n - 2) / sxx), true
}

// Pair is the result of a paired test of b against a.
type Pair struct {
	N         int
	Ratio     float64 // of b to a, from the mean of the logarithms
	Low, High float64 // its 95 % interval
	P         float64 // probability of a ratio at least as far from 1, without a difference
}

// Paired compares pairs by Student's t of the logarithms of their ratios. It returns false for fewer than two pairs, and if a value is not
// positive.
func Paired(a, b []float64) (Pair, bool) {
	if len(a) != len(b) || len(a) < 2 {
		return Pair{}, false
	}
	logs := make([]float64, len(a))
	var mean float64
	for i := range a {
		if !(a[i] > 0) || !(b[i] > 0) {
			return Pair{}, false
		}
		logs[i] = math.Log(b[i] / a[i])
		mean += logs[i] / float64(len(a))
	}
	var variance float64
	for _, l := range logs {
		variance += (l - mean) * (l - mean) / float64(len(a)-1)
	}
	p := Pair{N: len(a), Ratio: math.Exp(mean)}
	e := math.Sqrt(variance / float64(len(a)))
	half := studentQuantile(0.975, float64(len(a)-1)) * e
	p.Low, p.High = math.Exp(mean-half), math.Exp(mean+half)
	switch {
	case e > 0:
		p.P = 2 * (1 - studentCDF(math.Abs(mean)/e, float64(len(a)-1)))
	case mean == 0:
		p.P = 1
	}
	return p, true
}

// Median returns the median of the values, or 0 without values.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// studentCDF returns the probability that Student's t with df degrees of freedom is below t, which must not be negative.
func studentCDF(t, df float64) float64 {
	return 1 - incompleteBeta(df/2, 0.5, df/(df+t*t))/2
}

// studentQuantile returns the t below which Student's t lies with probability p, which must be above one half.
func studentQuantile(p, df float64) float64 {
	low, high := 0.0, 1e6
	for range 200 {
		if mid := (low + high) / 2; studentCDF(mid, df) < p {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// incompleteBeta returns the regularised incomplete beta function, by its continued fraction (DLMF 8.17.22) and Lentz's method.
func incompleteBeta(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - incompleteBeta(b, a, 1-x)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log(1-x)) / a
	const tiny = 1e-300
	f, c, d := 1.0, 1.0, 0.0
	for i := range 400 {
		m := float64(i / 2)
		var numerator float64
		switch {
		case i == 0:
			numerator = 1
		case i%2 == 0:
			numerator = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			numerator = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		if d = 1 + numerator*d; math.Abs(d) < tiny {
			d = tiny
		}
		if c = 1 + numerator/c; math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		f *= c * d
		if math.Abs(1-c*d) < 1e-14 {
			break
		}
	}
	return front * (f - 1)
}
