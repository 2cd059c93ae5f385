package report

import "github.com/throng-chat/throng/bench/result"

// kind is how something is to look, by its class in style.css.
type kind string

// section is a part of the page under its own title. What is empty is left out.
type section struct {
	ID, Title string
	Text      []string
	Code      string // to be typed
	Tables    []table
	Plots     []*plot
	Folded    *table // shown when asked for
}

// table has a row of names, and rows that begin with a name.
type table struct {
	Caption string
	Head    []string
	Rows    []row
	Words   bool // the cells are words, not figures
}

type row struct {
	Cells []string
	Kind  kind
}

func (t *table) add(cells ...string) { t.Rows = append(t.Rows, row{Cells: cells}) }

// mark gives the last row its kind.
func (t *table) mark(k kind) { t.Rows[len(t.Rows)-1].Kind = k }

// percentiles is a table of distributions.
func percentiles(caption string, all []result.Timed) table {
	t := table{Caption: caption, Head: []string{"", "p50", "p90", "p99", "p99.9", "max"}}
	for _, d := range all {
		t.add(append([]string{d.What}, d.Figures()...)...)
	}
	return t
}

const (
	good     kind = "good"
	doubtful kind = "doubtful"
	bad      kind = "bad"
)
