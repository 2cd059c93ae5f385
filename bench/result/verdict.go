package result

// The words of a verdict, the gravest first.
const (
	None     = "NO VERDICT" // it did not come to a measurement
	Broken   = "DELIVERY BROKEN"
	Gaps     = "GAPS TOLD" // clients that came back missed something, and were told: the room keeps too little
	Limited  = "CLIENT-LIMITED"
	Unsteady = "NOT STEADY"
	Valid    = "VALID"
)

// Verdict says whether the figures may be believed.
type Verdict struct {
	OK   bool     `json:"ok"`   // Code is VALID and every threshold holds
	Code string   `json:"code"` // one of the words above
	Why  []string `json:"why"`
}

// Threshold is one --fail: a bound on a metric.
type Threshold struct {
	Expr  string   `json:"expr"`
	Value *float64 `json:"value"` // nil where not measured in this run
	OK    bool     `json:"ok"`    // true: the bound holds
}
