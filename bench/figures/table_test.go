package main

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

type tableRound struct{ a, b float64 }

var tableLayout = layout[tableRound]{rows: "what", columns: []column[tableRound]{
	{name: "a", value: func(r tableRound) float64 { return r.a }},
	{name: "b", value: func(r tableRound) float64 { return r.b }},
}}

func TestLinesAreATable(t *testing.T) {
	if got, want := markdown([][]string{{"a", "b"}, {"1", "2"}}), "| a | b |\n|---|---|\n| 1 | 2 |\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestATableIsByRowsOrTurned(t *testing.T) {
	rows := []row[tableRound]{{name: "one", rounds: []tableRound{{a: 1, b: 2}}}, {name: "two", rounds: []tableRound{{a: 3, b: 4}}}}
	if got, want := tableLayout.markdown(rows), "| what | a | b |\n|---|---|---|\n| one | 1 | 2 |\n| two | 3 | 4 |\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := tableLayout.turned(rows), "| what | one | two |\n|---|---|---|\n| a | 1 | 3 |\n| b | 2 | 4 |\n"; got != want {
		t.Errorf("turned: got %q, want %q", got, want)
	}
}

func TestACellIsOfTheRoundsThatWereMeasured(t *testing.T) {
	rounds := []tableRound{{a: 7}, {a: math.NaN()}, {a: 1}, {a: math.Inf(1)}, {a: 2}}
	a := tableLayout.columns[0].value
	for want, c := range map[string]column[tableRound]{
		"2":    {value: a},
		"7.00": {value: a, decimals: 2, over: slices.Max[[]float64]},
		"10.0": {value: a, decimals: 1, over: sum},
		"–":    {value: func(tableRound) float64 { return math.NaN() }},
		"5":    {text: func(rounds []tableRound) string { return fmt.Sprint(len(rounds)) }},
	} {
		if got := c.cell(rounds); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAHeadHasTheUnit(t *testing.T) {
	for want, c := range map[string]column[tableRound]{
		"lost":         {name: "lost"},
		"p99, ms":      {name: "p99", unit: "ms"},
		"deliveries/s": {name: "deliveries", unit: "/s"},
	} {
		if got := c.head(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
