package doctor

import (
	"fmt"
	"strings"
)

// Grade is the result of a check.
type Grade string

// Check is one property of the machine.
type Check struct {
	Name  string   `json:"name"`
	Grade Grade    `json:"grade"`
	Have  string   `json:"have"`
	Want  string   `json:"want,omitempty"`
	Why   string   `json:"why,omitempty"` // the effect, unless the grade is OK
	Fix   []string `json:"fix,omitempty"` // commands
}

// setting is a kernel setting: its path below /proc/sys, and its value.
type setting struct{ path, value string }

func (s setting) line(quoted bool) string {
	name := strings.ReplaceAll(s.path, "/", ".")
	if quoted && strings.Contains(s.value, " ") {
		return fmt.Sprintf("%s=%q", name, s.value)
	}
	return name + "=" + s.value
}

// lost returns a check with the grade Unknown, for a file that cannot be read.
func lost(name, file string) (Check, []setting) {
	return Check{Name: name, Grade: Unknown, Have: "?", Why: "/" + file + " cannot be read"}, nil
}

// The grades, the most severe first.
const (
	Stop    Grade = "STOP" // the connections will not fit
	Warn    Grade = "WARN" // slower, or sufficient for a part only
	Unknown Grade = "?"    // cannot be read
	OK      Grade = "OK"
)
