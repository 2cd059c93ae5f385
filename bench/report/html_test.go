package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/uplot"
)

// drawer replaces uPlot in tests of the rest of the page.
func drawer() fstest.MapFS {
	return fstest.MapFS{
		"uPlot.iife.min.js": {Data: []byte(`var uPlot = function () { return "<b>" && 1 < 2; };`)},
		"uPlot.min.css":     {Data: []byte(`.uplot > * { color: "<b>"; }`)},
		"LICENSE":           {Data: []byte("The <MIT> License")},
	}
}

func render(t *testing.T, r *result.Result) string {
	t.Helper()
	var out bytes.Buffer
	if err := writeHTML(&out, r, drawer()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

const evil = "</script></style></title><!--<img src=x onerror=alert(1)>\"'`{{.}}\u2028"

// fill sets every field of v to a value other than zero. Strings are evil and end with the path of their field.
func fill(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), path)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, path)
		fill(value, path)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1e9, 0)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), strings.Trim(path+"."+v.Type().Field(i).Name, "."))
		}
	case reflect.String:
		if !strings.HasSuffix(path, ".HDR") {
			v.SetString(evil + "(" + path + ")")
		}
	case reflect.Bool:
		v.SetBool(false)
	case reflect.Float64:
		v.SetFloat(3)
	case reflect.Uint64:
		v.SetUint(3)
	default:
		v.SetInt(3)
	}
}

func TestAllTextOfAResultIsEscaped(t *testing.T) {
	r := &result.Result{}
	fill(reflect.ValueOf(r).Elem(), "")
	got := render(t, r)
	for tag, want := range map[string]int{
		"<script": 3, "</script": 3, "<style": 1, "</style": 1, "<title": 1, "</title": 1, "<!--": 0, "<img": 0, "<b>": 2, // of the drawer
	} {
		if n := strings.Count(got, tag); n != want {
			t.Errorf("%s: got %d, want %d", tag, n, want)
		}
	}
	shown := html.UnescapeString(got)
	for _, path := range []string{
		"Tool", "Label", "Verdict.Code", "Verdict.Why", "Notes", "Thresholds.Expr", "Env.CPU", "Env.Kernel", "Env.Go", "Target.URL", "Target.Protocol",
		"Target.Command", "Plan.Scenario", "Connect.Failed", "Delivery.Closes", "Delivery.Samples.Kind", "Storm.By", "Slow.Closes",
		"Steps.Verdict.Code", "Steps.Why", "Agents.Name", "Observed.Threads.Name", "Observed.Metrics",
	} {
		if !strings.Contains(shown, evil+"("+path+")") {
			t.Errorf("%s is not on the page", path)
		}
	}
	if !strings.Contains(shown, "(Args)") {
		t.Error("Args is not on the page")
	}
	if data := element(t, got, `<script type="application/json" id="plots">`, "</script>"); strings.Contains(data, "alert") {
		t.Errorf("the plots contain text of the result: %s", data)
	}
}

// element returns the text between two tags.
func element(t *testing.T, page, open, end string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, open)
	if !ok {
		t.Fatalf("no %s in the page", open)
	}
	inner, _, _ := strings.Cut(rest, end)
	return inner
}

func TestThePolicyAllowsOnlyTheOwnScripts(t *testing.T) {
	page := render(t, everything(t))
	policy := html.UnescapeString(element(t, page, `http-equiv="Content-Security-Policy" content="`, `"`))
	allowed := regexp.MustCompile(`'sha256-[^']*'`).FindAllString(policy, -1)
	var want []string
	for _, e := range regexp.MustCompile(`(?s)<(?:style|script)>(.*?)</(?:style|script)>`).FindAllStringSubmatch(page, -1) {
		sum := sha256.Sum256([]byte(e[1]))
		want = append(want, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	if len(want) != 3 || !slices.Equal(allowed, want) {
		t.Errorf("hashes: got %q, want the hashes of the style and the two scripts, %q", allowed, want)
	}
	for _, part := range []string{"default-src 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("policy: got %q, want %s in it", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy: got %q, want no unsafe source", policy)
	}
}

func TestThePageContainsTheResult(t *testing.T) {
	r := everything(t)
	page := html.UnescapeString(render(t, r))
	for _, want := range []string{
		"<h1>DELIVERY BROKEN</h1>", "3 of 48,782 deliveries lost", `<header class="bad">`, "bound lost==0 does not hold: 3",
		"lost: connection 17 in room 3, message 21 of publisher 4", "reordered: room 2, which two agents received in different orders",
		"not measured in this run", r.PlanText(), r.Found.Text(), "throng bench chat --connections 500", "'a first try'", "2 connection reset by peer",
		"a note of the run", "20 TCP segments retransmitted", "Reconnect storm", "clients without complete recovery", "Stopped readers", "The <MIT> License",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not contain %q", want)
		}
	}
	for _, of := range r.Timings() {
		for _, figure := range append(of.Figures(), of.What) {
			if !strings.Contains(page, figure) {
				t.Errorf("the page does not contain %q", figure)
			}
		}
	}
}

