package result

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Unmeasured stands where nothing was measured.
const Unmeasured = "–"

// Duration is d in three figures and the unit that suits.
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

// Took is how long something took; Unmeasured for 0: it did not come to its end.
func Took(d time.Duration) string {
	if d == 0 {
		return Unmeasured
	}
	return Duration(d)
}

// Bytes is n in the unit that suits.
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

// Seen is memory, or another size; Unmeasured where none was seen, as that of a process that had ended.
func Seen(n int64) string {
	if n == 0 {
		return Unmeasured
	}
	return Bytes(float64(n))
}

// Grown is by how much memory grew; Unmeasured where it did not: then what was there before was used again, and nothing was measured.
func Grown(n float64) string {
	if n <= 0 {
		return Unmeasured
	}
	return Bytes(n)
}

// Thousands groups digits.
func Thousands[T int | uint64](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Number is n of something, in its plural where n is not 1: one with an s, unless another is given.
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

// mostCounts is how many keys are told one by one: a server may give each connection a reason of its own.
const mostCounts = 10

// Counts lists the keys with their counts, the most frequent first; of very many, how many more there are.
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
		keys[i] = fmt.Sprintf("%s %s", Thousands(counts[why]), why)
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
