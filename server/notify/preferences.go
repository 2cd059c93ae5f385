package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/webpush"
)

// Limits of the preferences of one user.
const (
	MaxMutes         = 200
	MaxSubscriptions = 5        // of Web Push: one for each browser. A further one replaces the oldest
	maxPreferences   = 16 << 10 // bytes of the stored form
)

// Preferences is what a user has set about notifications. It is immutable: a change makes a new one. The zero value is that of a user that has
// set nothing.
type Preferences struct {
	Mutes map[string]int64       `json:"mutes,omitempty"` // by room: until when, in Unix seconds; 0 for ever
	DND   DoNotDisturb           `json:"dnd,omitzero"`
	Push  []webpush.Subscription `json:"push,omitempty"` // the oldest first
}

// DoNotDisturb is when a user gets no notification.
type DoNotDisturb struct {
	On     bool   `json:"on,omitempty"`
	Until  int64  `json:"until,omitempty"`  // of On, in Unix seconds; 0 for ever
	From   string `json:"from,omitempty"`   // daily, local time as "22:00"
	To     string `json:"to,omitempty"`     // the same; may be before From: over midnight
	Offset int    `json:"offset,omitempty"` // of local time, in minutes east of UTC
}

// LimitError is the error of a change that exceeds a limit. Other errors are about invalid values.
type LimitError struct{ text string }

// Error returns what exceeds which limit.
func (l *LimitError) Error() string { return l.text }

func limitError(text string, args ...any) error { return &LimitError{fmt.Sprintf(text, args...)} }

// nothing are the preferences of users that have set nothing.
var nothing = &Preferences{}

// ParsePreferences reads the stored form. No form, or a damaged one, is that of a user that has set nothing.
func ParsePreferences(b []byte) *Preferences {
	if len(b) == 0 {
		return nothing
	}
	p := &Preferences{}
	if json.Unmarshal(b, p) != nil {
		return nothing
	}
	return p
}

// Encode returns the stored form; nil if the user has set nothing.
func (p *Preferences) Encode() ([]byte, error) {
	if len(p.Mutes) == 0 && p.DND == (DoNotDisturb{}) && len(p.Push) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(p)
	if err == nil && len(b) > maxPreferences {
		err = limitError("mutes and browsers of a user: %d bytes: at most %d are allowed: remove some", len(b), maxPreferences)
	}
	return b, err
}

// hasBrowser reports whether there is a subscription with an endpoint.
func (p *Preferences) hasBrowser(endpoint string) bool {
	return slices.ContainsFunc(p.Push, func(s webpush.Subscription) bool { return s.Endpoint == endpoint })
}

// Muted reports whether a room is muted.
func (p *Preferences) Muted(room string, now time.Time) bool {
	until, muted := p.Mutes[room]
	return muted && (until == 0 || now.Unix() < until)
}

// Mute returns preferences with a room muted until a time, in Unix seconds; 0 for ever. Mutes that have ended are removed.
func (p *Preferences) Mute(room string, until int64, now time.Time) (*Preferences, error) {
	if until != 0 && until <= now.Unix() {
		return nil, errors.New("until: must be a time to come, in Unix seconds")
	}
	changed := *p
	changed.Mutes = maps.Clone(p.Mutes)
	maps.DeleteFunc(changed.Mutes, func(_ string, until int64) bool { return until != 0 && until <= now.Unix() })
	if changed.Mutes == nil {
		changed.Mutes = map[string]int64{}
	}
	changed.Mutes[room] = until
	if len(changed.Mutes) > MaxMutes {
		return nil, limitError("%d rooms are muted: at most %d are allowed", len(changed.Mutes), MaxMutes)
	}
	return &changed, nil
}

// Unmute returns preferences with a room that is not muted.
func (p *Preferences) Unmute(room string) *Preferences {
	changed := *p
	changed.Mutes = maps.Clone(p.Mutes)
	delete(changed.Mutes, room)
	return &changed
}

// Disturb returns preferences with another DoNotDisturb.
func (p *Preferences) Disturb(d DoNotDisturb) (*Preferences, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	changed := *p
	changed.DND = d
	return &changed, nil
}

// Subscribe returns preferences with a subscription of Web Push. It replaces one with the same endpoint and, beyond MaxSubscriptions, the oldest.
func (p *Preferences) Subscribe(s webpush.Subscription) *Preferences {
	changed := p.Unsubscribe(s.Endpoint)
	changed.Push = append(changed.Push, s)
	changed.Push = changed.Push[max(0, len(changed.Push)-MaxSubscriptions):]
	return changed
}

// Unsubscribe returns preferences without the subscription of an endpoint.
func (p *Preferences) Unsubscribe(endpoint string) *Preferences {
	changed := *p
	changed.Push = slices.DeleteFunc(slices.Clone(p.Push), func(s webpush.Subscription) bool { return s.Endpoint == endpoint })
	return &changed
}

// UnsubscribeAll returns preferences without subscriptions.
func (p *Preferences) UnsubscribeAll() *Preferences {
	changed := *p
	changed.Push = nil
	return &changed
}

// maxOffset is the limit of an offset from UTC, in minutes: the largest one in use is 14 hours.
const maxOffset = 14 * 60

// check returns why the times are not valid.
func (d *DoNotDisturb) check() error {
	if d.Offset < -maxOffset || d.Offset > maxOffset {
		return fmt.Errorf("offset = %d: must be -%d to %d minutes", d.Offset, maxOffset, maxOffset)
	}
	if d.Until != 0 && !d.On || d.Until < 0 {
		return errors.New("until: needs on = true, and must be in Unix seconds")
	}
	if d.From == "" && d.To == "" {
		return nil
	}
	from, ok1 := minuteOf(d.From)
	to, ok2 := minuteOf(d.To)
	if !ok1 || !ok2 || from == to {
		return errors.New(`from, to: must be two different times of the day, such as "22:00" and "07:00"`)
	}
	return nil
}

// Quiet reports whether the user gets no notification at a time.
func (d *DoNotDisturb) Quiet(now time.Time) bool {
	if d.On && (d.Until == 0 || now.Unix() < d.Until) {
		return true
	}
	from, ok1 := minuteOf(d.From)
	to, ok2 := minuteOf(d.To)
	if !ok1 || !ok2 {
		return false
	}
	local := now.UTC().Add(time.Duration(d.Offset) * time.Minute)
	minute := local.Hour()*60 + local.Minute()
	if from < to {
		return minute >= from && minute < to
	}
	return minute >= from || minute < to
}

// minuteOf returns the minute of the day of "22:00".
func minuteOf(text string) (minute int, ok bool) {
	if len(text) != len("22:00") {
		return 0, false
	}
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err == nil
}
