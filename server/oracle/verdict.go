package oracle

import (
	"fmt"
	"io"
)

// Kind is the kind of a finding: see the package documentation.
type Kind string

// The kinds of findings, in the order in which a verdict lists them.
const (
	Lost     Kind = "lost"
	Moved    Kind = "moved"
	Foreign  Kind = "foreign"
	Gap      Kind = "gap"
	Reused   Kind = "reused"
	Twice    Kind = "twice"
	Order    Kind = "order"
	Unstored Kind = "unstored"
	Differs  Kind = "differs"
	Missed   Kind = "missed"
	Repeated Kind = "repeated"
)

// Kinds are all kinds of findings.
var Kinds = []Kind{Lost, Moved, Foreign, Gap, Reused, Twice, Order, Unstored, Differs, Missed, Repeated}

// maxExamples is the number of examples of each kind in a verdict.
const maxExamples = 5

// Verdict is the result of a run.
type Verdict struct {
	Stored, Acks, Heard, Subscriptions, Complete int
	Findings                                     map[Kind]int
	Examples                                     map[Kind][]string
}

// OK reports whether all promises were kept.
func (v *Verdict) OK() bool { return len(v.Findings) == 0 }

// Empty returns why there was nothing to judge; an empty text if there was something. A run without acknowledgements proves nothing.
func (v *Verdict) Empty() string {
	switch {
	case v.Stored == 0:
		return "the log has no publication"
	case v.Acks == 0:
		return "no publication was acknowledged"
	case v.Heard == 0:
		return "no subscriber received a publication"
	case v.Complete == 0:
		return "no subscriber was connected at the end"
	}
	return ""
}

func (v *Verdict) found(kind Kind, format string, args ...any) {
	v.Findings[kind]++
	if len(v.Examples[kind]) < maxExamples {
		v.Examples[kind] = append(v.Examples[kind], fmt.Sprintf(format, args...))
	}
}

// WriteText writes the verdict: one line of totals, then the findings with their examples.
func (v *Verdict) WriteText(out io.Writer) error {
	_, err := fmt.Fprintf(out, "%d stored, %d acknowledged, %d received by %d subscriptions, %d of them complete\n", v.Stored, v.Acks, v.Heard, v.Subscriptions, v.Complete)
	for _, kind := range Kinds {
		if err == nil && v.Findings[kind] > 0 {
			_, err = fmt.Fprintf(out, "%s: %d\n", kind, v.Findings[kind])
		}
		for _, example := range v.Examples[kind] {
			if err == nil {
				_, err = fmt.Fprintf(out, "  %s\n", example)
			}
		}
	}
	return err
}
