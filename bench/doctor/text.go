package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/throng-chat/throng/bench/result"
)

// WriteText writes r as text: the verdict, then the checks with their fixes. Set colour for a terminal.
func (r *Report) WriteText(w io.Writer, colour bool) error {
	var b strings.Builder
	paint := func(g Grade, text string) string {
		if !colour {
			return text
		}
		return result.Paint(map[Grade]result.Colour{Stop: result.Red, Warn: result.Yellow, Unknown: result.Yellow, OK: result.Green}[g], text)
	}
	switch stops, warns := r.count(Stop), r.count(Warn); {
	case stops > 0:
		fmt.Fprintf(&b, "%s: %s will not fit on this machine: %s\n", paint(Stop, string(Stop)), result.Number(r.Connections, "connection"), result.Number(stops, "problem"))
	case warns > 0:
		fmt.Fprintf(&b, "%s: this machine can hold %s; %s\n", paint(Warn, string(OK)), result.Number(r.Connections, "connection"), result.Number(warns, "warning"))
	default:
		fmt.Fprintf(&b, "%s: this machine can hold %s\n", paint(OK, string(OK)), result.Number(r.Connections, "connection"))
	}
	if s := r.Server; s != nil {
		fmt.Fprintf(&b, "%s: %s\n", paint(s.Grade, string(s.Grade)), s.text())
	}
	fmt.Fprintf(&b, "%-6s%-34s%14s%14s\n", "", "", "have", "need")
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "%s%-34s%14s%14s\n", paint(c.Grade, fmt.Sprintf("%-6s", c.Grade)), c.Name, c.Have, c.Want)
		if c.Why != "" {
			fmt.Fprintf(&b, "      %s\n", c.Why)
		}
		for _, fix := range c.Fix {
			fmt.Fprintf(&b, "      fix: %s\n", fix)
		}
	}
	if len(r.Keep) > 0 {
		b.WriteString("To keep the sysctl settings after a restart, write to /etc/sysctl.d/90-throng.conf:\n")
		for _, l := range r.Keep {
			fmt.Fprintf(&b, "      %s\n", l)
		}
	}
	_, err := io.WriteString(w, strings.ReplaceAll(b.String(), " \n", "\n"))
	return err
}
