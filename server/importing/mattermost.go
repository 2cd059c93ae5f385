package importing

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Mattermost converts a bulk export of Mattermost: JSON lines of version 1.
func Mattermost(ctx context.Context, in io.Reader, options Options, out io.Writer) (Report, error) {
	mm := newMattermost(options)
	defer mm.writer.close()
	if err := mm.read(ctx, in); err != nil {
		return mm.writer.report, err
	}
	mm.writer.report.Users = len(mm.people.known)
	return mm.writer.finish(ctx, out)
}

// mattermost reads a bulk export. Channels and users are before posts.
type mattermost struct {
	writer  *writer
	options Options
	people  *people
	rooms   map[string]string // by team, "/" and channel; empty: no valid name
	line    int
	version bool // the first line was read
}

func newMattermost(options Options) *mattermost {
	return &mattermost{writer: newWriter(), options: options, people: newPeople(options.Users), rooms: map[string]string{}}
}

// mattermostLine is a line of the export. One of its objects is present, with the name of its type.
type mattermostLine struct {
	Type          string             `json:"type"`
	Version       int                `json:"version"`
	Channel       *mattermostChannel `json:"channel"`
	User          *mattermostUser    `json:"user"`
	Bot           *mattermostUser    `json:"bot"`
	Post          *mattermostPost    `json:"post"`
	DirectChannel *mattermostDirect  `json:"direct_channel"`
	DirectPost    *mattermostPost    `json:"direct_post"`
}

type mattermostChannel struct {
	Team        string `json:"team"`
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Type        string `json:"type"` // O: public, P: private
	Header      string `json:"header"`
	Purpose     string `json:"purpose"`
	DeletedAt   int64  `json:"deleted_at"`
}

type mattermostUser struct {
	Username    string          `json:"username"`
	Email       string          `json:"email"`
	Nickname    string          `json:"nickname"`
	FirstName   string          `json:"first_name"`
	LastName    string          `json:"last_name"`
	DisplayName string          `json:"display_name"` // of a bot
	Teams       json.RawMessage `json:"teams"`
}

type mattermostDirect struct {
	Members      []string `json:"members"`
	Participants []struct {
		Username string `json:"username"`
	} `json:"participants"`
	Header string `json:"header"`
}

// read reads all lines.
func (mm *mattermost) read(ctx context.Context, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<16), MaxLine)
	for lines.Scan() {
		mm.line++
		if err := ctx.Err(); err != nil {
			return err
		}
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if err := mm.one(line); err != nil {
			return fmt.Errorf("line %d: %w", mm.line, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("line %d: has more than %d bytes", mm.line+1, MaxLine)
	case err != nil:
		return fmt.Errorf("after line %d: %w", mm.line, err)
	case !mm.version:
		return errors.New("is empty: a bulk export of Mattermost begins with a line of type version")
	}
	return nil
}

// one converts a line.
func (mm *mattermost) one(line []byte) error {
	var l mattermostLine
	if err := json.Unmarshal(line, &l); err != nil {
		return fmt.Errorf("is not a line of a bulk export of Mattermost: %w", err)
	}
	if !mm.version {
		return mm.begin(&l)
	}
	switch {
	case l.Type == "channel" && l.Channel != nil:
		return mm.channel(l.Channel)
	case l.Type == "user" && l.User != nil:
		return mm.user(l.User)
	case l.Type == "bot" && l.Bot != nil:
		return mm.user(l.Bot)
	case l.Type == "post" && l.Post != nil:
		return mm.roomPost(l.Post)
	case l.Type == "direct_post" && l.DirectPost != nil:
		return mm.directPost(l.DirectPost)
	case l.Type == "direct_channel" && l.DirectChannel != nil:
		return mm.directChannel(l.DirectChannel)
	case l.Type == "team" || l.Type == "version":
		return nil
	}
	mm.writer.report.skip(fmt.Sprintf("line of type %q", cut(l.Type, 32)))
	return nil
}

// begin checks the first line.
func (mm *mattermost) begin(l *mattermostLine) error {
	if l.Type != "version" || l.Version != 1 {
		return fmt.Errorf("has type %q and version %d: a bulk export of Mattermost begins with a line of type version, with version 1", cut(l.Type, 32), l.Version)
	}
	mm.version = true
	return nil
}

// channel gives a channel the name of its room.
func (mm *mattermost) channel(c *mattermostChannel) error {
	if len(mm.rooms) >= MaxRooms {
		return fmt.Errorf("the export has more than %d channels", MaxRooms)
	}
	prefix := mm.options.Public
	if c.Type != "O" { // P, or a type that is not known
		prefix = mm.options.Private
	}
	key := c.Team + "/" + c.Name
	room, ok := named(prefix, key)
	if !ok || c.Team == "" || c.Name == "" {
		mm.writer.report.skip("channel without a valid name")
		room = ""
	}
	mm.rooms[cut(key, 2*maxRoomName)] = room
	if room == "" {
		return nil
	}
	return mm.writer.info(room, c.DisplayName, firstOf(c.Header, c.Purpose))
}

// user adds a user or a bot.
func (mm *mattermost) user(u *mattermostUser) error {
	shown := u.DisplayName
	switch {
	case u.Nickname != "":
		shown = u.Nickname
	case u.FirstName+u.LastName != "":
		shown = strings.TrimSpace(u.FirstName + " " + u.LastName)
	}
	if err := mm.people.add(u.Username, u.Username, u.Username, u.Email, shown, &mm.writer.report); err != nil {
		return err
	}
	return mm.memberships(u)
}

// roomPost converts a post of a channel.
func (mm *mattermost) roomPost(p *mattermostPost) error {
	room, ok := mm.rooms[p.Team+"/"+p.Channel]
	if !ok || room == "" {
		return mm.skipPost(p, "post in a channel that the export does not have")
	}
	return mm.post(p, room)
}

// directPost converts a post of a direct room or of a group.
func (mm *mattermost) directPost(p *mattermostPost) error {
	_, users := mm.people.all(p.ChannelMembers, &mm.writer.report)
	room, ok := mm.options.direct(users)
	if !ok {
		return mm.skipPost(p, "direct post between users without valid names")
	}
	return mm.post(p, room)
}