func TestThePageContainsTheRamp(t *testing.T) {
	r := everything(t)
	if page := render(t, r); strings.Contains(page, "ramp") {
		t.Error("a result without a ramp has one on the page")
	}
	r.Plan.Ramp, r.Connect.Lag = 1000, r.Connect.Time
	r.Plan.Size, r.Delivery.Expected = 0, 0
	page := render(t, r)
	for _, want := range []string{"1,000 connections/s", "dial delay of the ramp", "from the scheduled time to the 101"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not contain %q", want)
		}
	}
}

func TestThePageContainsTLS(t *testing.T) {
	const floor, agreed = "as plain bytes, without TLS", "TLS 1.3, TLS_AES_128_GCM_SHA256"
	r := &result.Result{Floor: &result.Floor{PerDelivery: 5800}, Connect: result.Connect{TCP: &result.Distribution{Count: 1, Max: 41 * time.Millisecond}}}
	if page := render(t, r); strings.Contains(page, floor) || strings.Contains(page, ">TLS<") {
		t.Error("without TLS: the page has it")
	}
	h := histogram.Histogram{}
	h.Record(int64(37 * time.Millisecond))
	var err error
	if r.Connect.TLS, err = result.Distribute(&h); err != nil {
		t.Fatal(err)
	}
	r.Connect.TCP, r.Target.TLS = r.Connect.TLS, agreed
	page := render(t, r)
	for _, want := range []string{floor, agreed, ">TLS<"} {
		if !strings.Contains(page, want) {
			t.Errorf("got no %q on the page", want)
		}
	}
}

