package result

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// commands are characters that control a terminal: ESC, an 8-bit control character, one that changes the direction of text, and invalid
// UTF-8.
const commands = "\x1b]0;title\x07\u009b31m\u202e\x7f\r"

// fill sets every text below v to commands.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.String:
		v.SetString("x" + commands)
	case reflect.Float64:
		v.SetFloat(3)
	case reflect.Uint64:
		v.SetUint(3)
	case reflect.Bool:
	default:
		v.SetInt(3)
	}
}

func hostile() *Result {
	r := &Result{}
	fill(reflect.ValueOf(r).Elem())
	r.Schema = Schema
	return r
}

// obeyed returns the first character in text that controls a terminal.
func obeyed(text string) string {
	for i, c := range text {
		if c != '\n' && !unicode.IsPrint(c) || c == utf8.RuneError {
			return fmt.Sprintf("%q at %d of %q", c, i, text[max(0, i-20):min(len(text), i+20)])
		}
	}
	return ""
}

func TestForeignTextCannotControlATerminal(t *testing.T) {
	r := hostile()
	for _, colour := range []bool{false, true} {
		var out bytes.Buffer
		if err := r.WriteText(&out, colour); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if colour {
			text = regexp.MustCompile("\x1b\\[(1;3[123]|0)m").ReplaceAllString(text, "") // our own colours
		}
		if bad := obeyed(text); bad != "" {
			t.Errorf("colour %v: got %s", colour, bad)
		}
		if n := strings.Count(text, "x?]0;title??31m???"); n < 10 {
			t.Errorf("colour %v: got %d texts of other programs, want all of them:\n%s", colour, n, text)
		}
	}
	var file bytes.Buffer
	if err := r.Write(&file); err != nil {
		t.Fatal(err)
	}
	if bad := obeyed(file.String()); bad != "" {
		t.Errorf("JSON: got %s", bad)
	}
	back, err := Read(&file)
	if err != nil || !reflect.DeepEqual(back, r) {
		t.Errorf("got %+v, %v, want the written result", back, err)
	}
}

func TestForeignTextOfALineIsOneLine(t *testing.T) {
	for text, want := range map[string]string{
		" a\nb\tc ":                "a b c",
		"a\xffb":                   "a?b",
		"\x1b[31mred":              "?[31mred",
		"0123456789abc":            "0123456...",
		"012345\u00e9\u00e9\u00e9": "012345...",
	} {
		if got := PrintableLine(text, 10); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestOfManyReasonsTheMostFrequentAreListed(t *testing.T) {
	counts := map[string]int{"often": 50}
	for i := range 100 {
		counts[fmt.Sprintf("reason %03d", i)] = 2
	}
	got := Counts(counts)
	if !strings.HasPrefix(got, "50 × often; 2 × reason 000; ") || !strings.HasSuffix(got, "; 182 for 91 other reasons") {
		t.Errorf("got %q", got)
	}
	if got := Number(1, "connection") + Number(2, "connection") + Number(uint64(1000), "connection"); got != "1 connection2 connections1,000 connections" {
		t.Errorf("got %q", got)
	}
}

// A cost below the floor is noise, or the server sends several messages at once.
func TestBelowTheFloorIsNoise(t *testing.T) {
	for _, tt := range []struct {
		ratio             float64
		delivery, upgrade string
	}{
		{0, "", ""},
		{1, "1.00 × the kernel's floor", "1.00 × the kernel's floor"},
		{1.31, "1.31 × the kernel's floor", "1.31 × the kernel's floor"},
		{0.94, "at the kernel's floor, within noise (0.94 ×)", "at the kernel's floor, within noise (0.94 ×)"},
		{0.2, "0.20 × the kernel's floor: it sends several messages together", "at the kernel's floor, within noise (0.20 ×)"},
	} {
		f := &Floor{DeliveryRatio: tt.ratio, UpgradeRatio: tt.ratio}
		if f.Delivery() != tt.delivery || f.Upgrade() != tt.upgrade {
			t.Errorf("%v: got %q and %q, want %q and %q", tt.ratio, f.Delivery(), f.Upgrade(), tt.delivery, tt.upgrade)
		}
	}
	r := calm()
	r.Floor.DeliveryRatio = 0.94
	var out bytes.Buffer
	if err := r.WriteText(&out, false); err != nil || !strings.Contains(out.String(), "per delivery, at the kernel's floor, within noise (0.94 ×) ·") {
		t.Errorf("got %v\n%s", err, out.String())
	}
	s := Step{Connections: 1, Rate: 1, Floor: &Floor{DeliveryRatio: 0.94, UpgradeRatio: 1.4}}
	if got, want := s.FloorText(), "1 message/s to 1 connection: multiples of the kernel's floor: delivery 0.94 × (at the floor, within noise), upgrade 1.40 ×"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRetransmissionsAreExplainedByTheNetwork(t *testing.T) {
	r := broken()
	for url, want := range map[string]string{
		"ws://127.0.0.1:3000/ws":   "loopback loses no segment",
		"ws://[::1]:3000/ws":       "loopback loses no segment",
		"ws://localhost/ws":        "loopback loses no segment",
		"ws://192.0.2.1:3000/ws":   "the network lost them",
		"ws://example.org:3000/ws": "the network lost them",
	} {
		if r.Target.URL = url; !strings.HasPrefix(r.Retransmissions(), want) {
			t.Errorf("%s: got %q, want %q", url, r.Retransmissions(), want)
		}
	}
	if r.Observed[1].Retransmits = 0; r.Retransmissions() != "" {
		t.Errorf("got %q without retransmitted segments", r.Retransmissions())
	}
}
