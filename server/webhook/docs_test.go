package webhook

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/doctable"
)

// codeNames returns the names that a column of rows has as code, sorted.
func codeNames(rows [][]string, column int) (names []string) {
	for _, row := range rows {
		for _, text := range doctable.Code(row[column]) {
			if codeName.MatchString(text) {
				names = append(names, text)
			}
		}
	}
	slices.Sort(names)
	return names
}

var codeName = regexp.MustCompile("^[a-z0-9_.]+$")

// fieldsOf returns the names of a struct's fields in JSON, those of embedded structs among them, each behind prefix.
func fieldsOf(t reflect.Type, prefix string) (names []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			names = append(names, fieldsOf(f.Type, prefix)...)
		case name != "" && name != "-":
			names = append(names, prefix+name)
		}
	}
	slices.Sort(names)
	return names
}

// docs/webhooks.md has every field of a reply.
func TestThePageHasEveryFieldOfAReply(t *testing.T) {
	t.Parallel()
	if got, want := codeNames(doctable.Rows(t, "webhooks.md", "result field", "type", "events", "meaning"), 0), fieldsOf(reflect.TypeFor[result](), ""); !slices.Equal(got, want) {
		t.Errorf("result: the page has %q, the code %q", got, want)
	}
	want := append(fieldsOf(reflect.TypeFor[Error](), "error."), fieldsOf(reflect.TypeFor[Disconnect](), "disconnect.")...)
	slices.Sort(want)
	if got := codeNames(doctable.Rows(t, "webhooks.md", "other field", "type", "meaning"), 0); !slices.Equal(got, want) {
		t.Errorf("the page has %q, the code %q", got, want)
	}
}

// docs/webhooks.md has every result of a request.
func TestThePageHasEveryResult(t *testing.T) {
	t.Parallel()
	var want []string
	for _, r := range Results {
		want = append(want, string(r))
	}
	slices.Sort(want)
	if got := codeNames(doctable.Rows(t, "webhooks.md", "cause", "SDK client sees", "plain client sees", "`result` label"), 3); !slices.Equal(got, want) {
		t.Errorf("the page has %q, the code %q", got, want)
	}
}

// docs/webhooks.md has the numbers of notifications.
func TestThePageHasTheNumbers(t *testing.T) {
	t.Parallel()
	pauses := newPauses()
	pauses.RandomizationFactor = 0
	var all time.Duration
	for range maxAttempts - 1 {
		all += pauses.NextBackOff()
	}
	properties := map[string]string{}
	for _, row := range doctable.Rows(t, "webhooks.md", "property", "value") {
		properties[row[0]] = row[1]
	}
	for property, want := range map[string]string{
		"attempts": fmt.Sprintf("%d, with pauses of %v s to %v s, varied by half, about %d s in all",
			maxAttempts, firstPause.Seconds(), longestPause.Seconds(), int(all.Seconds())),
		"sent at the same time": fmt.Sprint(senders),
		"queue":                 fmt.Sprintf("%d,%03d events or %d MiB", maxQueue/1000, maxQueue%1000, maxQueueBytes>>20),
	} {
		if got := properties[property]; got != want {
			t.Errorf("%s: the page has %q, the code %q", property, got, want)
		}
	}
}
