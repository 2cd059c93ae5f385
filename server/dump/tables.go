package dump

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
)

// Tables is the engine of a data directory.
type Tables interface {
	Table(ctx context.Context, name string) (broker.Table, error)
	Health() broker.Health
}

// TablesReport is the result of CheckTables.
type TablesReport struct {
	Sanctions  int // that can be read
	Keys       int
	Unreadable int    // sanctions that are not in effect
	Restored   uint64 // damaged entries that the engine has restored from their copies
	Lost       uint64 // damaged entries that may be lost
}

// OK reports whether the tables are whole.
func (tr *TablesReport) OK() bool { return tr.Unreadable == 0 && tr.Restored == 0 && tr.Lost == 0 }

// CheckTables reads the tables with the sanctions and the keys. The engine restores what is damaged when it opens them. It calls problem for
// each sanction that is not in effect.
func CheckTables(ctx context.Context, from Tables, problem func(string)) (rep TablesReport, err error) {
	err = entries(ctx, from, broker.SanctionTable, func(key string, value []byte, _ uint64) {
		if err := chat.CheckStoredSanction(key, value); err != nil {
			rep.Unreadable++
			problem(fmt.Sprintf("sanction %s: is not in effect: %v", key, err))
			return
		}
		rep.Sanctions++
	})
	if err == nil {
		err = entries(ctx, from, broker.KeyTable, func(string, []byte, uint64) { rep.Keys++ })
	}
	health := from.Health()
	rep.Restored, rep.Lost = health.RestoredEntries, health.LostEntries
	return rep, err
}

// entries calls f for each entry of a table.
func entries(ctx context.Context, from Tables, name string, f func(key string, value []byte, revision uint64)) error {
	table, err := from.Table(ctx, name)
	if err == nil {
		err = broker.Entries(ctx, table, f)
	}
	if err != nil {
		return fmt.Errorf("table %s: %w", name, err)
	}
	return nil
}

// Kinds of lines of tables.
const (
	kindSanction = "sanction" // Data is the sanction
	kindKey      = "key"      // a secret of the server: Key and Data
)

// tableLine is a line of a table: a Line with fewer members.
type tableLine struct {
	Kind   string          `json:"kind"`
	Key    string          `json:"key,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
	Base64 []byte          `json:"b64data,omitempty"`
}

// ExportedTables is the result of ExportTables.
type ExportedTables struct {
	Sanctions, Keys int
	Left            int // keys without a line
	Unreadable      int // sanctions without a line
}

// ExportTables writes the sanctions as JSON lines, and the keys if keys is set. It calls problem for each sanction that it leaves out.
func ExportTables(ctx context.Context, from Tables, keys bool, out io.Writer, problem func(string)) (ex ExportedTables, err error) {
	lines := bufio.NewWriterSize(out, 1<<16)
	encoder := json.NewEncoder(lines)
	encoder.SetEscapeHTML(false)
	var failed error
	write := func(l tableLine) {
		if failed == nil {
			failed = encoder.Encode(l)
		}
	}
	err = entries(ctx, from, broker.SanctionTable, func(key string, value []byte, _ uint64) {
		if err := chat.CheckStoredSanction(key, value); err != nil {
			ex.Unreadable++
			problem(fmt.Sprintf("sanction %s: is left out: %v", key, err))
			return
		}
		ex.Sanctions++
		write(tableLine{Kind: kindSanction, Data: value})
	})
	if err == nil {
		err = entries(ctx, from, broker.KeyTable, func(key string, value []byte, _ uint64) {
			if !keys {
				ex.Left++
				return
			}
			ex.Keys++
			l := tableLine{Kind: kindKey, Key: key}
			l.Data, l.Base64 = compactJSON(value)
			write(l)
		})
	}
	return ex, errors.Join(err, failed, lines.Flush())
}
