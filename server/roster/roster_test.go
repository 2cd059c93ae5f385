package roster

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// Random changes of a roster and of its copy as a map have the same result, with one chunk and with many, while it grows and while it shrinks.
func TestARosterIsAMap(t *testing.T) {
	t.Parallel()
	for _, users := range []int{300, 5_000} {
		testARosterOf(t, users)
	}
}

func testARosterOf(t *testing.T, users int) {
	r := rand.New(rand.NewPCG(1, 2))
	var ro Roster
	model := map[string]Role{}
	for n := range 40_000 {
		user, role := fmt.Sprint("user", r.IntN(users)), Role(r.IntN(int(roles)))
		if n > 30_000 && r.IntN(4) > 0 {
			role = None
		}
		if before := ro.Set(Entry{User: user, Role: role, At: uint32(n)}); before != model[user] {
			t.Fatalf("step %d: got the role %q before, want %q", n, before, model[user])
		}
		if role == None {
			delete(model, user)
		} else {
			model[user] = role
		}
		if n%(users/3) > 0 {
			continue
		}
		for i, c := range ro.chunks {
			if len(c) == 0 || len(c) > maxChunk || i > 0 && ro.chunks[i-1][len(ro.chunks[i-1])-1].User >= c[0].User {
				t.Fatalf("step %d: chunk %d has %d members, or is out of order", n, i, len(c))
			}
		}
		counts := [roles]int{}
		for _, role := range model {
			counts[role]++
		}
		if ro.counts != counts || ro.Len() != len(model) {
			t.Fatalf("step %d: got %v of %d members, want %v of %d", n, ro.counts, ro.Len(), counts, len(model))
		}
		got, names := map[string]Role{}, []string{}
		ro.All(func(e Entry) bool {
			got[e.User], names = e.Role, append(names, e.User)
			return true
		})
		if !maps.Equal(got, model) || !slices.IsSorted(names) {
			t.Fatalf("step %d: got %v, want %v in order", n, got, model)
		}
		after := fmt.Sprint("user", r.IntN(users))
		page := ro.Users(make([]string, 0, 600), after)
		from, is := slices.BinarySearch(names, after)
		if is {
			from++
		}
		if !slices.Equal(page, names[from:min(from+600, len(names))]) {
			t.Fatalf("step %d: got another page of %d users behind %s", n, len(page), after)
		}
	}
	for user := range model {
		if got := ro.Role(user); got != model[user] {
			t.Errorf("%s: got %v, want %v", user, got, model[user])
		}
	}
}

// Pages have each member that stays once, in order, while others come and go.
func TestPagesOfARosterNeitherSkipNorRepeat(t *testing.T) {
	t.Parallel()
	var ro Roster
	for n := range 100 {
		ro.Set(Entry{User: fmt.Sprintf("stays%03d", n), Role: Role(1 + n%3)})
	}
	var got []string
	after := ""
	for n := 0; ; n++ {
		page, more := ro.Page(after, Member, 7)
		for _, e := range page {
			if strings.HasPrefix(e.User, "stays") {
				got = append(got, e.User)
			}
		}
		if !more {
			break
		}
		after = page[len(page)-1].User
		ro.Set(Entry{User: fmt.Sprintf("goes%03d", n), Role: Member})
		ro.Set(Entry{User: fmt.Sprintf("stays%03dx", n*9), Role: Member})
		ro.Set(Entry{User: fmt.Sprintf("goes%03d", n-1), Role: None})
	}
	got = slices.DeleteFunc(got, func(user string) bool { return strings.HasSuffix(user, "x") })
	if !slices.IsSorted(got) || len(slices.Compact(got)) != 100 {
		t.Errorf("got %d members: %v", len(got), got)
	}
	if page, more := ro.Page("", Owner, 100); len(page) != 33 || more {
		t.Errorf("got %d owners and %v, want 33", len(page), more)
	}
	if page, more := ro.Page("", Owner, 33); len(page) != 33 || more {
		t.Errorf("got %d owners and more: %v, want exactly 33", len(page), more)
	}
}

