package settings

import (
	"reflect"
	"testing"
)

type mixedRow struct {
	Name   string `name:"name" reload:"yes"`
	Free   int    `name:"free" reload:"yes"`
	Fixed  int    `name:"fixed" default:"1"`
	Hidden string
}

type fixedRow struct {
	Name string `name:"name"`
}

type changing struct {
	Free   int        `name:"free" reload:"yes"`
	List   []string   `name:"list" reload:"yes"`
	Fixed  int        `name:"fixed"`
	Inner  mixedRow   `table:"inner"`
	Rows   []mixedRow `table:"row"`
	Fixeds []fixedRow `table:"pair"`
}

func TestMerge(t *testing.T) {
	t.Parallel()
	begin := func() changing {
		return changing{Free: 1, Fixed: 1, Rows: []mixedRow{{"a", 1, 5, ""}, {"b", 1, 5, ""}}, Fixeds: []fixedRow{{"x"}}}
	}
	for what, tt := range map[string]struct {
		how     func(*changing)
		free    []string
		restart []string
		check   func(changing) bool
	}{
		"nothing":       {func(*changing) {}, nil, nil, nil},
		"an empty list": {func(c *changing) { c.List = []string{} }, nil, nil, nil},
		"both kinds":    {func(c *changing) { c.Free, c.Fixed = 2, 2 }, []string{"free"}, []string{"fixed"}, func(c changing) bool { return c.Free == 2 && c.Fixed == 1 }},
		"a table":       {func(c *changing) { c.Inner.Free, c.Inner.Fixed = 2, 2 }, []string{"inner.free"}, []string{"inner.fixed"}, func(c changing) bool { return c.Inner.Free == 2 && c.Inner.Fixed == 0 }},
		"a row":         {func(c *changing) { c.Rows[1].Free, c.Rows[1].Fixed = 2, 2 }, []string{`row "b": free`}, []string{`row "b": fixed`}, func(c changing) bool { return c.Rows[1].Free == 2 && c.Rows[1].Fixed == 5 }},
		"a new row": {func(c *changing) { c.Rows = append([]mixedRow{{"n", 3, 7, ""}}, c.Rows...) }, []string{`row "n": added`}, []string{`row "n": fixed`},
			func(c changing) bool { return c.Rows[0].Free == 3 && c.Rows[0].Fixed == 1 && c.Rows[1].Fixed == 5 }},
		"a removed row":      {func(c *changing) { c.Rows = c.Rows[1:] }, []string{`row "a": removed`}, nil, nil},
		"another order":      {func(c *changing) { c.Rows[0], c.Rows[1] = c.Rows[1], c.Rows[0] }, []string{"row: order"}, nil, nil},
		"what is no setting": {func(c *changing) { c.Rows[0].Hidden = "secret" }, []string{`row "a"`}, nil, func(c changing) bool { return c.Rows[0].Hidden == "secret" }},
		"a fixed table":      {func(c *changing) { c.Fixeds = nil }, nil, []string{"pair"}, func(c changing) bool { return len(c.Fixeds) == 1 }},
	} {
		now, reload := begin(), begin()
		tt.how(&reload)
		got := Merge(&now, &reload)
		if !reflect.DeepEqual(got, Changes{tt.free, tt.restart}) {
			t.Errorf("%s: got %q, want %q and %q", what, got, tt.free, tt.restart)
		}
		if tt.check != nil && !tt.check(reload) {
			t.Errorf("%s: got %+v", what, reload)
		}
		if !reflect.DeepEqual(now, begin()) {
			t.Errorf("%s: the settings in effect have changed: %+v", what, now)
		}
	}
}
