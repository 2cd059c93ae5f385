package importing

import "strings"

// unescape replaces the entities of Slack. It escapes these three characters only.
var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// text returns the text of a message as people read it, and the users that it mentions. Slack marks references: <@USER>, <#CHANNEL|name>,
// <!here>, <URL|label>.
func (sl *slack) text(marked string) (text string, mentions []string) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(marked, "<")
		b.WriteString(unescape.Replace(before))
		if !found {
			return b.String(), mentions
		}
		reference, after, closed := strings.Cut(rest, ">")
		if !closed { // Slack escapes a "<" of the text
			b.WriteString("<" + unescape.Replace(rest))
			return b.String(), mentions
		}
		shown, user := sl.reference(reference)
		b.WriteString(unescape.Replace(shown))
		mentions = mentioned(mentions, user)
		marked = after
	}
}

// reference returns the text of a reference, and the user that it mentions.
func (sl *slack) reference(marked string) (shown, user string) {
	target, label, labeled := strings.Cut(marked, "|")
	switch {
	case strings.HasPrefix(target, "@"):
		p, known := sl.people.known[target[1:]]
		if !known {
			return "@" + firstOf(label, target[1:]), ""
		}
		return "@" + p.user, p.user
	case strings.HasPrefix(target, "#"):
		return "#" + firstOf(label, sl.channels[target[1:]], target[1:]), ""
	case target == "!here" || target == "!channel" || target == "!everyone":
		return "@" + target[1:], here
	case strings.HasPrefix(target, "!"): // a group of users, a date: the label is the text
		return firstOf(label, target), ""
	case labeled && label != target && label != "":
		return label + " (" + target + ")", ""
	}
	return target, ""
}
