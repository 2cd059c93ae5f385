package dump

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/throng-chat/throng/server/broker"
)

// maxNamed is the number of problems that a summary names.
const maxNamed = 20

// Summary is the result of an export of a server that runs.
type Summary struct {
	Exported Exported       `json:"exported"`
	Tables   ExportedTables `json:"tables"`
	Problems []string       `json:"problems,omitempty"` // the first ones
	Error    string         `json:"error,omitempty"`    // why the lines are not complete
}

// ErrTrimmed: the server has removed records during the export. It has stored again what only they had, behind the records that are exported.
var ErrTrimmed = errors.New("the server has removed old records meanwhile: export again")

// ExportLive writes what Export and ExportTables write, for an engine that a server uses: the logs as they are at the begin, one after another. The logs of
// the server are not changed. The error is in the summary as well.
func ExportLive(ctx context.Context, engine broker.Engine, keys bool, out io.Writer) (sum Summary, err error) {
	defer func() {
		if err != nil {
			sum.Error = err.Error()
		}
	}()
	count, err := engine.Logs(ctx, 1)
	if err != nil {
		return sum, err
	}
	var logs []*snapshot
	for shard := range count {
		log, err := engine.Open(ctx, shard)
		if err != nil {
			return sum, err
		}
		defer log.Close()
		first, last, err := log.Extent(ctx)
		if err != nil {
			return sum, fmt.Errorf("read the extent of log %d: %w", shard, err)
		}
		logs = append(logs, &snapshot{log, first, last})
	}
	problem := func(text string) {
		if len(sum.Problems) < maxNamed {
			sum.Problems = append(sum.Problems, text)
		}
	}
	for _, log := range logs {
		ex, err := Export(ctx, log, out, func(p Problem) { problem(p.String()) })
		sum.Exported.add(&ex)
		if now, _, extentErr := log.Log.Extent(ctx); extentErr != nil || now != log.first {
			return sum, errors.Join(err, extentErr, ErrTrimmed)
		}
		if err != nil {
			return sum, err
		}
	}
	sum.Tables, err = ExportTables(ctx, engine, keys, out, problem)
	return sum, err
}

// snapshot is a log up to a record.
type snapshot struct {
	broker.Log
	first, last uint64
}

func (sn *snapshot) Extent(context.Context) (first, last uint64, err error) {
	return sn.first, sn.last, nil
}

var errLater = errors.New("the record is behind the snapshot")

func (sn *snapshot) Replay(ctx context.Context, after uint64, f func(seq uint64, record []byte) error) (last uint64, err error) {
	if sn.first > sn.last {
		return sn.last, nil
	}
	_, err = sn.Log.Replay(ctx, after, func(seq uint64, record []byte) error {
		if seq > sn.last {
			return errLater
		}
		return f(seq, record)
	})
	if errors.Is(err, errLater) {
		err = nil
	}
	return sn.last, err
}
