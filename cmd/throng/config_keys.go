package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/throng-chat/throng/server"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/nearest"
	"github.com/throng-chat/throng/server/settings"
)

// tables are the tables of the config file. The value is true for a repeated table, such as [[room]].
var tables = func() map[string]bool {
	tables := map[string]bool{}
	for _, t := range settings.Tables(&server.Config{}) {
		tables[t.Name] = t.Repeated
	}
	return tables
}()

// secrets are the settings with an environment variable whose values must not appear in errors (hidden). They have no flags, because all
// users of the machine can see the flags of a process.
var secrets = func() map[string]string {
	var cfg server.Config
	secrets := map[string]string{}
	for _, t := range settings.Tables(&cfg) {
		if t.Repeated {
			continue
		}
		for _, s := range settings.Of(t.In(&cfg)) {
			if s.Secret != "" {
				secrets[t.Name+"."+s.Name] = s.Secret
			}
		}
	}
	return secrets
}()

// hidden are all secrets: those with a variable, and those of repeated tables.
var hidden = func() map[string]bool {
	hidden := map[string]bool{}
	for _, t := range settings.Tables(&server.Config{}) {
		for _, s := range settings.Of(reflect.New(t.Row).Interface()) {
			if s.Secret != "" {
				hidden[t.Name+"."+s.Name] = true
			}
		}
	}
	return hidden
}()

// flatKeys returns the keys above all tables, with pointers to their values.
func flatKeys(cfg *server.Config) map[string]any {
	return keysOf("", cfg)
}

// tableKeys returns the keys of the tables that are not repeated, with pointers to their values.
func tableKeys(cfg *server.Config) map[string]any {
	keys := map[string]any{}
	for _, t := range settings.Tables(cfg) {
		if !t.Repeated {
			maps.Copy(keys, keysOf(t.Name+".", t.In(cfg)))
		}
	}
	return keys
}

// roomKeys returns the keys of a [[room]], with pointers to their values.
func roomKeys(o *chat.RoomOptions) map[string]any {
	return keysOf("room.", o)
}

// pairKeys returns the keys of a [[tls.certificate]], with pointers to their values.
func pairKeys(c *server.CertificateFiles) map[string]any {
	return keysOf("tls.certificate.", c)
}

// apiKeyKeys returns the keys of a [[api.keys]], with pointers to their values.
func apiKeyKeys(k *server.APIKey) map[string]any {
	return keysOf("api.keys.", k)
}

// addRow adds a repeated table with the default of each key to cfg.
func addRow(cfg *server.Config, table string) {
	switch table {
	case "room":
		o := chat.DefaultRoom()
		o.Pattern = "" // each [[room]] must set it
		cfg.Rooms = append(cfg.Rooms, o)
	case "api.keys":
		cfg.APIKeys = append(cfg.APIKeys, server.APIKey{})
	case "tls.certificate":
		cfg.Pairs = append(cfg.Pairs, server.CertificateFiles{})
	default:
		panic("config file: a repeated table " + table)
	}
}

// rowKeys returns the keys of the repeated tables of cfg with an index, with pointers to their values.
func rowKeys(cfg *server.Config, index int) map[string]any {
	keys := map[string]any{}
	if index < len(cfg.Rooms) {
		maps.Copy(keys, roomKeys(&cfg.Rooms[index]))
	}
	if index < len(cfg.APIKeys) {
		maps.Copy(keys, apiKeyKeys(&cfg.APIKeys[index]))
	}
	if index < len(cfg.Pairs) {
		maps.Copy(keys, pairKeys(&cfg.Pairs[index]))
	}
	return keys
}

// keysOf returns the settings of a struct with a prefix before each, and pointers to their values: *settings.Size for a size.
func keysOf(prefix string, v any) map[string]any {
	keys := map[string]any{}
	for _, s := range settings.Of(v) {
		value := s.In(v)
		if n, ok := value.(*int); ok && s.Size {
			value = (*settings.Size)(n)
		}
		keys[prefix+s.Name] = value
	}
	return keys
}

// setValue sets target to a value of the file. The error describes the type that the value must have.
func setValue(target, value any) error {
	switch target := target.(type) {
	case *string:
		text, ok := value.(string)
		if !ok {
			return errors.New(`must be text in quotes`)
		}
		*target = text
	case *chat.Access:
		return setValue((*string)(target), value)
	case *chat.RoomKind:
		return setValue((*string)(target), value)
	case *chat.WordAction:
		return setValue((*string)(target), value)
	case *bool:
		is, ok := value.(bool)
		if !ok {
			return errors.New("must be true or false")
		}
		*target = is
	case *int:
		n, ok := value.(int64)
		if !ok || n < math.MinInt || n > math.MaxInt {
			return errors.New("must be a whole number, without quotes")
		}
		*target = int(n)
	case *settings.Size:
		if err := target.UnmarshalText([]byte(asFlag(value))); err != nil {
			return errors.New(`must be a number of bytes, or a size such as "64KiB" or "1MiB"`)
		}
	case *time.Duration:
		text, _ := value.(string)
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New(`must be a duration, such as "30s" or "5m"`)
		}
		*target = d
	case *[]string:
		list, ok := value.([]string)
		if text, one := value.(string); one {
			list, ok = []string{text}, true
		}
		if !ok {
			return errors.New(`must be a list of texts, such as ["a", "b"]`)
		}
		*target = list
	default:
		panic(fmt.Sprintf("config file: a key of type %T", target))
	}
	return nil
}

// asFlag returns a value of the file as the text of a flag.
func asFlag(value any) string {
	if list, ok := value.([]string); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(value)
}

// noSuchKey returns an error that proposes the most similar key.
func noSuchKey(key string, known []string) error {
	key = inLine(key)
	meant := strings.ToLower(strings.ReplaceAll(strings.Trim(key, `" `), "_", "-"))
	if slices.Contains(known, meant) {
		return fmt.Errorf("%s: no such key; nearest: %s", key, meant)
	}
	last := meant[strings.LastIndexByte(meant, '.')+1:]
	for _, k := range known {
		if k == last {
			return fmt.Errorf("%s: no such key; move %s above all tables", key, k)
		}
		if strings.HasSuffix(k, "."+last) {
			return fmt.Errorf("%s: no such key; nearest: %s", key, k)
		}
	}
	return fmt.Errorf("%s: no such key; %s", key, proposal("", meant, known))
}

// allKeys returns all keys and tables of the config file, sorted.
func allKeys() []string {
	var keys []string
	for _, m := range []map[string]any{flatKeys(&server.Config{}), tableKeys(&server.Config{}), roomKeys(&chat.RoomOptions{}), pairKeys(&server.CertificateFiles{}), apiKeyKeys(&server.APIKey{})} {
		keys = slices.AppendSeq(keys, maps.Keys(m))
	}
	keys = slices.AppendSeq(keys, maps.Keys(tables))
	slices.Sort(keys)
	return keys
}

// proposal returns a text with the known name that is most similar to name. It ignores a prefix that all known names have.
func proposal(prefix, name string, known []string) string {
	var own []string
	for _, k := range known {
		own = append(own, strings.TrimPrefix(k, prefix))
	}
	best := nearest.Name(strings.TrimPrefix(name, prefix), own)
	if best == "" {
		return "no similar name"
	}
	return "nearest: " + prefix + best
}
