package result

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Bound is a condition on a metric, in the syntax of --fail.
type Bound struct {
	expr   string
	metric Metric
	op     string
	value  float64
}

var boundForm = regexp.MustCompile(`^\s*([a-z0-9./-]+)\s*(<=|>=|==|!=|<|>)\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*(\S*)\s*$`)

// units are the units of a value, by the unit of the metric.
var units = map[string]map[string]float64{
	"s":     {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1},
	"B":     {"B": 1, "KB": 1e3, "KiB": 1 << 10, "MB": 1e6, "MiB": 1 << 20, "GB": 1e9, "GiB": 1 << 30},
	"/s":    {"": 1, "k": 1e3, "M": 1e6},
	"cores": {"": 1},
	"":      {"": 1, "k": 1e3, "M": 1e6},
}

// unitNames are the units for an error text, in order.
var unitNames = map[string]string{"s": "ns, us, ms or s", "B": "B, KB, KiB, MB, MiB, GB or GiB"}

// ParseBound parses METRIC OP VALUE, such as p99<50ms, lost==0 or deliveries/s>=1M.
func ParseBound(expr string) (Bound, error) {
	b := Bound{expr: strings.TrimSpace(expr)}
	part := boundForm.FindStringSubmatch(expr)
	if part == nil {
		return b, fmt.Errorf("threshold %q: must be a metric, one of < <= > >= == !=, and a value: p99<50ms", expr)
	}
	metric, err := MetricNamed(part[1])
	if err != nil {
		return b, fmt.Errorf("threshold %q: %w", expr, err)
	}
	b.metric, b.op = metric, part[2]
	factor, ok := units[metric.Unit][part[4]]
	switch {
	case !ok && unitNames[metric.Unit] != "":
		return b, fmt.Errorf("threshold %q: %s needs a unit: %s", expr, metric.Name, unitNames[metric.Unit])
	case !ok:
		return b, fmt.Errorf("threshold %q: %s has no unit; k and M are thousands and millions", expr, metric.Name)
	}
	if b.value, err = strconv.ParseFloat(part[3], 64); err != nil || math.IsInf(b.value, 0) {
		return b, fmt.Errorf("threshold %q: %q is not a number", expr, part[3])
	}
	b.value *= factor
	return b, nil
}

// Check reports whether r satisfies the bound. A metric that was not measured does not satisfy it.
func (b Bound) Check(r *Result) Threshold {
	t := Threshold{Expr: b.expr}
	v, ok := b.metric.Value(r)
	if !ok {
		return t
	}
	t.Value = &v
	switch b.op {
	case "<":
		t.OK = v < b.value
	case "<=":
		t.OK = v <= b.value
	case ">":
		t.OK = v > b.value
	case ">=":
		t.OK = v >= b.value
	case "==":
		t.OK = v == b.value
	case "!=":
		t.OK = v != b.value
	}
	return t
}

// Text returns the value in the unit of its metric.
func (t Threshold) Text() string {
	if t.Value == nil {
		return "not measured in this run"
	}
	if part := boundForm.FindStringSubmatch(t.Expr); part != nil {
		if m, err := MetricNamed(part[1]); err == nil {
			return m.Text(*t.Value)
		}
	}
	return fmt.Sprint(*t.Value)
}
