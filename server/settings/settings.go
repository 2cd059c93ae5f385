// Package settings reads the settings of the server from the structs that hold them. A field with the tag "name" is one setting. Its
// other tags define everything else about the setting, so that it is written once. The command line uses the same tags: name, default,
// type and help are those of kong.
//
//	name      the key in the config file; of server.Config also the flag and, in capitals, the environment variable
//	default   the value if the setting is not set, as text; missing: the zero value
//	type      "size": a number of bytes, such as 64KiB
//	help      the text of throng serve --help
//	min, max  the range, with both ends; without max it has no upper end
//	zero      what 0 means; 0 is then allowed beside the range
//	unit      what a number counts, for an error
//	oneof     the allowed values, separated by commas
//	reload    "yes": the setting may change while the server runs (Merge); missing: a change needs a restart
//	allowed   the allowed values as an error describes them, if min, max or oneof do not describe them well
//	secret    the environment variable of a secret, which has no flag and appears in no error; "-" for a secret without a variable
//
// A field with the tag "table" holds the settings of a table of the config file: a struct for [table], a slice of structs for [[table]].
// server/validate.go checks the rules that tags cannot express.
package settings

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Setting is one setting of a struct type. It is immutable.
type Setting struct {
	Name    string
	Default string // as text; empty for the zero value
	Secret  string // the environment variable of a secret, "-" for a secret without one, else empty
	Size    bool   // a number of bytes
	OneOf   []string

	Reloadable bool // may change while the server runs; otherwise a change needs a restart

	bounded     bool
	least, most int64 // of a duration in nanoseconds; most is 0 without an upper end
	zero, unit  string
	allowed     string
	kind        reflect.Type
	field       int
}

// Table is a field that holds a table of the config file.
type Table struct {
	Name     string
	Repeated bool // [[table]]
	Row      reflect.Type
	field    int
}

// layout has the settings and the tables of a struct type.
type layout struct {
	settings []Setting
	tables   []Table
}

var layouts sync.Map // of reflect.Type: *layout

// Of returns the settings of a struct, given by its pointer, in the order of its fields. The caller must not change them. It panics if a
// tag is wrong.
func Of(v any) []Setting { return of(reflect.TypeOf(v).Elem()).settings }

// Tables returns the tables of a struct, given by its pointer, in the order of its fields.
func Tables(v any) []Table { return of(reflect.TypeOf(v).Elem()).tables }

func of(t reflect.Type) *layout {
	if l, ok := layouts.Load(t); ok {
		return l.(*layout)
	}
	l := &layout{}
	for i := range t.NumField() {
		f := t.Field(i)
		if name, ok := f.Tag.Lookup("name"); ok {
			s, err := read(name, f.Tag, f.Type, i)
			if err != nil {
				panic(fmt.Sprintf("%v.%s: %v", t, f.Name, err))
			}
			l.settings = append(l.settings, s)
		}
		if name, ok := f.Tag.Lookup("table"); ok {
			table := Table{Name: name, Row: f.Type, field: i}
			if f.Type.Kind() == reflect.Slice {
				table.Repeated, table.Row = true, f.Type.Elem()
			}
			l.tables = append(l.tables, table)
		}
	}
	layouts.Store(t, l)
	return l
}

// read returns the setting that a field's tags define.
func read(name string, tag reflect.StructTag, kind reflect.Type, field int) (Setting, error) {
	s := Setting{
		Name: name, Default: tag.Get("default"), Secret: tag.Get("secret"), Size: tag.Get("type") == "size",
		Reloadable: tag.Get("reload") == "yes",
		zero:       tag.Get("zero"), unit: tag.Get("unit"), allowed: tag.Get("allowed"), kind: kind, field: field,
	}
	if words := tag.Get("oneof"); words != "" {
		s.OneOf = strings.Split(words, ",")
	}
	for key, bound := range map[string]*int64{"min": &s.least, "max": &s.most} {
		text, ok := tag.Lookup(key)
		if !ok {
			continue
		}
		value, err := s.parse(text)
		if err != nil {
			return s, fmt.Errorf("%s: %w", key, err)
		}
		if !value.CanInt() {
			return s, fmt.Errorf("%s: a value of type %v has no range", key, kind)
		}
		s.bounded, *bound = true, value.Int()
	}
	_, err := s.parse(s.Default)
	return s, err
}

