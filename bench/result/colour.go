package result

// Colour is a terminal colour (ECMA-48, SGR).
type Colour string

// The colours of a verdict.
const (
	Green  Colour = "\x1b[1;32m"
	Yellow Colour = "\x1b[1;33m"
	Red    Colour = "\x1b[1;31m"
)

// Paint returns text in a colour.
func Paint(c Colour, text string) string { return string(c) + text + "\x1b[0m" }