func TestAMemberNeeds24BytesAndItsName(t *testing.T) {
	t.Parallel()
	if got := unsafe.Sizeof(Entry{}); got != 24 {
		t.Errorf("got %d bytes, want 24", got)
	}
}

func TestRolesHaveNames(t *testing.T) {
	t.Parallel()
	for _, role := range []Role{Member, Moderator, Owner} {
		if got, ok := ParseRole(role.String()); got != role || !ok {
			t.Errorf("%q reads as %q, %v", role, got, ok)
		}
	}
	for _, name := range []string{"", "Owner", "admin"} {
		if got, ok := ParseRole(name); ok || got != None {
			t.Errorf("%q reads as %v", name, got)
		}
	}
}

func TestTheIndexHasTheRoomsOfEachUser(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	ix := NewIndex()
	model := map[string]map[string]bool{}
	for range 20_000 {
		user, room := fmt.Sprint("user", r.IntN(20)), fmt.Sprint("room", r.IntN(20))
		if model[user] == nil {
			model[user] = map[string]bool{}
		}
		if r.IntN(2) == 0 {
			if shared := ix.Add(user, room); shared != user {
				t.Fatalf("got %q, want %q", shared, user)
			}
			model[user][room] = true
		} else {
			ix.Remove(user, room)
			delete(model[user], room)
		}
	}
	for user, rooms := range model {
		var got []string
		for after, more := "", true; more; {
			var page []string
			page, more = ix.Page(user, after, 3)
			got = append(got, page...)
			if more {
				after = page[len(page)-1]
			}
		}
		if want := slices.Sorted(maps.Keys(rooms)); !slices.Equal(got, want) || ix.Count(user) != len(want) {
			t.Errorf("%s: got %v, want %v", user, got, want)
		}
		for room := range rooms {
			ix.Remove(user, room)
		}
	}
	if len(ix.users) != 0 {
		t.Errorf("%d users without rooms are kept", len(ix.users))
	}
	if page, more := ix.Page("nobody", "", 3); page != nil || more {
		t.Errorf("got %v of nobody", page)
	}
}

func TestADescriptionIsChangedAndChecked(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	encoded := []byte(nil)
	for _, c := range []struct {
		change InfoChange
		want   string // JSON, or an error
	}{
		{InfoChange{}, `{}`},
		{InfoChange{Title: text("Tea <3"), Meta: []byte(` {"a": 1} `)}, `{"title":"Tea <3","meta":{"a":1}}`},
		{InfoChange{Topic: text("cups"), Avatar: text("https://example.com/a.png")}, `{"title":"Tea <3","topic":"cups","avatar":"https://example.com/a.png","meta":{"a":1}}`},
		{InfoChange{Title: text(""), Avatar: text("/a.png")}, `{"topic":"cups","avatar":"/a.png","meta":{"a":1}}`},
		{InfoChange{Meta: []byte("null"), Avatar: text("")}, `{"topic":"cups"}`},
		{InfoChange{Title: text(strings.Repeat("x", MaxTitle+1))}, "title: has 257 bytes, want at most 256 bytes of UTF-8"},
		{InfoChange{Topic: text("\xff")}, "topic: has 1 bytes, want at most 1024 bytes of UTF-8"},
		{InfoChange{Avatar: text("javascript:alert(1)")}, `avatar: the scheme is "javascript", want http, https or none`},
		{InfoChange{Avatar: text("http://[")}, `avatar: "http://[" is not a URL`},
		{InfoChange{Meta: []byte("[1]")}, "meta: want a JSON object"},
		{InfoChange{Meta: []byte("{")}, "meta: unexpected end of JSON input"},
		{InfoChange{Meta: []byte(`{"a":"` + strings.Repeat("x", MaxMeta) + `"}`)}, "meta: has 4104 bytes, want at most 4096"},
	} {
		got, err := c.change.Apply(encoded)
		if err != nil {
			got = []byte(err.Error())
		} else {
			encoded = got
		}
		if string(got) != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	if _, err := (&InfoChange{}).Apply([]byte("?")); err == nil {
		t.Error("got no error for a description that cannot be read")
	}
}
