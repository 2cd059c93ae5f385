package doctor

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/tlsclient"
)

// Server is the check of a server with TLS.
type Server struct {
	URL   string `json:"url"`
	Grade Grade  `json:"grade"`
	tlsclient.Seen
	Why string `json:"why,omitempty"` // the fault and its fix, unless the grade is OK
}

// expiresSoon is the time before the end of a certificate from which it is a warning. throng serve warns at the same time.
const expiresSoon = 14 * 24 * time.Hour

// Visit makes one connection to the server at address, with its TLS, and adds the result to r. It ends with ctx.
func (r *Report) Visit(ctx context.Context, url, address string, client *tlsclient.Client) {
	s := &Server{URL: url, Grade: OK}
	r.Server = s
	var dialer net.Dialer
	nc, err := dialer.DialContext(ctx, "tcp", address)
	if err == nil {
		s.Seen, err = client.Probe(ctx, nc)
		_ = nc.Close() // whatever its end is, the check has its answer
	}
	left := time.Until(s.Expires)
	switch {
	case err != nil:
		s.Grade, s.Why, r.OK = Stop, err.Error(), false
	case left < 0: // with --insecure
		s.Grade, s.Why = Warn, "its certificate has expired: renew it"
	case left < expiresSoon:
		s.Grade, s.Why = Warn, fmt.Sprintf("its certificate expires in %.1f days: renew it", left.Hours()/24)
	}
}

// mostText is the length of the line, in bytes.
const mostText = 1000

// text returns the check as a line, without its grade.
func (se *Server) text() string {
	text := se.URL + ": "
	if se.Grade == Stop {
		return result.PrintableLine(text+se.Why, mostText)
	}
	text += fmt.Sprintf("%s; certificate for %s until %s", se.Agreed, se.Names, se.Expires.UTC().Format(time.DateTime))
	if se.Why != "" {
		text += "; " + se.Why
	}
	return result.PrintableLine(text, mostText)
}
