package importing

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
)

// person is the author of a message or of a change.
type person struct {
	user string // empty: the application, such as a bot
	name string // to show; empty: the user
}

// message is a message of a room, with what was done to it since.
type message struct {
	room      string
	id        string
	micro     int64 // time, in microseconds since 1970
	author    person
	text      string
	thread    string // ID of the message that begins the thread
	mentions  []string
	files     []string // names or addresses
	edited    int64    // time of the last edit, in microseconds; 0: none
	deleted   bool
	emojis    map[string]bool
	reactions int
}

// writer makes the lines of messages and of changes. Call close at the end.
type writer struct {
	sorter  *sorter
	report  Report
	members map[string]int // by room
}

func newWriter() *writer {
	return &writer{sorter: newSorter(), report: newReport(), members: map[string]int{}}
}

func (wr *writer) close() { wr.sorter.close() }

// Data of publications, as docs/chat.md specifies it.
type (
	messageData struct {
		ID       string       `json:"id"`
		Text     string       `json:"text"`
		Thread   string       `json:"thread,omitempty"`
		Mentions []string     `json:"mentions,omitempty"`
		Meta     *messageMeta `json:"meta,omitempty"`
	}
	messageMeta struct {
		Files []string `json:"files"`
	}
	deletedData struct {
		ID      string `json:"id"`
		Thread  string `json:"thread,omitempty"`
		Deleted bool   `json:"deleted"`
	}
	changeData struct {
		Type     string   `json:"type"`
		Of       string   `json:"of"`
		Text     string   `json:"text,omitempty"`
		Mentions []string `json:"mentions,omitempty"`
		Emoji    string   `json:"emoji,omitempty"`
		On       *bool    `json:"on,omitempty"`
	}
)

// lineFields are the members of a line after "offset" (docs/data.md).
type lineFields struct {
	Time     int64     `json:"time"`
	User     string    `json:"user,omitempty"`
	ConnInfo *connInfo `json:"conn_info,omitempty"`
	Data     any       `json:"data"`
	Change   bool      `json:"change,omitempty"`
	Notice   bool      `json:"notice,omitempty"` // the change counts as checked: a pin has no user who may pin
}

type connInfo struct {
	Name string `json:"name"`
}

// maxMicro is the end of the year 9999.
var maxMicro = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro()

// message adds a message and its edit. ok is false if it is skipped: the changes of a skipped message are skipped, too.
func (wr *writer) message(m *message) (ok bool, err error) {
	switch {
	case m.micro <= 0 || m.micro > maxMicro:
		wr.report.skip("message without a valid time")
		return false, nil
	case m.text == "" && len(m.files) == 0 && !m.deleted:
		wr.report.skip("message without text")
		return false, nil
	case len(m.text) > MaxText:
		wr.report.skip(fmt.Sprintf("message with more than %d bytes", MaxText))
		return false, nil
	}
	if len(m.mentions) > MaxMentions {
		m.mentions = m.mentions[:MaxMentions]
		wr.report.change(fmt.Sprintf("mentions after the first %d are left out", MaxMentions))
	}
	it := item{micro: m.micro, kind: m.kind(), room: m.room, message: m.id}
	if err := wr.add(it, lineFields{User: m.author.user, ConnInfo: infoOf(m.author), Data: wr.dataOf(m)}); err != nil {
		return false, err
	}
	if err := wr.listDirect(m.room); err != nil {
		return false, err
	}
	if m.edited == 0 || m.deleted {
		return true, nil
	}
	return true, wr.change(m, anEdit, m.author, m.edited, changeData{Type: "edit", Of: m.id, Text: m.shown(), Mentions: m.mentions})
}

// kind returns the kind of the line of the message.
func (m *message) kind() kind {
	switch {
	case m.deleted:
		return aDeleted
	case m.thread != "":
		return aReply
	}
	return aMessage
}

// dataOf returns the data of a message.
func (wr *writer) dataOf(m *message) any {
	if m.deleted {
		return deletedData{ID: m.id, Thread: m.thread, Deleted: true}
	}
	data := messageData{ID: m.id, Text: m.shown(), Thread: m.thread, Mentions: m.mentions}
	if len(m.files) > MaxFiles {
		m.files = m.files[:MaxFiles]
		wr.report.change(fmt.Sprintf("files after the first %d of a message are left out", MaxFiles))
	}
	if len(m.files) > 0 {
		wr.report.change("a message has the names of its files, not the files")
		data.Meta = &messageMeta{Files: m.files}
	}
	return data
}

