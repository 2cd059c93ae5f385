package result

import (
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/doctable"
)

// unitWords are the names of the units in docs/load-test.md.
var unitWords = map[string]string{"s": "time", "B": "size", "/s": "rate", "cores": "cores", "": "number"}

func TestLoadTestListsEveryMetric(t *testing.T) {
	var got, want []string
	for _, row := range doctable.Rows(t, "load-test.md", "metric", "unit", "meaning") {
		got = append(got, doctable.Plain(row[0])+" in "+row[1])
	}
	for _, m := range Metrics {
		want = append(want, m.Name+" in "+unitWords[m.Unit])
	}
	if !slices.Equal(got, want) {
		t.Errorf("docs/load-test.md, Bounds: got %q, want %q", got, want)
	}
}

func TestLoadTestListsEveryUnit(t *testing.T) {
	rows := doctable.Rows(t, "load-test.md", "unit", "how to write a value")
	if len(rows) != len(units) {
		t.Errorf("docs/load-test.md, Bounds: got %d units, want %d", len(rows), len(units))
	}
	for unit, ways := range units {
		i := slices.IndexFunc(rows, func(row []string) bool { return row[0] == unitWords[unit] })
		if i < 0 {
			t.Errorf("docs/load-test.md, Bounds: got no unit %q", unitWords[unit])
			continue
		}
		words := strings.FieldsFunc(doctable.Plain(rows[i][1]), func(r rune) bool { return r == ' ' || r == ',' })
		for way := range ways {
			if way != "" && !slices.Contains(words, way) {
				t.Errorf("docs/load-test.md, Bounds: got %q for %s, want %s in it", rows[i][1], unitWords[unit], way)
			}
		}
		for _, word := range words {
			if _, ok := ways[word]; !ok && len(word) <= 3 && !slices.Contains([]string{"a", "or", "for"}, word) {
				t.Errorf("docs/load-test.md, Bounds: got %s for %s, which is not one of its units", word, unitWords[unit])
			}
		}
	}
}
