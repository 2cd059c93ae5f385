package main

import (
	"errors"
	"fmt"
	"go/ast"
	"strconv"
	"strings"
	"testing"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/doctable"
)

// The scenarios are the commands of bench that a plan may use. The others are tools.
func TestLoadTestListsEveryScenarioAndTool(t *testing.T) {
	t.Parallel()
	var scenarios, tools []string
	for _, command := range newParser(&commands{}).Model.Children {
		if command.Name != "bench" {
			continue
		}
		for _, c := range command.Children {
			if _, err := parsePlan(fmt.Appendf(nil, "[[stage]]\nscenario = %q\n", c.Name)); err == nil {
				scenarios = append(scenarios, c.Name)
			} else {
				tools = append(tools, c.Name)
			}
		}
	}
	firstWords := func(cells []string) (words []string) {
		for _, cell := range cells {
			words = append(words, strings.Fields(cell)[0])
		}
		return words
	}
	doctable.Same(t, "docs/load-test.md, Scenarios", firstWords(column(t, "load-test.md", "Scenarios", "scenario")), scenarios)
	doctable.Same(t, "docs/load-test.md, Results and tools", firstWords(column(t, "load-test.md", "Results and tools", "command")), tools)
}

// constants returns the constants of a file whose values are numbers or texts, as the file has them.
func constants(t *testing.T, file, prefix string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for _, d := range parse(t, file).Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			v, ok := s.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, prefix) {
				continue
			}
			if lit, ok := v.Values[0].(*ast.BasicLit); ok {
				values[v.Names[0].Name] = strings.Trim(lit.Value, `"`)
			}
		}
	}
	return values
}

// The page has the verdicts of the package with their exit codes, in order of severity.
func TestLoadTestListsEveryVerdictWithItsExitCode(t *testing.T) {
	t.Parallel()
	var verdicts, listed []string
	for name, word := range constants(t, "../../bench/result/verdict.go", "") {
		if name != "Schema" {
			verdicts = append(verdicts, word)
		}
	}
	for _, row := range doctable.Below(t, "load-test.md", "Verdicts", "verdict").Rows {
		word := doctable.Plain(row[0])
		listed = append(listed, word)
		code := 0
		if err := verdictError(&result.Result{Verdict: result.Verdict{Code: word}}); err != nil {
			code = exitFailed
			if e := (*exitError)(nil); errors.As(err, &e) {
				code = e.code
			}
		}
		if first, _, _ := strings.Cut(row[1], ";"); first != strconv.Itoa(code) {
			t.Errorf("%s: got exit code %s, want %d", word, first, code)
		}
	}
	doctable.Same(t, "docs/load-test.md, Verdicts", listed, verdicts)
}

func TestLoadTestListsEveryExitCode(t *testing.T) {
	t.Parallel()
	codes := []string{"0", strconv.Itoa(exitFailed), strconv.Itoa(exitUsage)}
	for _, code := range constants(t, "bench_exit.go", "exit") {
		codes = append(codes, code)
	}
	if len(codes) < 8 {
		t.Fatalf("got the codes %v of the code, want more", codes)
	}
	doctable.Same(t, "docs/load-test.md, Exit codes", column(t, "load-test.md", "Exit codes", "code"), codes)
}

func TestLoadTestListsEveryProtocolWithItsPath(t *testing.T) {
	t.Parallel()
	protocols := append([]agent.Protocol{}, agent.Protocols...)
	own, err := agent.Template("", "", "{{payload}}")
	if err != nil {
		t.Fatal(err)
	}
	protocols = append(protocols, own)
	var listed, want []string
	for _, row := range doctable.Below(t, "load-test.md", "Protocols", "protocol").Rows {
		listed = append(listed, doctable.Plain(strings.Fields(row[0])[0]+" "+row[2]+" "+row[3]))
	}
	for _, p := range protocols {
		resumes := "no"
		if p.Resume != nil {
			resumes = "yes"
		}
		want = append(want, p.Name+" "+p.Path+" "+resumes)
	}
	doctable.Same(t, "docs/load-test.md, Protocols", listed, want)
}
