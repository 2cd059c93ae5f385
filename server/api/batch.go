package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/centrifugal/protocol"
)

// Several calls in one request: the method batch, or several lines in the body of POST /api.

const (
	MaxBatchCommands = 1000     // per request; with more, none is executed
	MaxBatchAnswer   = 16 << 20 // bytes of all replies, about; commands after that are not executed
)

// apiBatch executes several calls, one after another.
type apiBatch struct {
	Commands batchCommands `json:"commands"`
	Parallel bool          `json:"parallel"` // allows any order; throng keeps the order of the list
}

func (ab *apiBatch) do(_ context.Context, a *API) (any, *protocol.Error) {
	return Replies{api: a, commands: ab.Commands}, nil
}

// batchCommands are counted commands, not decoded yet.
type batchCommands []json.RawMessage

// UnmarshalJSON counts while it reads: a longer list costs no more than one of MaxBatchCommands.
func (bc *batchCommands) UnmarshalJSON(list []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(list))
	switch opens, err := decoder.Token(); {
	case err != nil:
		return err
	case opens == nil:
		return nil
	case opens != json.Delim('['):
		return paramsError{badRequest("commands: want an array of commands, each {\"METHOD\":{PARAMETERS}}")}
	}
	commands, err := countedValues(decoder)
	*bc = commands
	return err
}

// countedValues reads JSON values until the end of an array or of the text.
func countedValues(decoder *json.Decoder) ([]json.RawMessage, error) {
	var values []json.RawMessage
	for decoder.More() {
		if len(values) == MaxBatchCommands {
			return nil, paramsError{overLimit("more than %d commands in one request: none was executed; send several requests", MaxBatchCommands)}
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// Replies are the replies to several commands. Each command is executed while the replies are written, one after another. No further one is
// executed after the caller has disconnected.
type Replies struct {
	api      *API
	commands []json.RawMessage
	lines    bool // the form of POST /api; else that of the method batch
}

// writeTo executes the commands and writes their replies. A reply of the method batch is {"publish":{}} or {"error":{}}, as in Centrifugo. A
// line is {"result":{}} or {"error":{}}.
func (all Replies) writeTo(ctx context.Context, to *response) {
	if !all.lines {
		to.raw(`{"replies":[`)
	}
	run := batchRun{api: all.api, timeLeft: all.api.Timeout, budget: MaxBatchAnswer}
	for i, command := range all.commands {
		if to.callerGone(ctx) {
			return
		}
		switch {
		case i == 0:
		case all.lines:
			to.raw("\n")
		default:
			to.raw(",")
		}
		before := to.written()
		if all.lines {
			run.line(ctx, command, to)
		} else {
			run.command(ctx, command, to)
		}
		run.budget -= to.written() - before
	}
	if !all.lines {
		to.raw("]}")
	}
}

// batchRun has the time and the bytes that are left for the commands of one request.
type batchRun struct {
	api      *API
	timeLeft time.Duration // left for the work of pollers and shards
	budget   int           // bytes of replies that are left
}

// command executes {"METHOD":{PARAMETERS}}.
func (b *batchRun) command(ctx context.Context, command []byte, to *response) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(command, &fields) != nil || len(fields) != 1 {
		to.Value(ctx, reply{Error: badRequest("want a command of one method and its parameters: {\"publish\":{}}")})
		return
	}
	for name, params := range fields {
		result, e := b.call(ctx, name, params)
		if e != nil {
			to.Value(ctx, reply{Error: e})
			return
		}
		to.raw(`{"` + name + `":`) // a known method: its name needs no escaping
		to.Value(ctx, result)
		to.raw("}")
	}
}

// line executes {"method":NAME,"params":{}}.
func (b *batchRun) line(ctx context.Context, line []byte, to *response) {
	command, e := named(line)
	var result any
	if e == nil {
		result, e = b.call(ctx, command.Method, command.Params)
	}
	WriteReply(ctx, to, command.ID, result, e)
}

// call calls a method. Error 106 replaces a result that is larger than the rest of the budget.
func (b *batchRun) call(ctx context.Context, name string, params []byte) (any, *protocol.Error) {
	if name == "batch" {
		return nil, badRequest("want no batch in a batch")
	}
	tooLong := overLimit("the replies of one request are limited to %d MiB: send this command in another request", MaxBatchAnswer>>20)
	if b.budget <= 0 {
		b.api.count(name, tooLong)
		return nil, tooLong
	}
	began := time.Now()
	ctx, span := b.api.sessions.Tracer.Part(ctx, name)
	defer span.End()
	limited, cancel := context.WithTimeout(ctx, b.timeLeft)
	result, e := b.api.Do(limited, name, params)
	cancel()
	b.timeLeft -= time.Since(began)
	if long, is := result.(sized); is && e == nil && long.size() > b.budget {
		b.budget = 0 // otherwise each further command would be executed in vain
		result, e = nil, tooLong
	}
	b.api.count(name, e)
	note(span, e)
	return result, e
}

// namedCommand is a command with the name of its method.
type namedCommand struct {
	ID     uint64          `json:"id"` // repeated in the reply; 0 for none
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

func named(line []byte) (c namedCommand, e *protocol.Error) {
	if isEmptyArray(line) {
		return c, badRequest("want {\"method\":NAME,\"params\":{}}, not []")
	}
	e = decodeParams(line, &c)
	if len(c.Params) == 0 || string(c.Params) == "null" {
		c.Params = []byte("{}")
	}
	return c, e
}

var errNotJSON = errors.New("body: want one JSON object, or for POST " + Path + " one on each line")

// bodyLines splits a body of POST /api into its commands: one or more JSON values, with or without line breaks between them.
func bodyLines(body []byte) ([]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	lines, err := countedValues(decoder)
	if err == nil {
		// More is also false at a closing bracket, which is an error here.
		if _, end := decoder.Token(); !errors.Is(end, io.EOF) {
			err = errNotJSON
		}
	}
	return lines, err
}
