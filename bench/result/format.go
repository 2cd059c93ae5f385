package result

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Unmeasured is the text of a value without a measurement.
const Unmeasured = "–"

// Duration returns d with three digits and a suitable unit.
func Duration(d time.Duration) string {
	v, unit := float64(d), "ns"
	switch {
	case d >= time.Second:
		v, unit = d.Seconds(), "s"
	case d >= time.Millisecond:
		v, unit = v/1e6, "ms"
	case d >= time.Microsecond:
		v, unit = v/1e3, "µs"
	}
	switch {
	case v >= 100 || unit == "ns":
		return fmt.Sprintf("%.0f %s", v, unit)
	case v >= 10:
		return fmt.Sprintf("%.1f %s", v, unit)
	default:
		return fmt.Sprintf("%.2f %s", v, unit)
	}
}

// Took returns a duration as text, or Unmeasured for 0, which means that it did not end.
func Took(d time.Duration) string {
	if d == 0 {
		return Unmeasured
	}
	return Duration(d)
}

// Bytes returns n bytes in a suitable unit.
func Bytes(n float64) string {
	switch {
	case n >= 1<<20 || n <= -1<<20:
		return fmt.Sprintf("%.1f MiB", n/(1<<20))
	case n >= 1<<14 || n <= -1<<14:
		return fmt.Sprintf("%.1f KiB", n/(1<<10))
	default:
		return fmt.Sprintf("%.0f B", n)
	}
}

// Size returns a size as text, or Unmeasured for 0, such as the memory of a process that had exited.
func Size(n int64) string {
	if n == 0 {
		return Unmeasured
	}
	return Bytes(float64(n))
}

// Grown returns a growth of memory as text. It returns Unmeasured if the memory did not grow: then free memory was used, and the growth is
// not known.
func Grown(n float64) string {
	if n <= 0 {
		return Unmeasured
	}
	return Bytes(n)
}

// Thousands returns n with its digits in groups of three.
func Thousands[T int | uint64](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Number returns a count and its noun. The default plural adds an s.
func Number[T int | uint64](n T, one string, plural ...string) string {
	switch {
	case n == 1:
		return "1 " + one
	case len(plural) > 0:
		return Thousands(n) + " " + plural[0]
	default:
		return Thousands(n) + " " + one + "s"
	}
}

// mostCounts is the number of keys that Counts lists: a server may give each connection a reason of its own.
const mostCounts = 10

// Counts lists the keys with their counts, the most frequent first. It summarises the keys after mostCounts.
func Counts(counts map[string]int) string {
	var keys []string
	for why := range counts {
		keys = append(keys, why)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	rest := keys[min(len(keys), mostCounts):]
	keys = keys[:len(keys)-len(rest)]
	for i, why := range keys {
		keys[i] = fmt.Sprintf("%s × %s", Thousands(counts[why]), why)
	}
	if len(rest) > 0 {
		others := 0
		for _, why := range rest {
			others += counts[why]
		}
		keys = append(keys, fmt.Sprintf("%s for %s", Thousands(others), Number(len(rest), "other reason")))
	}
	return strings.Join(keys, "; ")
}

func perSecond(rate float64) string { return Number(int(rate), "message") + "/s" }
