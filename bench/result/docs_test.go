package result

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// documented returns the rows, without backticks, of the table of docs/load-test.md whose head row begins with the given cells.
func documented(t *testing.T, head string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/load-test.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "\n"+head+"\n|---")
	if !ok {
		t.Fatalf("no table %q", head)
	}
	for _, line := range strings.Split(table, "\n")[1:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		var row []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), " | ") {
			row = append(row, strings.ReplaceAll(strings.TrimSpace(cell), "`", ""))
		}
		rows = append(rows, row)
	}
	return rows
}

// unitWords are the units of metrics, as docs/load-test.md names them.
var unitWords = map[string]string{"s": "time", "B": "size", "/s": "rate", "cores": "cores", "": "number"}

func TestLoadTestListsEveryMetric(t *testing.T) {
	var got, want []string
	for _, row := range documented(t, "| metric | unit | meaning |") {
		got = append(got, row[0]+" in "+row[1])
	}
	for _, m := range Metrics {
		want = append(want, m.Name+" in "+unitWords[m.Unit])
	}
	if !slices.Equal(got, want) {
		t.Errorf("docs/load-test.md, Bounds: got %q, want %q", got, want)
	}
}

func TestLoadTestListsEveryUnit(t *testing.T) {
	rows := documented(t, "| unit | how to write a value |")
	if len(rows) != len(units) {
		t.Errorf("docs/load-test.md, Bounds: got %d units, want %d", len(rows), len(units))
	}
	for unit, ways := range units {
		i := slices.IndexFunc(rows, func(row []string) bool { return row[0] == unitWords[unit] })
		if i < 0 {
			t.Errorf("docs/load-test.md, Bounds: got no unit %q", unitWords[unit])
			continue
		}
		words := strings.FieldsFunc(rows[i][1], func(r rune) bool { return r == ' ' || r == ',' })
		for way := range ways {
			if way != "" && !slices.Contains(words, way) {
				t.Errorf("docs/load-test.md, Bounds: got %q for %s, want %s in it", rows[i][1], unitWords[unit], way)
			}
		}
		for _, word := range words {
			if _, ok := ways[word]; !ok && len(word) <= 3 && !slices.Contains([]string{"a", "or", "for"}, word) {
				t.Errorf("docs/load-test.md, Bounds: got %s for %s, which is no unit of it", word, unitWords[unit])
			}
		}
	}
}
