package main

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// setting is one key of a TOML text, or the head of one of its tables.
type setting struct {
	place
	line, column int
	head         bool
	repeated     bool   // of a head: [[room]], not [room]
	value        any    // string, bool, int64, []string; nil for what no key of ours may be
	written      string // how the value stands in the text
}

// place is where in the file a setting belongs, however the text is laid out: api.key = "x" and [api] key = "x" are the same.
type place struct {
	key   string // "rate", "room.history-ttl"
	index int    // of the tables of that name: the third [[room]] has 2
}

// tomlReader lists the settings of a text. The decoder of the same library checks the text, but cannot say where a value was.
type tomlReader struct {
	parser   unstable.Parser
	tables   map[string]int // how many [[tables]] there are of a name
	settings []setting

	// The last key found. Keys come in the text's order, so its lines are counted once.
	offset, line, lineStart int
}

// readTOML returns the settings of a text in its order, or the first error in its syntax, a *toml.DecodeError.
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

// keyValue adds a key of a table. A value that is a table itself is a head and its keys.
func (r *tomlReader) keyValue(table string, n *unstable.Node) {
	s, value := r.at(table, n), n.Value()
	switch {
	case table != "": // no table of ours has tables in it
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
	switch value.Kind { // the parser does not say where these end
	case unstable.Array:
		s.written = "[...]"
	case unstable.InlineTable:
		s.written = "{...}"
	default:
		s.written = string(r.parser.Raw(value.Raw))
	}
	r.settings = append(r.settings, s)
}

// isTables says whether a value is a list of tables, and of nothing else.
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

// at is where the key of a node stands.
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
	first, _, _ := strings.Cut(s.key, ".")
	s.index = max(r.tables[first]-1, 0)
	return s
}

func (r *tomlReader) position(offset int) (line, column int) {
	passed := r.parser.Data()[r.offset:offset]
	r.line += bytes.Count(passed, []byte{'\n'})
	if last := bytes.LastIndexByte(passed, '\n'); last >= 0 {
		r.lineStart = r.offset + last + 1
	}
	r.offset = offset
	return r.line, offset - r.lineStart + 1
}

// bare quotes a key that is not of letters, digits, - and _ alone: it is none of ours, and must not look as if it were.
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
	case unstable.Integer: // Go's syntax holds TOML's
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

// found is how an error shows a setting that is no secret.
func (s *setting) found() string { return s.key + " = " + inLine(s.written) }

// inLine is as much of a text as an error of one line may show.
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
