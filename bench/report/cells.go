package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/throng-chat/throng/bench/result"
)

// none is the text of a cell or figure without a measurement, which in a result is 0.
const none = result.Unmeasured

// metric returns the text of a metric.
func metric(r *result.Result, name string) string {
	m, err := result.MetricNamed(name)
	if err != nil {
		panic(err)
	}
	if v, ok := m.Value(r); ok {
		return m.Text(v)
	}
	return none
}

// serverCores returns the server's CPU in the measured time, which does not include opening the connections.
func serverCores(r *result.Result) string {
	if r.Server.CPU == 0 {
		return none
	}
	return metric(r, "cores")
}

// memoryPerConn returns the server's memory per connection, if it is known.
func memoryPerConn(r *result.Result) string {
	if m := r.MemoryPerConn(); m.Known {
		return result.Bytes(m.Value)
	}
	return none
}

// multiple returns a cost as a multiple of the kernel's floor, as text.
func multiple(r *result.Result, of func(*result.Floor) string) string {
	if r.Floor == nil || of(r.Floor) == "" {
		return "the kernel’s floor: not measured"
	}
	return strings.ReplaceAll(of(r.Floor), "'", "’")
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func notEmpty(texts ...string) []string {
	var out []string
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}

func count(n int) string {
	if n == 0 {
		return none
	}
	return strconv.Itoa(n)
}

func rate(v float64) string {
	if v == 0 {
		return none
	}
	if v == math.Trunc(v) {
		return result.Thousands(int(v)) + "/s"
	}
	return fmt.Sprintf("%.1f/s", v)
}
