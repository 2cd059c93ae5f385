package importing

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Report counts what an export had. Skipped and Changed have a number for each reason.
type Report struct {
	Users     int // of the export
	Rooms     int // with messages, members or a title
	Members   int // of these rooms
	Messages  int // replies included
	Replies   int // messages of a thread
	Edits     int
	Deleted   int // messages of which only the place is left, because they have replies
	Reactions int
	Pins      int
	Skipped   map[string]int
	Changed   map[string]int // imported, but not as they were
}

// kind is the kind of a line.
type kind byte

const (
	aMessage kind = iota
	aReply
	aDeleted
	anEdit
	aReaction
	aPin
	anInfo
	aMember
)

// imported counts a line. Replies and deleted messages are messages, too.
func (re *Report) imported(k kind) {
	switch k {
	case aReply:
		re.Replies++
	case aDeleted:
		re.Deleted++
	case anEdit:
		re.Edits++
	case aReaction:
		re.Reactions++
	case aPin:
		re.Pins++
	case aMember:
		re.Members++
	}
	if k.isMessage() {
		re.Messages++
	}
}

func (k kind) isMessage() bool { return k <= aDeleted }
func (k kind) isValue() bool   { return k >= anInfo }

func newReport() Report { return Report{Skipped: map[string]int{}, Changed: map[string]int{}} }

// skip counts something that is not imported. A reason may have a word of the export.
func (re *Report) skip(reason string) { count(re.Skipped, reason) }

// change counts something that is imported with a difference.
func (re *Report) change(reason string) { count(re.Changed, reason) }

// count adds one to a reason. Reasons over maxReasons are counted together.
func count(reasons map[string]int, reason string) {
	if _, ok := reasons[reason]; !ok && len(reasons) >= maxReasons {
		reason = "other reasons"
	}
	reasons[reason]++
}

// String returns the report for a person, one line for each reason.
func (re *Report) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "converted %d rooms, %d members, %d messages (%d of them replies, %d deleted), %d edits, %d reactions, %d pins; the export has %d users\n",
		re.Rooms, re.Members, re.Messages, re.Replies, re.Deleted, re.Edits, re.Reactions, re.Pins, re.Users)
	for _, part := range []struct {
		word    string
		reasons map[string]int
	}{{"changed", re.Changed}, {"skipped", re.Skipped}} {
		for _, reason := range slices.Sorted(maps.Keys(part.reasons)) {
			fmt.Fprintf(&text, "%s: %d × %s\n", part.word, part.reasons[reason], reason)
		}
	}
	return text.String()
}
