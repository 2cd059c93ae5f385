package chat

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// storedSanction is a sanction as the table has it, in JSON. Times are Unix milliseconds; 0: none.
type storedSanction struct {
	Version      int          `json:"v"`
	Kind         SanctionKind `json:"kind"`
	User         string       `json:"user,omitempty"`
	Room         string       `json:"room,omitempty"`
	Token        string       `json:"jti,omitempty"`
	Until        int64        `json:"until,omitempty"`
	IssuedBefore int64        `json:"issued_before,omitempty"`
	Pause        int64        `json:"pause,omitempty"` // milliseconds
	Reason       string       `json:"reason,omitempty"`
}

// sanctionVersion is the version of the values. A value with another version is not applied. A member that only adds to a sanction, such as the
// reason, needs no new version: a node of the version before ignores it, and the sanction is in effect there.
const sanctionVersion = 1

var keyEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// key returns the key of a sanction in the table: its kind, and a hash of its names, which may have any characters.
func (sn *Sanction) key() string {
	h := sha256.New()
	for _, part := range []string{sn.User, sn.Room, sn.Token} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return string(sn.Kind) + "-" + strings.ToLower(keyEncoding.EncodeToString(h.Sum(nil)))
}

// value encodes a sanction.
func (sn *Sanction) value() ([]byte, error) {
	milli := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.UnixMilli()
	}
	return json.Marshal(storedSanction{
		sanctionVersion, sn.Kind, sn.User, sn.Room, sn.Token, milli(sn.Until), milli(sn.IssuedBefore), sn.Pause.Milliseconds(), sn.Reason,
	})
}

// CheckStoredSanction returns an error unless value is a sanction that this version reads, stored under its key.
func CheckStoredSanction(key string, value []byte) error {
	s, err := decodeSanction(value)
	if err == nil && s.key() != key {
		err = fmt.Errorf("its key is %s", s.key())
	}
	return err
}

// StoredSanction returns the key of a sanction of an export, and its time in the table: 0 without an end, negative after it. The error is that
// the server would not make such a sanction.
func StoredSanction(value []byte, now time.Time) (key string, ttl time.Duration, err error) {
	s, err := decodeSanction(value)
	if err == nil {
		err = s.check(now)
	}
	if err != nil {
		return "", 0, err
	}
	if !s.Until.IsZero() {
		if ttl = s.Until.Sub(now); ttl <= 0 {
			ttl = -1
		}
	}
	return s.key(), ttl, nil
}

// decodeSanction decodes a value of the table.
func decodeSanction(value []byte) (Sanction, error) {
	var v storedSanction
	if err := json.Unmarshal(value, &v); err != nil {
		return Sanction{}, err
	}
	switch v.Kind {
	case SanctionBan, SanctionMute, SanctionSlowMode, SanctionRevoke:
	default:
		return Sanction{}, fmt.Errorf("kind %q is not known", v.Kind)
	}
	if v.Version != sanctionVersion {
		return Sanction{}, fmt.Errorf("version %d: this throng reads %d", v.Version, sanctionVersion)
	}
	at := func(milli int64) time.Time {
		if milli == 0 {
			return time.Time{}
		}
		return time.UnixMilli(milli)
	}
	return Sanction{v.Kind, v.User, v.Room, v.Token, at(v.Until), at(v.IssuedBefore), time.Duration(v.Pause) * time.Millisecond, v.Reason}, nil
}
