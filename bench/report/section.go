package report

import "github.com/throng-chat/throng/bench/result"

// kind selects a style by its class in style.css.
type kind string

// section is a part of the page with its own title. Empty fields are not shown.
type section struct {
	ID, Title string
	Text      []string
	Code      string // a command to type
	Tables    []table
	Plots     []*plot
	Folded    *table // folded until it is clicked
}

// table has a row of names, and rows that begin with a name.
type table struct {
	Caption string
	Head    []string
	Rows    []row
	Words   bool // the cells are texts instead of numbers
}

type row struct {
	Cells []string
	Kind  kind
}

func (t *table) add(cells ...string) { t.Rows = append(t.Rows, row{Cells: cells}) }

// mark sets the kind of the last row.
func (t *table) mark(k kind) { t.Rows[len(t.Rows)-1].Kind = k }

// percentiles returns a table of distributions.
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
