package doctor

import (
	"fmt"
	"strings"
)

// Grade is what a check comes to.
type Grade string

// Check is one thing that was looked at.
type Check struct {
	Name  string   `json:"name"`
	Grade Grade    `json:"grade"`
	Have  string   `json:"have"`
	Want  string   `json:"want,omitempty"`
	Why   string   `json:"why,omitempty"` // what happens otherwise; of a check that is not OK
	Fix   []string `json:"fix,omitempty"` // commands
}

// setting is one of the kernel's, by its path below /proc/sys.
type setting struct{ path, value string }

func (s setting) line(quoted bool) string {
	name := strings.ReplaceAll(s.path, "/", ".")
	if quoted && strings.Contains(s.value, " ") {
		return fmt.Sprintf("%s=%q", name, s.value)
	}
	return name + "=" + s.value
}

// lost is a check of what could not be read.
func lost(name, file string) (Check, []setting) {
	return Check{Name: name, Grade: Unknown, Have: "?", Why: "/" + file + " cannot be read"}, nil
}

// The grades, the gravest first.
const (
	Stop    Grade = "STOP" // it will not go
	Warn    Grade = "WARN" // it will go worse, or not for everybody
	Unknown Grade = "?"    // it could not be seen
	OK      Grade = "OK"
)
