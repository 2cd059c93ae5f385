package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/doctable"
	"github.com/throng-chat/throng/server/settings"
)

// These tests compare the tables of docs/config.md with the flags, the keys and the defaults.

// recordsBelow returns the rows of the first table below a heading of docs/config.md that has a column. The keys are the names of the columns.
func recordsBelow(t *testing.T, section, column string) (rows []map[string]string) {
	t.Helper()
	table := doctable.Below(t, "config.md", section, column)
	for _, cells := range table.Rows {
		row := map[string]string{}
		for i, name := range table.Header {
			row[name] = cells[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// shownDefault returns a default as the page has it.
func shownDefault(value string) string {
	if value == "" {
		return "none"
	}
	return "`" + value + "`"
}

func TestDocsSettingsMatchTheFlags(t *testing.T) {
	parser, _ := commandLine()
	var page, program, flagsOnly, programOnly []string
	for _, f := range serverFlags(parser.Model) {
		if f.Name == "help" {
			continue
		}
		names := fmt.Sprintf("`--%s`, `%s`", f.Name, f.Envs[0])
		if f.Tag.Get("config") == "-" {
			programOnly = append(programOnly, names)
			continue
		}
		value := f.Default
		if f.IsBool() && value == "" {
			value = "false"
		}
		program = append(program, fmt.Sprintf("`%s`, %s, default %s", f.Name, names, shownDefault(value)))
	}
	for _, row := range recordsBelow(t, "Settings", "key") {
		page = append(page, fmt.Sprintf("%s, %s, %s, default %s", row["key"], row["flag"], row["variable"], row["default"]))
	}
	for _, d := range doctable.All(t, "config.md") {
		if d.Section == "Settings" && d.Header[0] == "flag" {
			for _, row := range d.Rows {
				flagsOnly = append(flagsOnly, row[0]+", "+row[1])
			}
		}
	}
	doctable.Same(t, "settings", page, program)
	doctable.Same(t, "flags without a key", flagsOnly, programOnly)
}

func TestDocsKeysOfTablesMatchTheCode(t *testing.T) {
	t.Parallel()
	room := chat.DefaultRoom()
	room.Pattern = "" // which every [[room]] must have
	cfg := server.DefaultConfig()
	keys := tableKeys(&cfg)
	maps.Copy(keys, roomKeys(&room))
	maps.Copy(keys, pairKeys(&server.CertificateFiles{}))
	maps.Copy(keys, apiKeyKeys(&server.APIKey{}))
	for table := range tables {
		var documented, program []string
		for key, target := range keys {
			name, ours := strings.CutPrefix(key, table+".")
			if !ours || strings.Contains(name, ".") { // of a table within the table
				continue
			}
			value := reflect.ValueOf(target).Elem().Interface()
			text := fmt.Sprint(value)
			if list, is := value.([]string); is {
				text = strings.Join(list, ", ")
			}
			variable := ""
			if secret, is := secrets[key]; is {
				variable = "`" + secret + "`"
			}
			program = append(program, fmt.Sprintf("`%s`, variable %q, default %s", name, variable, shownDefault(text)))
		}
		for _, row := range recordsBelow(t, "`"+brackets(table)+"`", "key") {
			documented = append(documented, fmt.Sprintf("%s, variable %q, default %s", row["key"], row["variable"], row["default"]))
		}
		doctable.Same(t, "keys of "+brackets(table), documented, program)
	}
}

// Each key is in one class: a reload applies it, or it needs a restart.
func TestDocsReloadColumnMatchesTheCode(t *testing.T) {
	t.Parallel()
	class := func(s settings.Setting) string {
		if s.Reloadable {
			return "yes"
		}
		return "restart"
	}
	check := func(section string, v any) {
		var page, program []string
		for _, row := range recordsBelow(t, section, "key") {
			page = append(page, row["key"]+" "+row["reload"])
		}
		for _, s := range settings.Of(v) {
			program = append(program, "`"+s.Name+"` "+class(s))
		}
		doctable.Same(t, "reload, "+section, page, program)
	}
	check("Settings", &server.Config{})
	for _, table := range settings.Tables(&server.Config{}) {
		check("`"+brackets(table.Name)+"`", reflect.New(table.Row).Interface())
	}
}

// rangeOf matches a range such as "1 KiB to 1 GiB, or 0: no limit".
var rangeOf = regexp.MustCompile(`^([\d,.]+ ?[A-Za-z]*) to ([\d,.]+ ?[A-Za-z]*)(, or 0: .*)?$`)

// The ends of each range of the page are allowed, and values beyond them are not.
func TestDocsRangesMatchTheChecks(t *testing.T) {
	complaint := func(flag, value string) string {
		_, err := settled(t, written(t, ""), "--"+flag+"="+value)
		if err == nil {
			return ""
		}
		for line := range strings.Lines(err.Error()) {
			if strings.Contains(line, flag+" = ") || strings.Contains(line, "--"+flag) {
				return line
			}
		}
		return ""
	}
	checked := 0
	for _, row := range recordsBelow(t, "Settings", "key") {
		flag := strings.Trim(row["key"], "`")
		if strings.HasPrefix(row["range"], "0 or more") {
			checked++
			unit := map[string]string{"duration": "s", "number": ""}[row["type"]]
			if complaint(flag, "-1"+unit) == "" {
				t.Errorf("%s: a negative value is allowed", flag)
			}
			if got := complaint(flag, "0"+unit); got != "" {
				t.Errorf("%s: 0 is refused: %s", flag, got)
			}
			continue
		}
		found := rangeOf.FindStringSubmatch(row["range"])
		if found == nil {
			continue
		}
		checked++
		least, most := quantity(t, row["type"], found[1]), quantity(t, row["type"], found[2])
		show := func(v int64) string {
			if row["type"] == "duration" {
				return time.Duration(v).String()
			}
			return strconv.FormatInt(v, 10)
		}
		for value, allowed := range map[int64]bool{least: true, most: true, least - 1: found[3] != "" && least == 1, most + 1: false} {
			if got := complaint(flag, show(value)); (got == "") != allowed {
				t.Errorf("%s = %s: got %q, want it allowed: %v", flag, show(value), got, allowed)
			}
		}
		if got := complaint(flag, show(0)); (got == "") != (found[3] != "") {
			t.Errorf("%s = 0: got %q, and the page has %q", flag, got, row["range"])
		}
	}
	if checked < 12 {
		t.Errorf("checked %d ranges, want 12 or more", checked)
	}
}

// quantity parses a number, a size (in bytes) or a duration (in nanoseconds) of the page.
func quantity(t *testing.T, kind, text string) int64 {
	t.Helper()
	number, unit, _ := strings.Cut(strings.ReplaceAll(text, ",", ""), " ")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	factor, ok := map[string]int64{
		"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
		"ms": int64(time.Millisecond), "s": int64(time.Second), "h": int64(time.Hour),
	}[unit]
	if !ok {
		t.Fatalf("%s: unknown unit %q", kind, unit)
	}
	return n * factor
}

func TestDocsExitCodesMatchTheCode(t *testing.T) {
	t.Parallel()
	var page []string
	for _, row := range recordsBelow(t, "Check", "exit code") {
		page = append(page, row["exit code"])
	}
	doctable.Same(t, "exit codes", page, []string{"0", fmt.Sprint(exitFailed), fmt.Sprint(exitUsage), fmt.Sprint(exitInUse)})
}

// The example at the top of the page is valid, and its explanation is correct.
func TestDocsExampleOfTheConfigIsValid(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "config.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```toml\n")
	example, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatal("no example")
	}
	t.Setenv("THRONG_MAX_MESSAGE", "16KiB")
	t.Setenv("THRONG_TOKEN_HMAC_SECRET", strings.Repeat("s", 64))
	cfg, err := settled(t, written(t, example), "--rate", "50")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Rate != 50 || cfg.MaxMessage != 16<<10 || cfg.Listen != ":3000" || len(cfg.Rooms) != 1 {
		t.Errorf("got %+v", cfg)
	}
}

// The settings in docs/limits.md exist, with the same defaults and ranges.
func TestDocsLimitsNameSettings(t *testing.T) {
	parser, _ := commandLine()
	ranges, defaults := map[string]string{}, map[string]string{}
	for _, row := range recordsBelow(t, "Settings", "key") {
		key := strings.Trim(row["key"], "`")
		ranges[key], defaults[key] = row["range"], strings.Trim(row["default"], "`")
	}
	known := allKeys()
	quoted := regexp.MustCompile("`([^`]+)`")
	alone := regexp.MustCompile("^`([a-z-]+)`( \\(([^)]*)\\))?$")
	named, compared := map[string]bool{}, 0
	for _, d := range doctable.All(t, "limits.md") {
		at, limit := d.Column("setting"), d.Column("default")
		if at < 0 || limit < 0 {
			continue
		}
		for _, row := range d.Rows {
			for _, found := range quoted.FindAllStringSubmatch(row[at], -1) {
				key := found[1]
				switch {
				case key == "slow_mode" && strings.Contains(row[at], "API"), key == "limit" && strings.Contains(row[at], "URL"):
					continue
				case strings.HasPrefix(key, "["):
					table, name, _ := strings.Cut(key, " ")
					key = strings.Trim(table, "[]") + "." + name
				}
				named[key] = true
				if !slices.Contains(known, key) {
					t.Errorf("limits.md, %q: there is no setting %s", row[0], found[1])
				}
			}
			found := alone.FindStringSubmatch(row[at])
			if found == nil || strings.Contains(row[limit], "`") {
				continue
			}
			compared++
			if found[3] != "" && found[3] != ranges[found[1]] {
				t.Errorf("limits.md, %q: range %q, and config.md has %q", row[0], found[3], ranges[found[1]])
			}
			if !limitAgrees(row[limit], defaults[found[1]]) {
				t.Errorf("limits.md, %q: default %q, and config.md has %q", row[0], row[limit], defaults[found[1]])
			}
		}
	}
	if compared < 15 {
		t.Errorf("compared %d defaults, want 15 or more", compared)
	}
	for _, f := range serverFlags(parser.Model) {
		if regexp.MustCompile(`^(max|rate|ping|history)-|^(rate|drain)$`).MatchString(f.Name) && !named[f.Name] {
			t.Errorf("limits.md does not name the setting %s", f.Name)
		}
	}
	for key := range roomKeys(&chat.RoomOptions{}) {
		if regexp.MustCompile(`^room\.(max-|rate$|history-)`).MatchString(key) && !named[key] {
			t.Errorf("limits.md does not name the setting %s", key)
		}
	}
}

// limitAgrees reports whether a limit equals a default, such as "100/s" and "100", or "64 KiB" and "64KiB".
func limitAgrees(limit, value string) bool {
	switch value {
	case "0":
		return limit == "off" || strings.HasPrefix(limit, "open-file limit")
	case "none":
		return true
	}
	spaced := regexp.MustCompile(`^(\d+)([A-Za-z]+)$`).ReplaceAllString(value, "$1 $2")
	return limit == spaced || strings.HasPrefix(limit, spaced+"/s") || strings.HasPrefix(limit, spaced+";")
}