func TestThePageContainsTheObservedServer(t *testing.T) {
	of := func(id int, cores float64) observe.Thread {
		return observe.Thread{ID: id, Name: "server", Cores: cores}
	}
	s, err := observed(&result.Result{Observed: []observe.Row{
		{T: 0, Threads: []observe.Thread{of(1, 0), of(2, 0)}, Files: 10, Metrics: map[string]float64{"gone": 1, "said": 3}},
		{T: 1, Threads: []observe.Thread{of(2, 0.5), of(1, 0.1)}, Files: 30, Sockets: 9, Machine: 1.5},
		{T: 3, Threads: []observe.Thread{of(3, 0.8), of(2, 0.2)}, Files: 20, Voluntary: 1234, Involuntary: 7, Throttled: 2, Metrics: map[string]float64{"said": 8}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, table := range append(s.Tables, *s.Folded) {
		for _, row := range table.Rows {
			got = append(got, row.Cells)
		}
	}
	want := [][]string{
		{"open files (maximum)", "30"}, {"voluntary context switches", "1,234"}, {"involuntary context switches", "7"},
		{"stopped by the CPU quota of its control group", "2.0 s"}, {"TCP sockets of the machine (maximum)", "9"}, {"busy cores of the machine (maximum)", "1.50"},
		{"3", "server", "0.533"}, {"2", "server", "0.300"}, {"1", "server", "0.033"},
		{"gone", "1", none}, {"said", "3", "8"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestTheVerdictHasItsColour(t *testing.T) {
	for _, tt := range []struct {
		verdict result.Verdict
		want    kind
	}{
		{result.Verdict{Code: result.Valid, OK: true}, good},
		{result.Verdict{Code: result.Valid}, doubtful}, // a threshold does not hold
		{result.Verdict{Code: result.Limited}, doubtful},
		{result.Verdict{Code: result.Unsteady}, doubtful},
		{result.Verdict{Code: result.Broken}, bad},
		{result.Verdict{Code: result.None}, bad},
		{result.Verdict{}, bad},
	} {
		p, err := newPage(&result.Result{Verdict: tt.verdict})
		if err != nil {
			t.Fatal(err)
		}
		if p.Kind != tt.want {
			t.Errorf("%+v: got %s, want %s", tt.verdict, p.Kind, tt.want)
		}
	}
}

func TestAnEmptyResultIsAPage(t *testing.T) {
	for _, r := range []*result.Result{{}, {Plan: result.Plan{Size: 100}}, {Series: []result.Second{{}}}} {
		page := render(t, r)
		if !strings.Contains(page, "<h1>NO VERDICT</h1>") || !strings.Contains(page, none) {
			t.Errorf("%+v: got no verdict text, or no %s for unknown values", r, none)
		}
		for _, bad := range []string{"NaN", "Inf", "%!"} {
			if strings.Contains(page, bad) {
				t.Errorf("%+v: got %s on the page", r, bad)
			}
		}
	}
}

func TestABrokenHistogramIsAnError(t *testing.T) {
	for name, of := range map[string]func(*result.Result) **result.Distribution{
		"each":      func(r *result.Result) **result.Distribution { return &r.Latency.Each },
		"ping":      func(r *result.Result) **result.Distribution { return &r.Latency.Ping },
		"connect":   func(r *result.Result) **result.Distribution { return &r.Connect.Upgrade },
		"untouched": func(r *result.Result) **result.Distribution { return &r.Storm.Untouched },
		"healthy":   func(r *result.Result) **result.Distribution { return &r.Slow.Healthy },
	} {
		for _, text := range []string{"?", "HISTFAAA", "AAAA"} {
			r := &result.Result{Storm: &result.Storm{}, Slow: &result.Slow{}}
			*of(r) = &result.Distribution{Count: 1, HDR: text}
			var out bytes.Buffer
			if err := writeHTML(&out, r, drawer()); err == nil || !strings.Contains(err.Error(), "histogram") {
				t.Errorf("%s of %q: got %v, want that the histogram cannot be read", name, text, err)
			}
			if out.Len() > 0 {
				t.Errorf("%s of %q: got %d bytes of a page, want none", name, text, out.Len())
			}
		}
	}
}

func TestWithoutUPlotThePageIsAnError(t *testing.T) {
	for _, missing := range []string{"uPlot.iife.min.js", "uPlot.min.css", "LICENSE"} {
		files := drawer()
		delete(files, missing)
		if err := writeHTML(io.Discard, &result.Result{}, files); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("without %s: got %v, want an error with its name", missing, err)
		}
	}
}

// Every build contains uPlot as published on npm, with its licence, also a build by go run.
func TestThePageContainsThePublishedUPlot(t *testing.T) {
	var out bytes.Buffer
	if err := HTML(&out, &result.Result{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
		"uPlot.min.css":     "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
		"LICENSE":           "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
	} {
		text, err := uplot.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := fmt.Sprintf("%x", sha256.Sum256(text)); sum != want {
			t.Errorf("%s: got SHA-256 %s, want %s of uPlot 1.6.32", name, sum, want)
		}
		if page := out.String(); !strings.Contains(page, string(text)) && !strings.Contains(html.UnescapeString(page), string(text)) {
			t.Errorf("%s is not on the page", name)
		}
	}
}

func TestAFailedWriteIsAnError(t *testing.T) {
	want := errors.New("no room")
	if err := writeHTML(failing{want}, &result.Result{}, drawer()); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }

func TestTheCommandCanBeTypedAgain(t *testing.T) {
	for want, args := range map[string][]string{
		"throng":                                nil,
		"throng bench --rate=5 'ws://a:1/ws?x'": {"bench", "--rate=5", "ws://a:1/ws?x"}, // a shell may find files that match the pattern
		`throng bench --fail 'p99<5ms' --label 'it'\''s' ''`: {"bench", "--fail", "p99<5ms", "--label", "it's", ""},
	} {
		if got := command(args); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
