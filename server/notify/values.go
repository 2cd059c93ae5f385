package notify

import (
	"crypto/sha256"
	"encoding/base64"
)

// The stored values. Their caller keeps them, in memory or in a log, and changes them one after another.
//
//	n/USER    preferences of a user: Preferences as JSON
//	b/HASH    user that the browser with an endpoint belongs to
const (
	preferencesKey = "n/"
	browserKey     = "b/"
)

// Value is a stored value; without data it is removed.
type Value struct {
	Key  string
	Data []byte
}

// PreferencesKey returns the key of the preferences of a user.
func PreferencesKey(user string) string { return preferencesKey + user }

// keyOfBrowser returns the key of the browser with an endpoint. It does not reveal the endpoint.
func keyOfBrowser(endpoint string) string {
	hash := sha256.Sum256([]byte(endpoint))
	return browserKey + base64.RawURLEncoding.EncodeToString(hash[:16])
}

// ChangeValues returns the values to store so that the preferences of a user are those that change returns. get returns the data of a stored value,
// nil for none. A browser belongs to one user: a new subscription ends that of another user with the same endpoint.
func ChangeValues(get func(key string) []byte, user string, change func(*Preferences) (*Preferences, error)) ([]Value, error) {
	before := ParsePreferences(get(PreferencesKey(user)))
	now, err := change(before)
	if err != nil {
		return nil, err
	}
	b, err := now.Encode()
	if err != nil {
		return nil, err
	}
	values := []Value{{PreferencesKey(user), b}}
	for i := range before.Push {
		if endpoint := before.Push[i].Endpoint; !now.hasBrowser(endpoint) {
			values = append(values, Value{Key: keyOfBrowser(endpoint)})
		}
	}
	for i := range now.Push {
		endpoint := now.Push[i].Endpoint
		if before.hasBrowser(endpoint) {
			continue
		}
		key := keyOfBrowser(endpoint)
		if other := string(get(key)); other != "" && other != user {
			b, err := ParsePreferences(get(PreferencesKey(other))).Unsubscribe(endpoint).Encode()
			if err != nil {
				return nil, err
			}
			values = append(values, Value{PreferencesKey(other), b})
		}
		values = append(values, Value{key, []byte(user)})
	}
	return values, nil
}
