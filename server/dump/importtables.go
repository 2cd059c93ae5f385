package dump

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
)

// importedTables stores the lines of tables.
type importedTables struct {
	to       Tables
	checkKey func(key string, value []byte) error // nil: no check
	table    map[string]broker.Table
	known    map[string]map[string]bool // keys of each table: of the directory false, of the lines true
}

// read reads which keys a table has.
func (it *importedTables) read(ctx context.Context, name string) error {
	if it.known[name] != nil {
		return nil
	}
	if it.to == nil {
		return errors.New("there is no table for it")
	}
	table, err := it.to.Table(ctx, name)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	if err := broker.Entries(ctx, table, func(key string, _ []byte, _ uint64) { known[key] = false }); err != nil {
		return err
	}
	if it.known == nil {
		it.known, it.table = map[string]map[string]bool{}, map[string]broker.Table{}
	}
	it.known[name], it.table[name] = known, table
	return nil
}

// isTableLine reports whether a line is of a table.
func (l *Line) isTableLine() bool { return l.Kind == kindSanction || l.Kind == kindKey }

// tableEntry returns the entry of a line of a table. A negative ttl means that it has ended.
func (l *Line) tableEntry() (table, key string, value []byte, ttl time.Duration, err error) {
	value = l.Base64
	if len(l.Data) > 0 {
		var compact bytes.Buffer
		if err := json.Compact(&compact, l.Data); err != nil {
			return "", "", nil, 0, fmt.Errorf("data: %w", err)
		}
		value = compact.Bytes()
	}
	if l.Kind == kindSanction {
		if key, ttl, err = chat.StoredSanction(value, time.Now()); err != nil {
			err = fmt.Errorf("data: %w", err)
		}
		return broker.SanctionTable, key, value, ttl, err
	}
	err = broker.CheckKey(l.Key)
	if err == nil {
		err = broker.CheckValue(value)
	}
	return broker.KeyTable, l.Key, value, 0, err
}

// tableLine checks or stores the line of a table.
func (im *importer) tableLine(ctx context.Context, l *Line) error {
	name, key, value, ttl, err := l.tableEntry()
	if err == nil && l.Kind == kindKey && im.tables.checkKey != nil {
		err = im.tables.checkKey(key, value)
	}
	if err == nil {
		err = im.tables.read(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("line %d: %s: %w", im.line, l.Kind, err)
	}
	if ofLines, is := im.tables.known[name][key]; is && !ofLines {
		return fmt.Errorf("line %d: the data directory has the %s %s: import into an empty directory, or remove the line", im.line, l.Kind, key)
	}
	im.writing.Lines++
	if ttl < 0 {
		im.writing.Ended++
		return nil
	}
	im.tables.known[name][key] = true
	if len(im.tables.known[broker.SanctionTable]) > chat.MaxSanctions {
		return fmt.Errorf("line %d: more than %d sanctions", im.line, chat.MaxSanctions)
	}
	if l.Kind == kindSanction {
		im.writing.Sanctions++
	} else {
		im.writing.Keys++
	}
	if !im.store {
		return nil
	}
	if _, err := im.tables.table[name].Put(ctx, key, value, nil, ttl); err != nil {
		return fmt.Errorf("line %d: store the %s: %w", im.line, l.Kind, err)
	}
	return nil
}
