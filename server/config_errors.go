package server

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/settings"
)

// ConfigError is one invalid setting. It never contains a secret.
type ConfigError struct {
	Key   string // in the config file: "rate", "api.key", "room.history-size"
	Index int    // in Config.Rooms if Key begins with "room.", in Config.Pairs with "tls.certificate.", in Config.APIKeys with "api.keys."; else 0
	Text  string // the key, the value found, and what is allowed
}

// Error returns Text.
func (e *ConfigError) Error() string { return e.Text }

// configErrors collects the errors of one table of the config file.
type configErrors struct {
	table string // begins the Key of each error
	index int
	title string // begins the Text of each error
	errs  []error
}

// add adds an error: the key, the value found and a rule such as "must be 1 to 5". found is nil for a secret.
func (ce *configErrors) add(key string, found any, rule string, args ...any) {
	text := ce.title + key
	switch reflect.ValueOf(found).Kind() {
	case reflect.Invalid: // nil
	case reflect.String:
		text += fmt.Sprintf(" = %q", found)
	default:
		text += fmt.Sprintf(" = %v", found)
	}
	ce.errs = append(ce.errs, &ConfigError{ce.table + key, ce.index, text + ": " + fmt.Sprintf(rule, args...)})
}

// addRanges adds an error for each setting of a struct whose value its tags do not allow.
func (ce *configErrors) addRanges(v any) {
	for _, s := range settings.Of(v) {
		if found, allowed := s.Check(v); allowed != "" {
			ce.add(s.Name, found, "must be %s", allowed)
		}
	}
}

// sort puts the errors into the order of the settings of a struct.
func (ce *configErrors) sort(v any) {
	order := map[string]int{}
	for i, s := range settings.Of(v) {
		order[ce.table+s.Name] = i
	}
	at := func(err error) int { return order[err.(*ConfigError).Key] }
	slices.SortStableFunc(ce.errs, func(a, b error) int { return at(a) - at(b) })
}

// Limits of settings that no tag can express.
const (
	maxRetainedAllowed = 1 << 40
	maxHistoryBytes    = 1 << 40
	maxPatterns        = 1000
	minSecret          = 16 // characters
	maxRepeatWindow    = 24 * time.Hour
)
