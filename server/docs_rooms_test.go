package server

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/doctable"
)

// These tests compare the tables of docs/rooms.md, docs/history.md and docs/moderation.md with the code, and run their examples.

// optionsByKey returns the options of a room by their keys in the config file.
func optionsByKey(o *chat.RoomOptions) map[string]reflect.Value {
	capital := regexp.MustCompile("([a-z])([A-Z])")
	options := map[string]reflect.Value{}
	fields := reflect.ValueOf(o).Elem()
	for i := range fields.NumField() {
		if fields.Type().Field(i).Tag.Get("name") == "" {
			continue // the content of a file
		}
		options[strings.ToLower(capital.ReplaceAllString(fields.Type().Field(i).Name, "$1-$2"))] = fields.Field(i)
	}
	return options
}

// permitted returns the allowed values of a permission.
func permitted(key string) (words []string) {
	for _, who := range allWho {
		o := chat.DefaultRoom()
		optionsByKey(&o)[key].Set(reflect.ValueOf(who))
		var ce configErrors
		if checkRoomOptions(&o, &ce); errors.Join(ce.errs...) == nil {
			words = append(words, string(who))
		}
	}
	return words
}

func TestThePageOfRoomsHasThePermissions(t *testing.T) {
	t.Parallel()
	o := chat.DefaultRoom()
	options := optionsByKey(&o)
	var keys []string
	for _, row := range doctable.Rows(t, "rooms.md", "option", "action", "default", "values") {
		key := doctable.Code(row[0])[0]
		keys = append(keys, key)
		if got, want := doctable.Code(row[2])[0], fmt.Sprint(options[key]); got != want {
			t.Errorf("%s: the page has the default %s, the code %s", key, got, want)
		}
		if got, want := doctable.Code(row[3]), permitted(key); !slices.Equal(got, want) {
			t.Errorf("%s: the page allows %q, the code %q", key, got, want)
		}
	}
	var want []string
	for key, value := range options {
		if value.Type() == reflect.TypeFor[chat.Access]() {
			want = append(want, key)
		}
	}
	if slices.Sort(keys); !slices.Equal(keys, slices.Sorted(slices.Values(want))) {
		t.Errorf("the page has the permissions %q, the code %q", keys, want)
	}

	var words []chat.Access
	for _, row := range doctable.Rows(t, "rooms.md", "word", "who", "plain client") {
		who := chat.Access(doctable.Code(row[0])[0])
		words = append(words, who)
		o := chat.DefaultRoom()
		o.Publish = who
		if got, want := row[2] == "yes", o.Allows(chat.Actor{Member: true}, chat.ToPublish); got != want {
			t.Errorf("%s: a plain client: got %v on the page, want %v", who, got, want)
		}
	}
	if !slices.Equal(words, allWho) {
		t.Errorf("the page has the words %q, the code %q", words, allWho)
	}

	var others []string
	for _, row := range doctable.Rows(t, "rooms.md", "`rooms`", "who may use rooms without a pattern", "others get") {
		others = append(others, doctable.Code(row[0])[0])
	}
	if allowed := oneOf(&Config{}, "rooms"); !slices.Equal(others, allowed) {
		t.Errorf("the page has the values %q of rooms, the code %q", others, allowed)
	}
}

func TestThePagesOfRoomsHaveEveryOptionWithItsDefault(t *testing.T) {
	t.Parallel()
	o := chat.DefaultRoom()
	options := optionsByKey(&o)
	delete(options, "pattern")
	delete(options, "delta") // has a section of its own
	for _, table := range []struct {
		page    string
		columns []string
		value   int
	}{
		{"rooms.md", []string{"option", "action", "default", "values"}, 2},
		{"rooms.md", []string{"option", "default", "what it does"}, 1},
		{"rooms.md", []string{"option", "default", "what it limits"}, 1},
		{"history.md", []string{"option", "default", "range", "what it does"}, 1},
	} {
		if table.page == "history.md" {
			options["read-history"] = reflect.ValueOf(&o).Elem().FieldByName("ReadHistory") // of both pages
		}
		for _, row := range doctable.Rows(t, table.page, table.columns...) {
			key := doctable.Code(row[0])[0]
			value, is := options[key]
			if !is {
				t.Errorf("docs/%s: %s is not an option, or occurs twice", table.page, key)
				continue
			}
			delete(options, key)
			want := fmt.Sprint(value)
			switch {
			case key == "history-ttl", want == "":
				want = "none" // history-ttl is required
			case value.Type() == reflect.TypeFor[time.Duration]():
				want = strings.Replace(want, "m0s", "m", 1)
			}
			if got := strings.Trim(strings.TrimSuffix(strings.SplitN(row[table.value], ":", 2)[0], ","), "` "); got != want {
				t.Errorf("docs/%s: %s has the default %q, want %q", table.page, key, got, want)
			}
		}
	}
	for key := range options {
		t.Errorf("no page has the option %s", key)
	}
}

var apiExample = regexp.MustCompile(`curl -H "X-API-Key: \$THRONG_API_KEY" -d '(.*)' http://127\.0\.0\.1:3000/api/(\w+)\n`)

// The example calls of the pages succeed in the room of the examples.
func TestTheExamplesOfThePagesAreGoodCalls(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"rooms.md", "history.md", "moderation.md"} {
		s := startAPI(t, roomWithHistory("chat:*"))
		for range 7 { // the offset that is redacted
			call(t, s, "publish", `{"channel":"chat:tea","data":{"text":"hello"}}`)
		}
		examples := apiExample.FindAllStringSubmatch(doctable.Text(t, page), -1)
		for _, e := range examples {
			checkSchema(t, e[2], "Request", e[1])
			if answer := call(t, s, e[2], e[1]); !strings.HasPrefix(answer, `{"result":`) {
				t.Errorf("docs/%s: %s %s: got %s", page, e[2], e[1], answer)
			}
		}
		if n := strings.Count(doctable.Text(t, page), "curl "); n == 0 || n != len(examples) {
			t.Errorf("docs/%s: %d calls of curl, %d of which are examples", page, n, len(examples))
		}
	}
}
