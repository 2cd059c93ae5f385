package importing

import (
	"encoding/json"
	"fmt"
	"strings"
)

// mattermostPost is a post, a direct post, or a reply. The lists stay encoded: they are read one element at a time.
type mattermostPost struct {
	Team           string          `json:"team"`
	Channel        string          `json:"channel"`
	ChannelMembers []string        `json:"channel_members"` // of a direct post
	User           string          `json:"user"`
	Type           string          `json:"type"`
	Message        string          `json:"message"`
	CreateAt       int64           `json:"create_at"` // ms
	EditAt         int64           `json:"edit_at"`
	Pinned         bool            `json:"is_pinned"`
	Reactions      json.RawMessage `json:"reactions"`
	Replies        json.RawMessage `json:"replies"`
	Attachments    json.RawMessage `json:"attachments"`
}

type mattermostReaction struct {
	User      string `json:"user"`
	EmojiName string `json:"emoji_name"`
	CreateAt  int64  `json:"create_at"`
}

// skipPost counts a post that is skipped, with its replies.
func (mm *mattermost) skipPost(p *mattermostPost, reason string) error {
	mm.writer.report.skip(reason)
	return each(p.Replies, func(*mattermostPost) error {
		mm.writer.report.skip("reply to a post that is skipped")
		return nil
	})
}

// post converts a post and its replies.
func (mm *mattermost) post(p *mattermostPost, room string) error {
	id := fmt.Sprint("m", mm.line)
	root := mm.messageOf(p, room, id)
	ok, err := mm.message(p, root)
	if err != nil {
		return err
	}
	replies := 0
	return each(p.Replies, func(r *mattermostPost) error {
		replies++
		m := mm.messageOf(r, room, fmt.Sprintf("%s.%d", id, replies))
		if m.thread = id; !ok {
			m.thread = ""
			mm.writer.report.change("reply to a post that is skipped is a message")
		}
		m.micro = max(m.micro, root.micro)
		_, err := mm.message(r, m)
		return err
	})
}

// messageOf returns the message of a post.
func (mm *mattermost) messageOf(p *mattermostPost, room, id string) *message {
	return &message{
		room: room, id: id, micro: milli(p.CreateAt), author: mm.people.of(p.User, &mm.writer.report), text: p.Message,
		mentions: mm.mentions(p.Message), edited: milli(p.EditAt),
	}
}

// message adds a message of a post, with its reactions.
func (mm *mattermost) message(p *mattermostPost, m *message) (ok bool, err error) {
	if p.Type != "" && p.Type != "me" {
		mm.writer.report.skip(fmt.Sprintf("post of type %q", cut(p.Type, 32)))
		return false, nil
	}
	if err := each(p.Attachments, func(a *struct{ Path string }) error {
		if len(m.files) <= MaxFiles && a.Path != "" {
			m.files = append(m.files, cut(a.Path, maxName))
		}
		return nil
	}); err != nil {
		return false, fmt.Errorf("attachments: %w", err)
	}
	if ok, err := mm.writer.message(m); !ok || err != nil {
		return ok, err
	}
	if err := each(p.Reactions, func(r *mattermostReaction) error {
		return mm.writer.reaction(m, mm.people.of(r.User, &mm.writer.report), milli(r.CreateAt), emoji(r.EmojiName))
	}); err != nil {
		return false, fmt.Errorf("reactions: %w", err)
	}
	if p.Pinned {
		return true, mm.writer.pin(m, person{}, m.micro)
	}
	return true, nil
}

// mentions returns the users that a text mentions: @ and the name of a known user.
func (mm *mattermost) mentions(text string) (users []string) {
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "@")
		if !found {
			return users
		}
		rest = after
		end := strings.IndexFunc(after, func(r rune) bool { return !isNameRune(r) })
		if end < 0 {
			end = len(after)
		}
		for word := strings.ToLower(cut(after[:end], maxName)); word != ""; {
			if word == "here" || word == "channel" || word == "all" {
				users = mentioned(users, here)
				break
			}
			if p, ok := mm.people.known[word]; ok {
				users = mentioned(users, p.user)
				break
			}
			shorter := strings.TrimRight(word, ".-_")
			if shorter == word {
				break
			}
			word = shorter
		}
	}
}

// isNameRune reports whether a name of Mattermost may have the character.
func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_", r)
}
