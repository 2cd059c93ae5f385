package result

import (
	"fmt"
	"strings"
	"time"
)

// Step is one step of a ladder, or one trial of a search.
type Step struct {
	Connections int           `json:"connections"`
	Rate        float64       `json:"rate"`
	Verdict     Verdict       `json:"verdict"`
	Achieved    float64       `json:"achieved_per_s"`
	PerS        float64       `json:"deliveries_per_s"`
	Latency     *Distribution `json:"latency"`
	Lost        int           `json:"lost"`
	ServerCores float64       `json:"server_cores"`
	PerDelivery float64       `json:"cpu_ns_per_delivery"`
	PSS         int64         `json:"pss"`
	Pass        bool          `json:"pass"`
	Why         string        `json:"why,omitempty"`   // why it did not pass
	Floor       *Floor        `json:"floor,omitempty"` // of the last step that held, if measured
}

// Found is the result of a search: the highest rate that held, and the lowest one that failed.
type Found struct {
	Holds     float64       `json:"holds"`          // 0: none held
	Fails     float64       `json:"fails"`          // 0: none failed
	Limited   bool          `json:"client_limited"` // at Fails the client was the bottleneck
	Limit     time.Duration `json:"limit_ns"`
	Confirmed int           `json:"confirmed"` // number of successful repetitions at Holds, of Confirms
	Confirms  int           `json:"confirms"`
}

// FloorText returns the cost of the step as a multiple of the kernel's floor.
func (s *Step) FloorText() string {
	var ratios []string
	for _, f := range []struct {
		of    string
		ratio float64
	}{{of: "delivery", ratio: s.Floor.DeliveryRatio}, {of: "upgrade", ratio: s.Floor.UpgradeRatio}} {
		switch {
		case f.ratio >= 1:
			ratios = append(ratios, fmt.Sprintf("%s %.2f ×", f.of, f.ratio))
		case f.ratio > 0:
			ratios = append(ratios, fmt.Sprintf("%s %.2f × (at the floor, within noise)", f.of, f.ratio))
		}
	}
	return perSecond(s.Rate) + " to " + Number(s.Connections, "connection") + ": multiples of the kernel's floor: " + strings.Join(ratios, ", ")
}

// Text returns the result of the search as one line.
func (fd *Found) Text() string {
	const limit = "the client was the bottleneck"
	switch {
	case fd.Holds == 0 && fd.Limited:
		return fmt.Sprintf("no rate held: at %s %s", perSecond(fd.Fails), limit)
	case fd.Limited:
		return fmt.Sprintf("holds %s; at %s %s · p99 below %s · confirmed %d of %d times", perSecond(fd.Holds), Thousands(int(fd.Fails)),
			limit, Duration(fd.Limit), fd.Confirmed, fd.Confirms)
	case fd.Holds == 0:
		return fmt.Sprintf("no rate held: %s failed", perSecond(fd.Fails))
	case fd.Fails == 0:
		return fmt.Sprintf("holds %s; none failed up to the bound", perSecond(fd.Holds))
	default:
		return fmt.Sprintf("holds %s, fails %s · p99 below %s · confirmed %d of %d times", perSecond(fd.Holds),
			Thousands(int(fd.Fails)), Duration(fd.Limit), fd.Confirmed, fd.Confirms)
	}
}