// shown returns the text, or the names of the files if there is none.
func (m *message) shown() string {
	if m.text != "" {
		return m.text
	}
	var names []byte
	for i, file := range m.files {
		if i > 0 {
			names = append(names, '\n')
		}
		names = append(names, file...)
	}
	return string(names)
}

// reaction adds a reaction to a message that was added.
func (wr *writer) reaction(m *message, by person, micro int64, emoji string) error {
	switch {
	case m.deleted:
		wr.report.skip("reaction to a deleted message")
		return nil
	case by.user == "" || emoji == "":
		wr.report.skip("reaction without a user or an emoji")
		return nil
	case !m.emojis[emoji] && len(m.emojis) >= MaxEmojis:
		wr.report.skip(fmt.Sprintf("reaction to a message that has %d emojis", MaxEmojis))
		return nil
	case m.reactions >= MaxReactions:
		wr.report.skip(fmt.Sprintf("reaction to a message that has %d of them", MaxReactions))
		return nil
	}
	if m.emojis == nil {
		m.emojis = map[string]bool{}
	}
	m.emojis[emoji] = true
	m.reactions++
	return wr.change(m, aReaction, by, micro, changeData{Type: "reaction", Of: m.id, Emoji: emoji, On: new(true)})
}

// pin pins a message that was added.
func (wr *writer) pin(m *message, by person, micro int64) error {
	if m.deleted {
		wr.report.skip("pin of a deleted message")
		return nil
	}
	return wr.change(m, aPin, by, micro, changeData{Type: "pin", Of: m.id, On: new(true)})
}

// change adds a change of a message. It is not before its message.
func (wr *writer) change(m *message, k kind, by person, micro int64, data changeData) error {
	if micro > maxMicro {
		micro = m.micro
	}
	it := item{micro: max(micro, m.micro), kind: k, room: m.room}
	return wr.add(it, lineFields{User: by.user, ConnInfo: infoOf(by), Data: data, Change: true, Notice: true})
}

func infoOf(p person) *connInfo {
	if p.name == "" {
		return nil
	}
	return &connInfo{Name: p.name}
}

// add adds a line, with the time of its item.
func (wr *writer) add(it item, fields lineFields) error {
	fields.Time = it.micro / 1000
	encoded, err := encode(fields)
	if err != nil {
		return err
	}
	it.fields = encoded[1:]
	return wr.sorter.add(it)
}

// encode returns a value as JSON. It keeps <, > and &, which are frequent in messages.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// roomEnd is the end of a room in the order of time.
type roomEnd struct {
	offset  uint64
	message string // ID of its last message
	micro   int64  // of this message
}

// finish writes all lines, with their offsets. A message with the ID and the time of the message before it in its room is the same one.
func (wr *writer) finish(ctx context.Context, out io.Writer) (Report, error) {
	ends := map[string]*roomEnd{}
	var line []byte
	err := wr.sorter.merge(ctx, func(it *item) error {
		end := ends[it.room]
		if end == nil {
			end = &roomEnd{}
			ends[it.room] = end
		}
		if it.kind.isMessage() {
			if it.message == end.message && it.micro == end.micro {
				wr.report.skip("message that the export has twice")
				return nil
			}
			end.message, end.micro = it.message, it.micro
		}
		wr.report.imported(it.kind)
		var err error
		if line, err = it.line(line[:0], end); err != nil {
			return err
		}
		_, err = out.Write(line)
		return err
	})
	wr.report.Rooms = len(ends)
	return wr.report, err
}

// line appends the line of the item: a value, or a publication, which gets the next offset of its room.
func (it *item) line(b []byte, end *roomEnd) ([]byte, error) {
	room, err := encode(it.room)
	if err != nil {
		return nil, err
	}
	if it.kind.isValue() {
		key, err := encode(it.message)
		if err != nil {
			return nil, err
		}
		b = append(append(b, `{"kind":"value","room":`...), room...)
		b = append(append(b, `,"key":`...), key...)
	} else {
		end.offset++
		b = append(append(b, `{"room":`...), room...)
		b = strconv.AppendUint(append(b, `,"offset":`...), end.offset, 10)
	}
	return append(append(append(b, ','), it.fields...), '\n'), nil
}
