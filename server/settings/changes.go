package settings

import (
	"fmt"
	"reflect"
	"slices"
)

// Changes are the differences between two structs of settings, as an operator reads them: "rate", "token.issuer", "room \"chat:*\": rate".
type Changes struct {
	Reloadable   []string // may change while the server runs
	NeedsRestart []string
}

// Merge compares the settings now with those of a reload, two structs of one type given by their pointers, and puts the value of now into
// those of the reload that need a restart. The values themselves, which may be secrets, are in no text.
//
// A table with several rows is compared by the first setting of its rows, which is their name. A new row has its defaults for the settings that
// need a restart.
func Merge(now, reload any) Changes {
	var c Changes
	c.merge("", now, reload)
	for _, t := range Tables(now) {
		switch {
		case !t.Repeated:
			c.merge(t.Name+".", t.In(now), t.In(reload))
		case anyReloadable(t.Row):
			c.mergeRows(&t, reflect.ValueOf(t.In(now)).Elem(), reflect.ValueOf(t.In(reload)).Elem())
		case !reflect.DeepEqual(t.In(now), t.In(reload)):
			c.NeedsRestart = append(c.NeedsRestart, t.Name)
			t.Copy(reload, now)
		}
	}
	return c
}

// merge compares the settings of two structs. prefix begins the name of each.
func (c *Changes) merge(prefix string, now, reload any) {
	for _, s := range Of(now) {
		from, to := s.of(now), s.of(reload)
		switch {
		case same(from, to):
		case s.Reloadable:
			c.Reloadable = append(c.Reloadable, prefix+s.Name)
		default:
			c.NeedsRestart = append(c.NeedsRestart, prefix+s.Name)
			to.Set(from)
		}
	}
}

// same reports whether two values are the same; an empty list is the same as none.
func same(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// mergeRows compares the rows of a table.
func (c *Changes) mergeRows(t *Table, now, reload reflect.Value) {
	title := func(row reflect.Value) string { return fmt.Sprintf("%s %q", t.Name, nameOf(row)) }
	var order []int // of the rows that stay, by their index in now
	for i := range reload.Len() {
		row := reload.Index(i)
		at := indexOf(now, nameOf(row))
		if at < 0 {
			c.Reloadable = append(c.Reloadable, title(row)+": added")
			c.mergeNew(title(row), row)
			continue
		}
		order = append(order, at)
		before := len(c.Reloadable) + len(c.NeedsRestart)
		c.merge(title(row)+": ", now.Index(at).Addr().Interface(), row.Addr().Interface())
		if before == len(c.Reloadable)+len(c.NeedsRestart) && !reflect.DeepEqual(now.Index(at).Interface(), row.Interface()) {
			c.Reloadable = append(c.Reloadable, title(row)) // something that is not a setting, such as the contents of a file
		}
	}
	for i := range now.Len() {
		if indexOf(reload, nameOf(now.Index(i))) < 0 {
			c.Reloadable = append(c.Reloadable, title(now.Index(i))+": removed")
		}
	}
	if !slices.IsSorted(order) {
		c.Reloadable = append(c.Reloadable, t.Name+": order")
	}
}

// mergeNew sets the settings of a new row that need a restart to their defaults.
func (c *Changes) mergeNew(title string, row reflect.Value) {
	preset := reflect.New(row.Type())
	SetDefaults(preset.Interface())
	for _, s := range Of(row.Addr().Interface()) {
		from, to := s.of(preset.Interface()), s.of(row.Addr().Interface())
		if !s.Reloadable && !same(from, to) {
			c.NeedsRestart = append(c.NeedsRestart, title+": "+s.Name)
			to.Set(from)
		}
	}
}

// nameOf returns the first setting of a row.
func nameOf(row reflect.Value) any { return row.Field(of(row.Type()).settings[0].field).Interface() }

func indexOf(rows reflect.Value, name any) int {
	for i := range rows.Len() {
		if nameOf(rows.Index(i)) == name {
			return i
		}
	}
	return -1
}

func anyReloadable(row reflect.Type) bool {
	return slices.ContainsFunc(of(row).settings, func(s Setting) bool { return s.Reloadable })
}
