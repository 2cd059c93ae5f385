package server

import (
	"go/ast"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/doctable"
)

// logLine is a line of the log: a call of a logger with a constant event.
type logLine struct {
	level, event string
	fields       []string
}

// logLines returns the lines of the log, from the calls in the sources.
func logLines(t *testing.T) (lines []logLine) {
	t.Helper()
	levels := map[string]string{"Debug": "debug", "Info": "info", "Warn": "warn", "Error": "error"}
	eachNode(t, func(s parsedSource, n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || levels[method.Sel.Name] == "" || !isLogger(method.X) {
			return
		}
		event, ok := eventText(call.Args[0])
		if !ok {
			t.Errorf("%s: the event of a log line is not a constant", s.dir)
			return
		}
		l := logLine{level: levels[method.Sel.Name], event: event}
		for i := 1; i < len(call.Args); i += 2 {
			key, is := literalOf(call.Args[i])
			if !is {
				t.Errorf("%s: %q: the name of a field is not a constant", s.dir, event)
				return
			}
			l.fields = append(l.fields, key)
		}
		lines = append(lines, l)
	})
	return lines
}

// isLogger reports whether an expression names a logger: log, x.log, x.Log, slog.
func isLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return strings.EqualFold(x.Name, "log") || x.Name == "slog"
	case *ast.SelectorExpr:
		return strings.EqualFold(x.Sel.Name, "log")
	}
	return false
}

// eventText returns the constant event of a log line. In it, a part that is no constant is an ellipsis.
func eventText(e ast.Expr) (text string, ok bool) {
	sum, is := e.(*ast.BinaryExpr)
	if !is {
		return literalOf(e)
	}
	x, okX := eventText(sum.X)
	y, okY := eventText(sum.Y)
	if !okX {
		x = "…"
	}
	if !okY {
		y = "…"
	}
	return x + y, okX || okY
}

// docs/log.md has each line of the log with its level and its fields, and each field.
func TestThePageOfTheLogHasEachLine(t *testing.T) {
	t.Parallel()
	var lines, onPage, fields, fieldsOnPage []string
	for _, l := range logLines(t) {
		lines = append(lines, l.level+": "+l.event+": "+strings.Join(l.fields, ", "))
		fields = append(fields, l.fields...)
	}
	for _, row := range doctable.Rows(t, "log.md", "event", "level", "fields") {
		onPage = append(onPage, row[1]+": "+strings.Trim(row[0], "`")+": "+strings.NewReplacer("`", "").Replace(row[2]))
	}
	for _, row := range doctable.Rows(t, "log.md", "field", "meaning") {
		fieldsOnPage = append(fieldsOnPage, strings.Trim(row[0], "`"))
	}
	doctable.Same(t, "lines of the log", onPage, once(lines))
	doctable.Same(t, "fields", fieldsOnPage, once(fields))
}
