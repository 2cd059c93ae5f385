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

// Several calls in one request: by the method batch, or line by line in the body of POST /api.

const (
	MaxBatchCommands = 1000     // in one request; of more none is done
	MaxBatchAnswer   = 16 << 20 // bytes of all replies, about; what comes behind is not done
)

// apiBatch is several calls, one after another.
type apiBatch struct {
	Commands batchCommands `json:"commands"`
	Parallel bool          `json:"parallel"` // in any order, then: ours is one
}

func (ab *apiBatch) do(_ context.Context, a *API) (any, *protocol.Error) {
	return Replies{api: a, commands: ab.Commands}, nil
}

// batchCommands are commands that were counted, and not read yet.
type batchCommands []json.RawMessage

// UnmarshalJSON counts as it reads, so that too many cost no more than as many as may be.
func (bc *batchCommands) UnmarshalJSON(list []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(list))
	switch opens, err := decoder.Token(); {
	case err != nil:
		return err
	case opens == nil:
		return nil
	case opens != json.Delim('['):
		return refusedParams{badRequest("commands: want an array of commands, each {\"METHOD\":{PARAMETERS}}")}
	}
	commands, err := countedValues(decoder)
	*bc = commands
	return err
}

// countedValues reads JSON values up to the end of an array, or of the text.
func countedValues(decoder *json.Decoder) ([]json.RawMessage, error) {
	var values []json.RawMessage
	for decoder.More() {
		if len(values) == MaxBatchCommands {
			return nil, refusedParams{overLimit("more than %d commands in one request: none was done; send several requests", MaxBatchCommands)}
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// Replies are the answers to several commands, which are called while they are written: one after another, and no more of them
// once the caller has gone.
type Replies struct {
	api      *API
	commands []json.RawMessage
	lines    bool // of POST /api; else of the method batch
}

func (all Replies) size() int { return 0 } // nobody asks: there is no batch in a batch

// writeTo calls the commands and writes what they are answered. As the protocol has it, a reply of batch is not wrapped: it is
// {"publish":{}} or {"error":{}}; a line is {"result":{}} or {"error":{}}.
func (all Replies) writeTo(ctx context.Context, to *apiAnswer) {
	if !all.lines {
		to.raw(`{"replies":[`)
	}
	run := batchRun{api: all.api, patience: all.api.Patience, budget: MaxBatchAnswer}
	for i, command := range all.commands {
		if to.gone(ctx) {
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

// batchRun is what the commands of one request have left between them.
type batchRun struct {
	api      *API
	patience time.Duration // for what others have to do
	budget   int           // bytes of replies
}

// command calls {"METHOD":{PARAMETERS}}.
func (b *batchRun) command(ctx context.Context, command []byte, to *apiAnswer) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(command, &fields) != nil || len(fields) != 1 {
		to.Value(ctx, reply{Error: badRequest("a command is one method and its parameters: {\"publish\":{}}")})
		return
	}
	for name, params := range fields {
		result, e := b.call(ctx, name, params)
		if e != nil {
			to.Value(ctx, reply{Error: e})
			return
		}
		to.raw(`{"` + name + `":`) // the name of a method: it needs no quoting
		to.Value(ctx, result)
		to.raw("}")
	}
}

// line calls {"method":NAME,"params":{}}.
func (b *batchRun) line(ctx context.Context, line []byte, to *apiAnswer) {
	command, e := named(line)
	var result any
	if e == nil {
		result, e = b.call(ctx, command.Method, command.Params)
	}
	WriteReply(ctx, to, command.ID, result, e)
}

// call calls a method, unless the answer is too long for what is left.
func (b *batchRun) call(ctx context.Context, name string, params []byte) (any, *protocol.Error) {
	if name == "batch" {
		return nil, badRequest("a batch within a batch")
	}
	tooLong := overLimit("the replies of one request are %d MiB at most, and this one would be more: send it in another request", MaxBatchAnswer>>20)
	if b.budget <= 0 {
		b.api.count(name, tooLong)
		return nil, tooLong
	}
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, b.patience)
	result, e := b.api.Do(limited, name, params)
	cancel()
	b.patience -= time.Since(began)
	if long, is := result.(streamed); is && e == nil && long.size() > b.budget {
		b.budget = 0 // or each of a thousand would be looked up, to be refused
		result, e = nil, tooLong
	}
	b.api.count(name, e)
	return result, e
}

// namedCommand is a command that says its method.
type namedCommand struct {
	ID     uint64          `json:"id"` // given back with the reply; 0 for none
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

// bodyLines are the commands of a body of POST /api: one, or several with line ends or nothing between them.
func bodyLines(body []byte) ([]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	lines, err := countedValues(decoder)
	if err == nil {
		// What closes an array that was never opened ends the values as well.
		if _, end := decoder.Token(); !errors.Is(end, io.EOF) {
			err = errNotJSON
		}
	}
	return lines, err
}
