package importing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// slackMessage is an element of a file of a day.
type slackMessage struct {
	Type     string `json:"type"`
	Subtype  string `json:"subtype"`
	User     string `json:"user"`
	Username string `json:"username"` // of a bot
	Text     string `json:"text"`
	TS       string `json:"ts"`
	ThreadTS string `json:"thread_ts"`
	Edited   struct {
		TS string `json:"ts"`
	} `json:"edited"`
	Reactions   json.RawMessage `json:"reactions"`
	Files       json.RawMessage `json:"files"`
	Attachments json.RawMessage `json:"attachments"`
}

type slackReaction struct {
	Name  string          `json:"name"`
	Users json.RawMessage `json:"users"`
}

type slackFile struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	URL   string `json:"url_private"`
}

type slackPin struct {
	ID      string `json:"id"` // ts of the message
	User    string `json:"user"`
	Created int64  `json:"created"`
}

// slackRoom is the channel that is read.
type slackRoom struct {
	*slack
	room    string
	threads map[string]bool // ts of the messages that begin threads
	pins    map[string]slackPin
}

// importedSubtypes are the kinds of messages that people wrote. All other subtypes tell of an event, such as channel_join.
var importedSubtypes = map[string]bool{
	"": true, "bot_message": true, "file_share": true, "me_message": true, "reply_broadcast": true, "thread_broadcast": true, "tombstone": true,
}

// readChannel converts the messages of a channel.
func (sl *slack) readChannel(ctx context.Context, list *slackList, c *slackChannel) error {
	dir := c.Name
	if dir == "" {
		dir = c.ID // of a direct message
	}
	room, ok := list.room(c)
	if !ok {
		sl.writer.report.skip("channel without a valid name")
		return nil
	}
	if c.Name != "" {
		if err := sl.roster(c, room); err != nil {
			return fmt.Errorf("%q: channel %q: members: %w", list.file, c.Name, err)
		}
	}
	days, err := sl.export.days(dir, sl.writer.report.skip)
	if errors.Is(err, fs.ErrNotExist) {
		sl.writer.report.skip("channel without a directory of messages")
		return nil
	}
	if err != nil {
		return err
	}
	sr := &slackRoom{slack: sl, room: room, threads: map[string]bool{}, pins: map[string]slackPin{}}
	if err := each(c.Pins, sr.pinned); err != nil {
		return fmt.Errorf("%q: channel %q: pins: %w", list.file, c.Name, err)
	}
	for _, day := range days {
		if err := readList(ctx, sl.export, day, sr.message); err != nil {
			return err
		}
	}
	return nil
}

// pinned notes a pin of the channel.
func (sr *slackRoom) pinned(p *slackPin) error {
	if len(sr.pins) < maxPins && len(p.ID) <= maxTS {
		sr.pins[p.ID] = *p
		return nil
	}
	sr.writer.report.skip(fmt.Sprintf("pin after the first %d of a channel", maxPins))
	return nil
}

// maxPins is the limit of the pinned messages of a channel.
const maxPins = 1000

// message converts a message.
func (sr *slackRoom) message(s *slackMessage) error {
	report := &sr.writer.report
	micro, valid := parseTS(s.TS)
	switch {
	case s.Type != "message":
		report.skip(fmt.Sprintf("element of type %q", cut(s.Type, 32)))
		return nil
	case !importedSubtypes[s.Subtype]:
		report.skip(fmt.Sprintf("message of subtype %q", cut(s.Subtype, 32)))
		return nil
	case !valid:
		report.skip("message without a valid time")
		return nil
	}
	m := &message{room: sr.room, id: s.TS, micro: micro, author: sr.author(s), deleted: s.Subtype == "tombstone"}
	m.text, m.mentions = sr.text(s.Text)
	m.edited, _ = parseTS(s.Edited.TS) // 0 if it is not valid: as if it was not edited
	if err := sr.addFiles(m, s); err != nil {
		return err
	}
	if err := sr.setThread(m, s); err != nil {
		return err
	}
	ok, err := sr.writer.message(m)
	if !ok || err != nil {
		return err
	}
	if s.ThreadTS == s.TS {
		sr.threads[s.TS] = true
	}
	return sr.changes(m, s)
}

// author returns the author of a message: a user, or a bot with a name.
func (sr *slackRoom) author(s *slackMessage) person {
	if s.User == "" {
		return person{name: cut(s.Username, maxName)}
	}
	return sr.people.of(s.User, &sr.writer.report)
}

// setThread sets the thread of a reply. Its first message may not be in the export.
func (sr *slackRoom) setThread(m *message, s *slackMessage) error {
	switch {
	case s.ThreadTS == "" || s.ThreadTS == s.TS:
	case sr.threads[s.ThreadTS]:
		m.thread = s.ThreadTS
	default:
		sr.writer.report.change("reply without the first message of its thread is a message")
	}
	if len(sr.threads) >= MaxThreads {
		return fmt.Errorf("the channel has more than %d threads", MaxThreads)
	}
	return nil
}

// changes adds the reactions and the pin of a message. Reactions of Slack have no time: they get that of the message.
func (sr *slackRoom) changes(m *message, s *slackMessage) error {
	err := each(s.Reactions, func(r *slackReaction) error {
		shown := emoji(r.Name)
		return each(r.Users, func(id *string) error {
			return sr.writer.reaction(m, sr.people.of(*id, &sr.writer.report), m.micro, shown)
		})
	})
	if err != nil {
		return fmt.Errorf("reactions: %w", err)
	}
	pin, ok := sr.pins[s.TS]
	if !ok {
		return nil
	}
	return sr.writer.pin(m, sr.people.of(pin.User, &sr.writer.report), milli(pin.Created*1000))
}

// addFiles adds the names of the files, and the text of attachments if the message has no other text.
func (sr *slackRoom) addFiles(m *message, s *slackMessage) error {
	err := each(s.Files, func(f *slackFile) error {
		name := f.Name
		if name == "" {
			name = f.Title
		}
		if f.URL != "" {
			name = strings.TrimSpace(name + " " + f.URL)
		}
		if name != "" && len(m.files) <= MaxFiles {
			m.files = append(m.files, cut(name, maxTopic))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	if m.text != "" {
		return nil
	}
	err = each(s.Attachments, func(a *struct{ Fallback, Text string }) error {
		text := a.Text
		if text == "" {
			text = a.Fallback
		}
		shown, _ := sr.text(text)
		m.text = strings.TrimSpace(m.text + "\n" + shown)
		return nil
	})
	if err != nil {
		return fmt.Errorf("attachments: %w", err)
	}
	return nil
}

// maxTS is the limit of the bytes of a ts.
const maxTS = 24

// parseTS returns the time of a ts, such as "1700000000.000100", in microseconds.
func parseTS(ts string) (micro int64, ok bool) {
	seconds, fraction, found := strings.Cut(ts, ".")
	if !found || len(ts) > maxTS || len(fraction) != 6 {
		return 0, false
	}
	s, err := strconv.ParseUint(seconds, 10, 33)
	if err != nil {
		return 0, false
	}
	f, err := strconv.ParseUint(fraction, 10, 32)
	if err != nil {
		return 0, false
	}
	return int64(s)*1e6 + int64(f), true
}
