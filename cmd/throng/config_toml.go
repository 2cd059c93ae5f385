package main

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// setting is one key of a TOML text, or the head of a table.
type setting struct {
	place
	line, column int
	head         bool
	repeated     bool   // of a head: [[room]], not [room]
	value        any    // string, bool, int64 or []string; nil for other types, which no key has
	written      string // the value as the text has it
}

// place identifies a setting. It does not depend on the layout of the text: api.key = "x" and [api] key = "x" have the same place.
type place struct {
	key   string // "rate", "room.history-ttl"
	index int    // of the tables of that name: the third [[room]] has 2
}

// tomlReader lists the settings of a text. The decoder of the same library checks the syntax, but does not return the place of a value.
type tomlReader struct {
	parser   unstable.Parser
	tables   map[string]int // number of [[tables]] of each name
	settings []setting

	// The last key found. Keys are found in the order of the text, so each line is counted once.
	offset, line, lineStart int
}

// readTOML returns the settings of a text in its order, or the first syntax error, a *toml.DecodeError.
func readTOML(text []byte) ([]setting, error) {
	if err := toml.Unmarshal(text, &map[string]any{}); err != nil {
		return nil, err
	}
	r := tomlReader{tables: map[string]int{}, line: 1}
	r.parser.Reset(text)
	table := ""
	for r.parser.NextExpression() {
		switch n := r.parser.Expression(); n.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = r.head(r.at("", n), n.Kind == unstable.ArrayTable)
		case unstable.KeyValue:
			r.keyValue(table, n)
		}
	}
	return r.settings, r.parser.Error()
}

// head adds the head of a table and returns its key.
func (r *tomlReader) head(s setting, repeated bool) string {
	if repeated {
		s.index = r.tables[s.key]
		r.tables[s.key]++
	}
	s.head, s.repeated = true, repeated
	r.settings = append(r.settings, s)
	return s.key
}

// keyValue adds a key of a table. If the value is a table itself, it adds a head and the keys of the table.
func (r *tomlReader) keyValue(table string, n *unstable.Node) {
	s, value := r.at(table, n), n.Value()
	switch {
	case table != "" && !tables[s.key]: // only repeated tables are within a table
	case value.Kind == unstable.InlineTable:
		r.inline(r.head(s, false), value)
		return
	case isTables(value):
		for items := value.Children(); items.Next(); {
			r.inline(r.head(s, true), items.Node())
		}
		return
	}
	s.value = valueOf(value)
	switch value.Kind { // the parser does not return the end of these
	case unstable.Array:
		s.written = "[...]"
	case unstable.InlineTable:
		s.written = "{...}"
	default:
		s.written = string(r.parser.Raw(value.Raw))
	}
	r.settings = append(r.settings, s)
}

// isTables reports whether a value is a list that contains only tables, at least one.
func isTables(n *unstable.Node) bool {
	some := false
	if n.Kind == unstable.Array {
		for items := n.Children(); items.Next(); some = true {
			if items.Node().Kind != unstable.InlineTable {
				return false
			}
		}
	}
	return some
}

func (r *tomlReader) inline(table string, n *unstable.Node) {
	for keys := n.Children(); keys.Next(); {
		r.keyValue(table, keys.Node())
	}
}

// at returns the setting of a node with its key and its place in the text.
func (r *tomlReader) at(table string, n *unstable.Node) setting {
	var s setting
	var parts []string
	if table != "" {
		parts = append(parts, table)
	}
	for keys := n.Key(); keys.Next(); {
		if s.line == 0 {
			s.line, s.column = r.position(int(keys.Node().Raw.Offset))
		}
		parts = append(parts, bare(string(keys.Node().Data)))
	}
	s.key = strings.Join(parts, ".")
	s.index = r.index(s.key)
	return s
}

// index returns the number of tables before the one that has a key, of those with its name.
func (r *tomlReader) index(key string) int {
	for table := key; table != ""; table = tableOf(table) {
		if n := r.tables[table]; n > 0 {
			return n - 1
		}
	}
	return 0
}

// tableOf returns the table of a key, which may be a table itself; "" for a key above all tables.
func tableOf(key string) string { return key[:max(strings.LastIndexByte(key, '.'), 0)] }

func (r *tomlReader) position(offset int) (line, column int) {
	passed := r.parser.Data()[r.offset:offset]
	r.line += bytes.Count(passed, []byte{'\n'})
	if last := bytes.LastIndexByte(passed, '\n'); last >= 0 {
		r.lineStart = r.offset + last + 1
	}
	r.offset = offset
	return r.line, offset - r.lineStart + 1
}

// bare quotes a key with characters other than letters, digits, - and _, so that it cannot look like a known key.
func bare(key string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_'
	}
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return !plain(r) }) {
		return strconv.Quote(key)
	}
	return key
}

func valueOf(n *unstable.Node) any {
	switch n.Kind {
	case unstable.String:
		return string(n.Data)
	case unstable.Bool:
		return string(n.Data) == "true"
	case unstable.Integer: // every TOML integer is a Go integer literal
		if i, err := strconv.ParseInt(string(n.Data), 0, 64); err == nil {
			return i
		}
	case unstable.Array:
		list := []string{}
		for items := n.Children(); items.Next(); {
			text, ok := valueOf(items.Node()).(string)
			if !ok {
				return nil
			}
			list = append(list, text)
		}
		return list
	}
	return nil
}

// found returns a setting as an error shows it. The setting must not be a secret.
func (s *setting) found() string { return s.key + " = " + inLine(s.written) }

// inLine returns the beginning of the first line of a text, at most 60 characters, for an error.
func inLine(text string) string {
	const most = 60
	first, _, more := strings.Cut(text, "\n")
	if runes := []rune(first); len(runes) > most {
		first, more = string(runes[:most]), true
	}
	if more {
		first += "..."
	}
	return first
}
