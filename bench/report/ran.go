package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/throng-chat/throng/bench/result"
)

// whatRan is the section with everything that is needed to repeat the run.
func whatRan(r *result.Result) (section, error) {
	a, e := &r.Plan, &r.Env
	s := section{ID: "run", Title: "What was run", Code: none, Text: r.Notes}
	if len(r.Args) > 0 {
		s.Code = command(r.Args)
	}
	plan := table{Caption: "Plan", Head: []string{"", ""}, Words: true}
	plan.add("scenario", or(a.Scenario, none))
	plan.add("connections", result.Thousands(a.Connections))
	if a.Ramp > 0 {
		plan.add("ramp", result.Thousands(int(a.Ramp))+" connections/s")
	}
	plan.add("rooms", fmt.Sprintf("%s, the largest of %s", result.Thousands(a.Rooms), result.Thousands(a.Largest)))
	switch {
	case a.Closed > 0:
		plan.add("messages", fmt.Sprintf("closed loop, %s in flight: latency is their number divided by the rate",
			result.Thousands(a.Closed)))
	case a.Poisson:
		plan.add("messages", rate(a.Rate)+", at random times (Poisson)")
	default:
		plan.add("messages", rate(a.Rate)+", at a steady rate")
	}
	plan.add("size of a message", result.Size(int64(a.Size)))
	plan.add("publishers", result.Thousands(a.Publishers))
	plan.add("leave and return per minute", fmt.Sprintf("%.3g %%", 100*a.Churn))
	how := "as configured"
	if a.WarmupAuto {
		how = "found by MSER-5"
	}
	plan.add("warm-up", fmt.Sprintf("%v, %s", a.Warmup.Round(time.Millisecond), how))
	plan.add("measured", a.Duration.Round(time.Millisecond).String())
	plan.add("seed of the random choices", strconv.FormatUint(a.Seed, 10))
	plan.add("source addresses per agent", strconv.Itoa(a.Sources))

	target := table{Caption: "Server", Head: []string{"", ""}, Words: true}
	target.add("URL", or(r.Target.URL, none))
	target.add("protocol", or(r.Target.Protocol, none))
	if r.Target.TLS != "" {
		target.add("TLS", r.Target.TLS)
	}
	target.add("process", count(r.Target.PID))
	target.add("command", or(r.Target.Command, none))

	where := table{Caption: "Client", Head: []string{"", ""}, Words: true}
	where.add("began", started(r))
	where.add("tool", or(r.Tool, none))
	where.add("processor", or(e.CPU, none))
	where.add("available cores", strconv.Itoa(e.Cores))
	where.add("cores of the machine", count(e.Machine))
	where.add("kernel", or(e.Kernel, none))
	where.add("Go", or(e.Go, none))
	where.add("open-file limit", result.Thousands(e.OpenFiles))
	s.Tables = []table{plan, target, where}
	return s, nil
}

// command returns the command line with shell quoting.
func command(args []string) string {
	text := "throng"
	for _, a := range args {
		if a == "" || strings.ContainsFunc(a, func(c rune) bool {
			return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:=,@%+", c))
		}) {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		text += " " + a
	}
	return text
}

func started(r *result.Result) string {
	if r.Started.IsZero() {
		return none
	}
	return r.Started.UTC().Format("2 January 2006, 15:04:05 UTC")
}
