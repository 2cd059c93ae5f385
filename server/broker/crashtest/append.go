//go:build linux

package crashtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/datadir"
	"github.com/throng-chat/throng/server/broker/natsbroker"
)

// event is what the child reports: 21 bytes.
type event struct {
	Kind  byte   // 'a': a record is committed; 't': a trim begins
	Seq   uint64 // of the record, or up to which
	Sum   uint32 // of the record
	Count uint32 // publications in the record
	_     uint32
}

const (
	acknowledgedEvent = 'a'
	trimEvent         = 't'

	recordHead = 20 // sum, run, number in the run, publications
	trimEach   = 400
	trimKeeps  = 200
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append is the child process: it appends to log 0 of a directory as fast as it can, two records at a time, and reports each commit to out
// before it appends the next one. It trims the log now and then. It ends with an error only.
func Append(dir string, noSync bool, out io.Writer) error {
	e, err := openEngine(dir, noSync)
	if err != nil {
		return err
	}
	l, err := e.Open(context.Background(), 0)
	if err != nil {
		return err
	}
	_, last, err := l.Extent(context.Background())
	if err != nil {
		return err
	}
	a := &appender{log: l, out: out, run: rand.Uint64() >> 1, next: last + 1, results: make(chan error, broker.MaxAppends)}
	for range broker.MaxAppends {
		a.append()
	}
	for n := 1; ; n++ {
		if err := <-a.results; err != nil {
			return err
		}
		if n%trimEach == 0 {
			if err := a.trim(); err != nil {
				return err
			}
		}
		a.append()
	}
}

func openEngine(dir string, noSync bool) (broker.Engine, error) {
	return natsbroker.Open(natsbroker.Options{Dir: dir, NoSync: noSync, Floor: &datadir.Floor{}})
}

type appender struct {
	log     broker.Log
	out     io.Writer
	run     uint64
	next    uint64 // number of the next record
	results chan error
}

// append appends a record with 1 to 64 publications of about 200 bytes. Its commit is reported by its done.
func (a *appender) append() {
	count := 1 + rand.Uint32N(64)
	record := make([]byte, recordHead, recordHead+int(count)*200)
	binary.BigEndian.PutUint64(record[4:], a.run+a.next)
	binary.BigEndian.PutUint32(record[12:], count)
	record = append(record, bytes.Repeat([]byte{byte(count)}, int(count)*(100+rand.IntN(200)))...)
	sum := sumOf(record)
	binary.BigEndian.PutUint32(record, sum)
	seq := a.next
	a.next++
	a.log.Append(seq-1, record, func(err error) {
		if err == nil {
			err = a.report(event{Kind: acknowledgedEvent, Seq: seq, Sum: sum, Count: count})
		}
		a.results <- err
	})
}

// trim removes all records but the newest. It is reported before it begins.
func (a *appender) trim() error {
	if a.next < trimKeeps {
		return nil
	}
	upTo := a.next - trimKeeps
	if err := a.report(event{Kind: trimEvent, Seq: upTo}); err != nil {
		return err
	}
	return a.log.Trim(context.Background(), upTo)
}

// report writes an event with one call, so that it is whole or missing.
func (a *appender) report(e event) error {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.BigEndian, e); err != nil {
		return err
	}
	if _, err := a.out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// sumOf is the checksum of a record behind its first 4 bytes.
func sumOf(record []byte) uint32 { return crc32.Checksum(record[4:], castagnoli) }
