package server

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/settings"
)

// A field of Config without a tag would be a setting that neither a flag nor the config file can set.
func TestEveryFieldOfTheConfigIsASetting(t *testing.T) {
	t.Parallel()
	checked := 0
	var check func(kind reflect.Type, flags bool)
	check = func(kind reflect.Type, flags bool) {
		var names []string
		for i := range kind.NumField() {
			f := kind.Field(i)
			checked++
			if f.Tag.Get("table") != "" {
				if f.Tag.Get("kong") != "-" {
					t.Errorf("%v.%s: a table is no flag: want kong:\"-\"", kind, f.Name)
				}
				row := f.Type
				if row.Kind() == reflect.Slice {
					row = row.Elem()
				}
				check(row, false)
				continue
			}
			name, help := f.Tag.Get("name"), f.Tag.Get("help")
			switch {
			case f.Tag.Get("kong") == "-":
				continue // not a setting
			case name == "" || slices.Contains(names, name):
				t.Errorf("%v.%s has the name %q: want a unique name", kind, f.Name, name)
			case flags && (help == "" || f.Tag.Get("secret") != ""):
				t.Errorf("%v.%s is a flag: want help, and no secret", kind, f.Name)
			}
			names = append(names, name)
		}
		for _, s := range settings.Of(reflect.New(kind).Interface()) { // which panics if a tag is invalid
			for _, word := range s.OneOf {
				if _, want := s.Check(reflect.New(kind).Interface()); want != "" && !strings.Contains(want, word) {
					t.Errorf("%v, %s: an error has %q, which lacks %q", kind, s.Name, want, word)
				}
			}
		}
	}
	check(reflect.TypeFor[Config](), true)
	if checked < 60 {
		t.Errorf("checked %d fields, want 60 or more", checked)
	}
}
