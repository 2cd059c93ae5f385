package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/throng-chat/throng/bench/stats"
)

// layout has the columns of a table. R is a struct with the figures of one round.
type layout[R any] struct {
	rows    string // head of the first column, which has the names of the rows
	columns []column[R]
}

// column is one figure of a table. A cell is the median of value over the rounds of its row.
type column[R any] struct {
	name     string
	unit     string // "ms", "B", "/s"; "" for a count, a ratio or a text
	decimals int
	value    func(R) float64         // of one round; NaN or infinite if not measured
	over     func([]float64) float64 // instead of the median
	text     func(rounds []R) string // the whole cell, instead of value
}

// row has the measurements of one server or case.
type row[R any] struct {
	name   string
	rounds []R
}

func (c column[R]) head() string {
	switch {
	case c.unit == "":
		return c.name
	case strings.HasPrefix(c.unit, "/"):
		return c.name + c.unit
	}
	return c.name + ", " + c.unit
}

// cell returns the text of a cell: a dash if no round measured the figure.
func (c column[R]) cell(rounds []R) string {
	if c.text != nil {
		return c.text(rounds)
	}
	var values []float64
	for _, r := range rounds {
		if v := c.value(r); !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return "–"
	}
	over := c.over
	if over == nil {
		over = stats.Median
	}
	return fmt.Sprintf("%.*f", c.decimals, over(values))
}

// markdown returns the table with a line for each row.
func (l layout[R]) markdown(rows []row[R]) string { return markdown(l.cells(rows)) }

// turned returns the table with a line for each column, for few rows of many figures.
func (l layout[R]) turned(rows []row[R]) string {
	lines := l.cells(rows)
	turned := make([][]string, len(lines[0]))
	for i := range turned {
		for _, line := range lines {
			turned[i] = append(turned[i], line[i])
		}
	}
	return markdown(turned)
}

// cells returns the heads and the cells of all rows.
func (l layout[R]) cells(rows []row[R]) [][]string {
	heads := []string{l.rows}
	for _, c := range l.columns {
		heads = append(heads, c.head())
	}
	lines := [][]string{heads}
	for _, r := range rows {
		line := []string{r.name}
		for _, c := range l.columns {
			line = append(line, c.cell(r.rounds))
		}
		lines = append(lines, line)
	}
	return lines
}

// markdown returns a Markdown table of the lines, the heads first.
func markdown(lines [][]string) string {
	var text strings.Builder
	for i, cells := range lines {
		text.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		if i == 0 {
			text.WriteString(strings.Repeat("|---", len(cells)) + "|\n")
		}
	}
	return text.String()
}

// sum returns the sum of the values.
func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}