// parse reads a value from the text of a tag. An empty text is the zero value.
func (s *Setting) parse(text string) (reflect.Value, error) {
	value := reflect.New(s.kind).Elem()
	if text == "" {
		return value, nil
	}
	switch {
	case s.kind == reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(text)
		value.SetInt(int64(d))
		return value, err
	case s.Size && value.Kind() == reflect.Int:
		var n Size
		err := n.UnmarshalText([]byte(text))
		value.SetInt(int64(n))
		return value, err
	case value.Kind() == reflect.Int:
		n, err := strconv.ParseInt(text, 10, 0)
		value.SetInt(n)
		return value, err
	case value.Kind() == reflect.Bool:
		is, err := strconv.ParseBool(text)
		value.SetBool(is)
		return value, err
	case value.Kind() == reflect.String:
		value.SetString(text)
		return value, nil
	}
	return value, fmt.Errorf("a value of type %v has no default and no range", s.kind)
}

// In returns a pointer to the setting's field in the struct that v points to.
func (s *Setting) In(v any) any { return s.of(v).Addr().Interface() }

func (s *Setting) of(v any) reflect.Value { return reflect.ValueOf(v).Elem().Field(s.field) }

// In returns a pointer to the table in the struct that v points to: to a struct, or to a slice.
func (t *Table) In(v any) any { return reflect.ValueOf(v).Elem().Field(t.field).Addr().Interface() }

// Copy sets the table in the struct that to points to, to that in the struct of the same type that from points to.
func (t *Table) Copy(to, from any) {
	reflect.ValueOf(to).Elem().Field(t.field).Set(reflect.ValueOf(from).Elem().Field(t.field))
}

// SetDefaults sets each setting of the struct that v points to, and of its tables that are not repeated, to its default.
func SetDefaults(v any) {
	for _, s := range Of(v) {
		value, err := s.parse(s.Default)
		if err != nil {
			panic(err) // read has parsed it
		}
		s.of(v).Set(value)
	}
	for _, t := range Tables(v) {
		if !t.Repeated {
			SetDefaults(t.In(v))
		}
	}
}

// Check returns the setting's value in the struct that v points to. If the tags do not allow the value, allowed describes the allowed
// values, such as "1 to 4096 rooms"; else it is empty.
func (s *Setting) Check(v any) (found any, allowed string) {
	value := s.of(v)
	ok := true
	switch {
	case s.OneOf != nil && value.Kind() == reflect.String:
		ok = slices.Contains(s.OneOf, value.String())
	case s.bounded:
		n := value.Int()
		ok = n >= s.least && (s.most == 0 || n <= s.most) || n == 0 && s.zero != ""
	}
	if ok {
		return value.Interface(), ""
	}
	return value.Interface(), s.describe()
}

// describe returns the values that Check accepts, as an error has them.
func (s *Setting) describe() string {
	if s.allowed != "" {
		return s.allowed
	}
	if s.OneOf != nil {
		return "one of " + strings.Join(s.OneOf, ", ")
	}
	text := s.show(s.least)
	if s.most != 0 {
		text += " to " + s.show(s.most)
	} else {
		text += " or more"
	}
	if s.unit != "" {
		text += " " + s.unit
	}
	if s.zero != "" {
		text += ", or 0 for " + s.zero
	}
	return text
}

// show formats a bound of the range for an error. A size is a plain number if the unit follows.
func (s *Setting) show(n int64) string {
	switch {
	case n != 0 && s.kind == reflect.TypeFor[time.Duration]():
		return time.Duration(n).String()
	case s.Size && s.unit == "" && n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case s.Size && s.unit == "":
		return fmt.Sprintf("%d bytes", n)
	}
	return strconv.FormatInt(n, 10)
}
