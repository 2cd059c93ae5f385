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
	"github.com/throng-chat/throng/server/wordlist"
)

const (
	maxConfigFile = 128 << 10 // bytes
	maxKeyFile    = 64 << 10
	maxErrors     = 100 // reported of one file
)

// configFile has the settings of the config file, and the errors in it.
type configFile struct {
	path     string   // "" if there is no file
	searched []string // paths that were tried

	flat     map[string]string // values of flags
	tables   server.Config     // the defaults, replaced by the values of the file's tables
	settings map[place]setting
	invalid  map[place]bool // settings whose value could not be read
	errs     []fileError
}

// fileError is an error in the settings. Its line is 0 if it has no place in the file.
type fileError struct {
	line int
	text string
}

// String returns the path of the file, or the paths that were searched.
func (f *configFile) String() string {
	if f.path != "" {
		return f.path
	}
	return fmt.Sprintf("no file (searched %s); defaults, environment and flags", strings.Join(f.searched, ", "))
}

func newConfigFile(path string) *configFile {
	return &configFile{
		path: path, tables: server.DefaultConfig(),
		flat: map[string]string{}, settings: map[place]setting{}, invalid: map[place]bool{},
	}
}

// openConfig reads the file at path, or the first default path that exists if path is empty. It collects the errors.
func openConfig(path string) *configFile {
	f := newConfigFile(path)
	err := f.find()
	if f.path != "" && err == nil {
		var text []byte
		if text, err = readAtMost(f.path, maxConfigFile); err != nil {
			err = fmt.Errorf("config file: %w", err)
		} else {
			err = f.read(text)
		}
	}
	if err != nil {
		f.errs = append(f.errs, fileError{text: err.Error()})
	}
	return f
}

