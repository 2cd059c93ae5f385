package result

// The verdicts, the most severe first.
const (
	None     = "NO VERDICT" // there is no measurement
	Broken   = "DELIVERY BROKEN"
	Gaps     = "GAPS TOLD" // the server reported gaps to clients that returned: the room's history is too small
	Limited  = "CLIENT-LIMITED"
	Unsteady = "NOT STEADY"
	Valid    = "VALID"
)

// Verdict is the verdict on the run, and on its bounds.
type Verdict struct {
	OK   bool     `json:"ok"`   // Code is VALID and every threshold holds
	Code string   `json:"code"` // one of the constants above
	Why  []string `json:"why"`
}

// Threshold is the result of one --fail.
type Threshold struct {
	Expr  string   `json:"expr"`
	Value *float64 `json:"value"` // nil if not measured in this run
	OK    bool     `json:"ok"`    // the bound holds
}
