package main

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/throng-chat/throng/server"
	"github.com/throng-chat/throng/server/settings"
)

// configShowCmd is the command throng config show.
type configShowCmd struct {
	serverSettings
}

// Run prints the settings as a config file, with the source of each one as a comment.
func (cfs *configShowCmd) Run(std *streams) error {
	cfg, from, err := cfs.load()
	if err != nil {
		return err
	}
	shc := &shownConfig{from: from}
	shc.line("# The settings of throng serve, and where each is from: %s", from.file)
	shc.all(&cfg)
	_, err = std.out.Write(shc.text.Bytes())
	return err
}

// shownConfig is the text of throng config show.
type shownConfig struct {
	from *sources
	text bytes.Buffer
}

func (shc *shownConfig) line(format string, args ...any) {
	fmt.Fprintf(&shc.text, format+"\n", args...)
}

// all adds all settings.
func (shc *shownConfig) all(cfg *server.Config) {
	shc.table("", 0, cfg)
	for _, t := range settings.Tables(cfg) {
		if !t.Repeated {
			shc.line("\n[%s]", t.Name)
			shc.table(t.Name+".", 0, t.In(cfg))
			continue
		}
		rows := reflect.ValueOf(t.In(cfg)).Elem()
		for i := range rows.Len() {
			shc.line("\n[[%s]]", t.Name)
			shc.table(t.Name+".", i, rows.Index(i).Addr().Interface())
		}
	}
}

// table adds the settings of a struct. prefix begins the keys, and index is that of a repeated table.
func (shc *shownConfig) table(prefix string, index int, of any) {
	values := keysOf("", of)
	for _, s := range settings.Of(of) {
		at := place{key: prefix + s.Name, index: index}
		value := reflect.ValueOf(values[s.Name]).Elem()
		switch {
		case s.Secret == "":
			shc.line("%s = %s  # %s", s.Name, asTOML(value.Interface()), shc.source(at))
		case value.IsZero():
			shc.line("# %s is not set", s.Name)
		default:
			shc.line("# %s is set, and hidden: %s", s.Name, shc.source(at))
		}
	}
}

// source returns where a setting is from.
func (shc *shownConfig) source(at place) string {
	if where, ok := shc.from.elsewhere[at.key]; ok {
		return strings.TrimSuffix(where, ": ")
	}
	if s, ok := shc.from.file.settings[at]; ok {
		return fmt.Sprintf("%s:%d", shc.from.file.path, s.line)
	}
	return "default"
}

// asTOML returns a value of a setting as the config file has it.
func asTOML(value any) string {
	switch v := value.(type) {
	case settings.Size:
		value = v.String()
	case fmt.Stringer: // a duration
		value = v.String()
	case []string:
		value = slices.Concat([]string{}, v) // [], not nothing, for an empty list
	}
	text, err := toml.Marshal(map[string]any{"v": value})
	if err != nil {
		panic(err) // the types of settings can be encoded
	}
	return strings.TrimPrefix(strings.TrimSpace(string(text)), "v = ")
}
