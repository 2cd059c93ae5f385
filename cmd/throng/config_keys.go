package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/throng-chat/throng/server"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/nearest"
	"github.com/throng-chat/throng/server/settings"
)

// tables are the tables of the config file; true are those of which there may be many.
var tables = func() map[string]bool {
	tables := map[string]bool{}
	for _, t := range settings.Tables(&server.Config{}) {
		tables[t.Name] = t.Repeated
	}
	return tables
}()

// secrets are settings whose values no error may show, and their environment variables. They have no flags: a process's flags are for
// everybody on the machine to see.
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

// flatKeys are the keys above all tables, and where their values go.
func flatKeys(cfg *server.Config) map[string]any {
	return keysOf("", cfg)
}

// tableKeys are the keys of the tables that there are once, and where their values go.
func tableKeys(cfg *server.Config) map[string]any {
	keys := map[string]any{}
	for _, t := range settings.Tables(cfg) {
		if !t.Repeated {
			maps.Copy(keys, keysOf(t.Name+".", t.In(cfg)))
		}
	}
	return keys
}

// roomKeys are the keys of a [[room]].
func roomKeys(o *chat.RoomOptions) map[string]any {
	return keysOf("room.", o)
}

// keysOf are the settings of a struct, each with a prefix, and pointers to their values: of a size a *settings.Size.
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

// setValue puts a value of the file where it goes; the error says what is wanted.
func setValue(target, value any) error {
	switch target := target.(type) {
	case *string:
		text, ok := value.(string)
		if !ok {
			return errors.New(`want text in quotes`)
		}
		*target = text
	case *chat.Who:
		return setValue((*string)(target), value)
	case *bool:
		is, ok := value.(bool)
		if !ok {
			return errors.New("want true or false")
		}
		*target = is
	case *int:
		n, ok := value.(int64)
		if !ok || n < math.MinInt || n > math.MaxInt {
			return errors.New("want a whole number, without quotes")
		}
		*target = int(n)
	case *settings.Size:
		if err := target.UnmarshalText([]byte(asFlag(value))); err != nil {
			return errors.New(`want a number of bytes, or one such as "64KiB" or "1MiB"`)
		}
	case *time.Duration:
		text, _ := value.(string)
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New(`want a duration, such as "30s" or "5m"`)
		}
		*target = d
	case *[]string:
		list, ok := value.([]string)
		if text, one := value.(string); one {
			list, ok = []string{text}, true
		}
		if !ok {
			return errors.New(`want a list of texts, such as ["a", "b"]`)
		}
		*target = list
	default:
		panic(fmt.Sprintf("config file: a key of type %T", target))
	}
	return nil
}

// asFlag is a value of the file as a flag would be given it.
func asFlag(value any) string {
	if list, ok := value.([]string); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(value)
}

// noSuchKey says where the key might have been meant to be.
func noSuchKey(key string, known []string) error {
	key = inLine(key)
	meant := strings.ToLower(strings.ReplaceAll(strings.Trim(key, `" `), "_", "-"))
	if slices.Contains(known, meant) {
		return fmt.Errorf("%s: no such key; nearest: %s", key, meant)
	}
	last := meant[strings.LastIndexByte(meant, '.')+1:]
	for _, k := range known {
		if k == last {
			return fmt.Errorf("%s: no such key; %s stands above all tables", key, k)
		}
		if strings.HasSuffix(k, "."+last) {
			return fmt.Errorf("%s: no such key; nearest: %s", key, k)
		}
	}
	return fmt.Errorf("%s: no such key; %s", key, proposal("", meant, known))
}

// allKeys are those of the file, and its tables, sorted.
func allKeys() []string {
	var keys []string
	for _, m := range []map[string]any{flatKeys(&server.Config{}), tableKeys(&server.Config{}), roomKeys(&chat.RoomOptions{})} {
		keys = slices.AppendSeq(keys, maps.Keys(m))
	}
	keys = slices.AppendSeq(keys, maps.Keys(tables))
	slices.Sort(keys)
	return keys
}

// proposal proposes the known name that is most like a name. A prefix that all of them have makes none more like another.
func proposal(prefix, name string, known []string) string {
	var own []string
	for _, k := range known {
		own = append(own, strings.TrimPrefix(k, prefix))
	}
	best := nearest.Name(strings.TrimPrefix(name, prefix), own)
	if best == "" {
		return "none is like it"
	}
	return "nearest: " + prefix + best
}
