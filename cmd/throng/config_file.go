package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/throng-chat/throng/server"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/settings"
)

const (
	maxConfigFile = 128 << 10 // bytes
	maxKeyFile    = 64 << 10
	maxMistakes   = 100 // told of a file's keys
)

// configFile is the config file: what it sets, and what is wrong with it.
type configFile struct {
	path   string   // "" where there is none
	looked []string // where one was looked for

	flat     map[string]string // values of flags
	tables   server.Config     // the defaults, and over them what the file's tables say
	settings map[place]setting
	refused  map[place]bool // settings that are no values
	mistakes []mistake
}

// mistake is an error that says where it was made. Those of the file have a line.
type mistake struct {
	line int
	text string
}

func (f *configFile) String() string {
	if f.path != "" {
		return f.path
	}
	return fmt.Sprintf("no file (looked for %s); defaults, environment and flags", strings.Join(f.looked, ", "))
}

func newConfigFile(path string) *configFile {
	return &configFile{
		path: path, tables: server.DefaultConfig(),
		flat: map[string]string{}, settings: map[place]setting{}, refused: map[place]bool{},
	}
}

// openConfig reads the file it is told, or the first of the usual places that has one. What is wrong is among its mistakes.
func openConfig(path string) *configFile {
	f := newConfigFile(path)
	err := f.find()
	if f.path != "" && err == nil {
		var text []byte
		if text, err = readAtMost(f.path, maxConfigFile); err != nil {
			err = fmt.Errorf("config file: %w", err)
		} else {
			err = f.take(text)
		}
	}
	if err != nil {
		f.mistakes = append(f.mistakes, mistake{text: err.Error()})
	}
	return f
}

func (f *configFile) find() error {
	if f.path != "" {
		return nil
	}
	f.looked = []string{"./throng.toml"}
	if dir, err := os.UserConfigDir(); err == nil {
		f.looked = append(f.looked, filepath.Join(dir, "throng", "throng.toml"))
	}
	f.looked = append(f.looked, "/etc/throng/throng.toml")
	for _, path := range f.looked {
		switch _, err := os.Stat(path); {
		case err == nil:
			f.path = path
			return nil
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("config file: %w", err)
		}
	}
	return nil
}

// take takes over all that is right in the file's text, and notes all that is not.
func (f *configFile) take(text []byte) error {
	settings, err := readTOML(text)
	if bad := (*toml.DecodeError)(nil); errors.As(err, &bad) {
		line, column := bad.Position()
		return fmt.Errorf("%s:%d:%d: not TOML: %s", f.path, line, column, syntaxOf(bad))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	flat := flatKeys(&server.Config{}) // the values are only tried: they are flags yet
	known := allKeys()
	refused := "" // the table whose head was refused last: its keys are not looked at
	for _, s := range settings {
		if len(f.mistakes) == maxMistakes {
			f.refuse(s, fmt.Sprintf("%d mistakes are above; what comes here and below was not looked at", maxMistakes))
			break
		}
		if refused != "" && (s.key == refused || strings.HasPrefix(s.key, refused+".")) {
			continue
		}
		if s.head {
			err, refused = f.head(s, known), ""
			if err != nil {
				refused = s.key
			}
		} else {
			err = f.value(s, flat, known)
		}
		if err != nil {
			f.refused[s.place] = true
			f.refuse(s, err.Error())
			continue
		}
		f.settings[s.place] = s
	}
	return nil
}

// syntaxOf says what is wrong, and what is wanted. It quotes nothing of the text, where a secret may stand.
func syntaxOf(bad *toml.DecodeError) string {
	text := strings.TrimPrefix(bad.Error(), "toml: ")
	if strings.HasPrefix(text, "unexpected character U+000A at start of value") {
		text = "the value is missing"
	}
	if strings.Contains(text, "already") { // the syntax is right
		return text
	}
	return text + "; want KEY = VALUE, with text in quotes, or the head of a table, such as [api] or [[room]]"
}

func (f *configFile) head(s setting, known []string) error {
	repeated, ok := tables[s.key]
	switch {
	case !ok && slices.Contains(known, s.key):
		if singular := strings.TrimSuffix(s.key, "s"); tables[singular] {
			return fmt.Errorf("%s: want a value, not a table; the table is %s", s.key, brackets(singular))
		}
		return fmt.Errorf("%s: want a value, not a table", s.key)
	case !ok:
		return noSuchKey(s.key, known)
	case repeated != s.repeated:
		return fmt.Errorf("%s: want %s", s.key, brackets(s.key))
	case repeated:
		o := chat.DefaultRoom()
		o.Pattern = "" // which every [[room]] must say
		f.tables.Rooms = append(f.tables.Rooms, o)
	}
	return nil
}

func (f *configFile) value(s setting, flat map[string]any, known []string) error {
	target, isFlat := flat[s.key]
	if !isFlat {
		target = tableKeys(&f.tables)[s.key]
	}
	if target == nil && s.index < len(f.tables.Rooms) {
		target = roomKeys(&f.tables.Rooms[s.index])[s.key]
	}
	if target == nil {
		switch _, table := tables[s.key]; {
		case table:
			return fmt.Errorf("%s: want a table: %s", s.key, brackets(s.key))
		case slices.Contains(known, s.key):
			return fmt.Errorf("%s: want it below a line %s", s.key, brackets("room"))
		}
		return noSuchKey(s.key, known)
	}
	if err := setValue(target, s.value); err != nil {
		if _, secret := secrets[s.key]; secret {
			return fmt.Errorf("%s: %w", s.key, err)
		}
		return fmt.Errorf("%s: %w", s.found(), err)
	}
	if isFlat {
		f.flat[s.key] = asFlag(s.value)
	}
	return nil
}

// brackets is how the head of a table is written.
func brackets(table string) string {
	if tables[table] {
		return "[[" + table + "]]"
	}
	return "[" + table + "]"
}

// refuse notes a mistake at a setting.
func (f *configFile) refuse(s setting, text string) {
	f.mistakes = append(f.mistakes, mistake{line: s.line, text: fmt.Sprintf("%s:%d:%d: %s", f.path, s.line, s.column, text)})
}

// refuseValue notes that a value is not allowed: where the file sets it, or where its table begins if it leaves the value out.
func (f *configFile) refuseValue(at place, text string) {
	if f.refused[at] {
		return // the value is a default, since what the file says was no value
	}
	s, ok := f.settings[at]
	if !ok {
		table, _, _ := strings.Cut(at.key, ".")
		s, ok = f.settings[place{key: table, index: at.index}]
	}
	if !ok {
		f.mistakes = append(f.mistakes, mistake{text: text})
		return
	}
	f.refuse(s, text)
}

// readPublicKeys returns the texts of the files that token.public-keys names, all or none; names are relative to the config file.
func (f *configFile) readPublicKeys() []string {
	var texts []string
	bad := false
	for _, name := range f.tables.Token.PublicKeys {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(f.path), path)
		}
		text, err := readAtMost(path, maxKeyFile)
		if err != nil {
			f.refuseValue(place{key: "token.public-keys"}, fmt.Sprintf("token.public-keys = %q: %v", name, err))
			bad = true
		}
		texts = append(texts, string(text))
	}
	if bad {
		return nil
	}
	return texts
}

// readAtMost reads a file of a bounded size, so that a wrong name costs neither memory nor time.
func readAtMost(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s: longer than %v", path, settings.Size(most))
	}
	return text, err
}