// find sets the path of the first default file that exists, unless a path is given.
func (f *configFile) find() error {
	if f.path != "" {
		return nil
	}
	f.searched = []string{"./throng.toml"}
	if dir, err := os.UserConfigDir(); err == nil {
		f.searched = append(f.searched, filepath.Join(dir, "throng", "throng.toml"))
	}
	f.searched = append(f.searched, "/etc/throng/throng.toml")
	for _, path := range f.searched {
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

// read stores the valid settings of the file's text and collects the errors in it. It returns an error if the text is not TOML.
func (f *configFile) read(text []byte) error {
	settings, err := readTOML(text)
	if bad := (*toml.DecodeError)(nil); errors.As(err, &bad) {
		line, column := bad.Position()
		return fmt.Errorf("%s:%d:%d: not TOML: %s", f.path, line, column, syntaxOf(bad))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	flat := flatKeys(&server.Config{}) // only to check the values: the parser of the flags reads them later
	known := allKeys()
	invalid := "" // the last table with an invalid head: its keys are skipped
	for _, s := range settings {
		if len(f.errs) == maxErrors {
			f.add(s, fmt.Sprintf("%d errors are above: throng did not check the keys from here on", maxErrors))
			break
		}
		if invalid != "" && (s.key == invalid || strings.HasPrefix(s.key, invalid+".")) {
			continue
		}
		if s.head {
			err, invalid = f.head(s, known), ""
			if err != nil {
				invalid = s.key
			}
		} else {
			err = f.value(s, flat, known)
		}
		if err != nil {
			f.invalid[s.place] = true
			f.add(s, err.Error())
			continue
		}
		f.settings[s.place] = s
	}
	return nil
}

// syntaxOf returns the syntax error and the allowed syntax. It does not quote the file, which may contain a secret.
func syntaxOf(bad *toml.DecodeError) string {
	text := strings.TrimPrefix(bad.Error(), "toml: ")
	if strings.HasPrefix(text, "unexpected character U+000A at start of value") {
		text = "the value is missing"
	}
	if strings.Contains(text, "already") { // the syntax is right
		return text
	}
	return text + ": a line must be KEY = VALUE, with text in quotes, or the head of a table, such as [api] or [[room]]"
}

// head checks the head of a table. The head of a repeated table adds one with the default of each key.
func (f *configFile) head(s setting, known []string) error {
	repeated, ok := tables[s.key]
	switch {
	case !ok && slices.Contains(known, s.key):
		if singular := strings.TrimSuffix(s.key, "s"); tables[singular] {
			return fmt.Errorf("%s: must be a value, not a table: the table is %s", s.key, brackets(singular))
		}
		return fmt.Errorf("%s: must be a value, not a table", s.key)
	case !ok:
		return noSuchKey(s.key, known)
	case repeated != s.repeated:
		return fmt.Errorf("%s: must be %s", s.key, brackets(s.key))
	case repeated:
		addRow(&f.tables, s.key)
	}
	return nil
}

// value stores the value of a key, or returns why it is invalid.
func (f *configFile) value(s setting, flat map[string]any, known []string) error {
	target, isFlat := flat[s.key]
	if !isFlat {
		target = tableKeys(&f.tables)[s.key]
	}
	if target == nil {
		target = rowKeys(&f.tables, s.index)[s.key]
	}
	if target == nil {
		switch _, table := tables[s.key]; {
		case table:
			return fmt.Errorf("%s: must be a table: %s", s.key, brackets(s.key))
		case slices.Contains(known, s.key):
			return fmt.Errorf("%s: must be below a line %s", s.key, brackets(tableOf(s.key)))
		}
		return noSuchKey(s.key, known)
	}
	if err := setValue(target, s.value); err != nil {
		if hidden[s.key] {
			return fmt.Errorf("%s: %w", s.key, err)
		}
		return fmt.Errorf("%s: %w", s.found(), err)
	}
	if isFlat {
		f.flat[s.key] = asFlag(s.value)
	}
	return nil
}

// brackets returns the head of a table as the file has it.
func brackets(table string) string {
	if tables[table] {
		return "[[" + table + "]]"
	}
	return "[" + table + "]"
}

// add adds an error at the place of a setting.
func (f *configFile) add(s setting, text string) {
	f.errs = append(f.errs, fileError{line: s.line, text: fmt.Sprintf("%s:%d:%d: %s", f.path, s.line, s.column, text)})
}

// has reports whether the file sets a value.
func (f *configFile) has(at place) bool {
	_, ok := f.settings[at]
	return ok
}

// addInvalid adds an error about a value that is not allowed. Its place is that of the setting, or the head of its table if the file does
// not set the value.
func (f *configFile) addInvalid(at place, text string) {
	if f.invalid[at] {
		return // the value is the default, because the value in the file could not be read
	}
	s, ok := f.settings[at]
	if !ok {
		s, ok = f.settings[place{key: tableOf(at.key), index: at.index}]
	}
	if !ok {
		f.errs = append(f.errs, fileError{text: text})
		return
	}
	f.add(s, text)
}

// readPublicKeys returns the contents of the files that token.public-keys lists. Relative names start at the directory of the config file.
// If a file cannot be read, it adds an error and returns nil.
func (f *configFile) readPublicKeys() []string {
	var texts []string
	bad := false
	for _, name := range f.tables.Token.PublicKeys {
		text, err := readAtMost(f.pathOf(name), maxKeyFile)
		if err != nil {
			f.addInvalid(place{key: "token.public-keys"}, fmt.Sprintf("token.public-keys = %q: %v", name, err))
			bad = true
		}
		texts = append(texts, string(text))
	}
	if bad {
		return nil
	}
	return texts
}

// variables returns the environment variables that the file names.
func (f *configFile) variables() (names []string) {
	for _, k := range f.tables.APIKeys {
		names = append(names, k.Environment)
	}
	return names
}

// readAPIKeys returns the tables [[api.keys]] with the keys that are in the environment and in files. Relative names start at the directory
// of the config file; white space at the end of a file is ignored. A file that cannot be read is an error.
func (f *configFile) readAPIKeys() []server.APIKey {
	keys := slices.Clone(f.tables.APIKeys)
	for i := range keys {
		k := &keys[i]
		if k.Environment != "" {
			k.Secret = os.Getenv(k.Environment)
		}
		if k.File == "" {
			continue
		}
		text, err := readAtMost(f.pathOf(k.File), maxKeyFile)
		if err != nil {
			at := place{key: "api.keys.file", index: i}
			f.addInvalid(at, fmt.Sprintf("api.keys %q: file = %q: %v", k.Name, k.File, err))
			f.invalid[at] = true // no second error, about a missing key
		}
		k.Secret = strings.TrimSpace(string(text))
	}
	return keys
}

// readWordLists reads the files of the option word-list, each once, for the rooms that name them. Relative names start at the directory of the
// config file. A file that cannot be read, or has an invalid line, is an error.
func (f *configFile) readWordLists(rooms []chat.RoomOptions) {
	read := map[string]*wordlist.List{}
	for i := range rooms {
		o := &rooms[i]
		if o.WordList == "" {
			continue
		}
		if read[o.WordList] == nil {
			list, err := wordlist.Load(f.pathOf(o.WordList))
			if err != nil {
				at := place{key: "room.word-list", index: i}
				f.addInvalid(at, fmt.Sprintf("room %q: word-list = %q: %v", o.Pattern, o.WordList, err))
				f.invalid[at] = true // no second error, about a list that was not read
				continue
			}
			read[o.WordList] = list
		}
		o.Words = read[o.WordList]
	}
}

// pathOf returns the path of a file that a setting names. A relative name starts at the directory of the config file.
func (f *configFile) pathOf(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	path := filepath.Join(filepath.Dir(f.path), name)
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute // a reload names the file by its absolute path, and the same file has the same path then
	}
	return path
}

// readAtMost reads a file of at most most bytes, so that a wrong name costs little memory and time.
func readAtMost(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s: is too large: must have at most %v", path, settings.Size(most))
	}
	return text, err
}
