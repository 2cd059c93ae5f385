package settings

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Key string `name:"key" default:"k" secret:"A_KEY"`
}

type sample struct {
	Text   string        `name:"text" default:"$x"`
	Word   string        `name:"word" default:"a" oneof:"a,b"`
	Free   string        `name:"free" oneof:"x,y" allowed:"x or y, as you like"`
	Yes    bool          `name:"yes" default:"true"`
	Number int           `name:"number" default:"5" min:"2" max:"7" unit:"things"`
	Any    int           `name:"any" min:"1" zero:"any number"`
	Bytes  int           `name:"bytes" type:"size" default:"1KiB" min:"125" max:"16MiB"`
	Pace   int           `name:"pace" type:"size" min:"1KiB" max:"1MiB" unit:"bytes a second" zero:"no limit"`
	Time   time.Duration `name:"time" default:"1s" min:"100ms" max:"24h"`
	Drain  time.Duration `name:"drain" min:"0"`
	List   []string      `name:"list"`
	Other  int           // no setting
	One    inner         `table:"one"`
	Many   []inner       `table:"many"`
}

func TestTagsAreTheDefaults(t *testing.T) {
	t.Parallel()
	got := sample{List: []string{"old"}, Any: 3, Other: 9, Many: []inner{{Key: "mine"}}}
	SetDefaults(&got)
	want := sample{
		Text: "$x", Word: "a", Yes: true, Number: 5, Bytes: 1024, Time: time.Second, Other: 9,
		One: inner{Key: "k"}, Many: []inner{{Key: "mine"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestTagsAreTheRanges(t *testing.T) {
	t.Parallel()
	const (
		number  = "2 to 7 things"
		more    = "1 or more, or 0 for any number"
		bytes   = "125 bytes to 16 MiB"
		pace    = "1024 to 1048576 bytes a second, or 0 for no limit"
		seconds = "100ms to 24h0m0s"
	)
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"text", "anything", ""}, {"word", "b", ""}, {"word", "c", "one of a, b"}, {"word", "", "one of a, b"},
		{"free", "y", ""}, {"free", "z", "x or y, as you like"}, {"yes", false, ""},
		{"number", 1, number}, {"number", 2, ""}, {"number", 7, ""}, {"number", 8, number}, {"number", 0, number},
		{"any", -1, more}, {"any", 0, ""}, {"any", 1 << 60, ""},
		{"bytes", 124, bytes}, {"bytes", 125, ""}, {"bytes", 16 << 20, ""}, {"bytes", 16<<20 + 1, bytes}, {"bytes", 0, bytes},
		{"pace", 0, ""}, {"pace", 1, pace}, {"pace", 1024, ""}, {"pace", 1<<20 + 1, pace},
		{"time", 99 * time.Millisecond, seconds}, {"time", 24 * time.Hour, ""}, {"time", 24*time.Hour + 1, seconds}, {"time", time.Duration(0), seconds},
		{"drain", time.Duration(-1), "0 or more"}, {"drain", time.Duration(0), ""}, {"list", []string{"x"}, ""},
	} {
		t.Run(fmt.Sprintf("%s=%v", tt.name, tt.value), func(t *testing.T) {
			var v sample
			for _, s := range Of(&v) {
				if s.Name != tt.name {
					continue
				}
				reflect.ValueOf(s.In(&v)).Elem().Set(reflect.ValueOf(tt.value))
				found, want := s.Check(&v)
				if !reflect.DeepEqual(found, tt.value) || want != tt.want {
					t.Errorf("got %v, %q; want %q", found, want, tt.want)
				}
				return
			}
			t.Error("there is no such setting")
		})
	}
}

func TestTablesAreFieldsOfTheStruct(t *testing.T) {
	t.Parallel()
	from, to := sample{One: inner{Key: "x"}, Many: []inner{{}, {}}, Number: 6}, sample{Number: 3}
	tables := Tables(&from)
	if len(tables) != 2 || tables[0].Name != "one" || tables[0].Repeated || tables[1].Name != "many" || !tables[1].Repeated {
		t.Fatalf("got %+v", tables)
	}
	for _, table := range tables {
		table.Copy(&to, &from)
		if got := Of(reflect.New(table.Row).Interface()); len(got) != 1 || got[0].Name != "key" || got[0].Secret != "A_KEY" {
			t.Errorf("%s: got the settings %+v", table.Name, got)
		}
	}
	if to.One.Key != "x" || len(to.Many) != 2 || to.Number != 3 {
		t.Errorf("got %+v, want the tables copied and nothing else", to)
	}
	if one, ok := tables[0].In(&to).(*inner); !ok || one != &to.One {
		t.Errorf("got %v, want the field", tables[0].In(&to))
	}
}

func TestATagThatIsWrongPanics(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		v    any
		says string
	}{
		{&struct {
			N int `name:"n" default:"many"`
		}{}, ".N: "},
		{&struct {
			N int `name:"n" min:"1x"`
		}{}, ".N: min: "},
		{&struct {
			N int `name:"n" type:"size" max:"1GiB"`
		}{}, ".N: max: "},
		{&struct {
			D time.Duration `name:"d" default:"5"`
		}{}, ".D: "},
		{&struct {
			L []string `name:"l" default:"x"`
		}{}, "has no default"},
		{&struct {
			S string `name:"s" max:"5"`
		}{}, ".S: max: a value of type string has no range"},
		{&struct {
			N uint8 `name:"n" default:"5"`
		}{}, "has no default"},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, tt.says) {
					t.Errorf("got %q, want a panic with %q", got, tt.says)
				}
			}()
			Of(tt.v)
		}()
	}
}
