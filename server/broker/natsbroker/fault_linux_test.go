//go:build !nonats

package natsbroker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/datadir"
	"github.com/throng-chat/throng/server/broker/testdisk"
	"github.com/throng-chat/throng/server/testkit"
)

// tmpfs mounts a small file system at the data directory of the options.
func tmpfs(t *testing.T, o Options, size int64) {
	t.Helper()
	d, err := testdisk.MountTmpfs(o.Dir, size)
	if errors.Is(err, testdisk.ErrNoDisk) {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := d.Unmount(); err != nil {
			t.Error(err)
		}
	})
}

// fill writes a file that leaves some bytes of the file system free.
func fill(t *testing.T, o Options, leave int64) (name string) {
	t.Helper()
	dir, err := datadir.Open(filepath.Join(o.Dir, "data"), datadir.Owner{Cluster: "throng"})
	if err != nil {
		t.Fatal(err)
	}
	space, err := dir.Space()
	if err := errors.Join(err, dir.Close()); err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(o.Dir, "filler")
	if err := os.WriteFile(name, make([]byte, space.Free-leave), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// reopened waits until the engine works again.
func reopened(t *testing.T, e broker.Engine) (l broker.Log) {
	t.Helper()
	testkit.Eventually(t, "engine that works again", func() bool {
		var err error
		if e.Health().Err == nil {
			l, err = e.Open(context.Background(), 0)
		}
		return l != nil && err == nil
	})
	return l
}

func TestAFullFileSystemHealsByItself(t *testing.T) {
	o := testOptions(t)
	tmpfs(t, o, 24<<20)
	filler := fill(t, o, 3<<20)
	o.Dir = filepath.Join(o.Dir, "data")
	e := open(t, o)
	l := openedLog(t, e)
	var kept [][]byte
	var err error
	for err == nil && len(kept) < 200 {
		record := fmt.Appendf(bytes.Repeat([]byte("r"), 50_000), "%d", len(kept))
		if err = appended(t, l, uint64(len(kept)), string(record)); err == nil {
			kept = append(kept, record)
		}
	}
	if !errors.Is(err, broker.ErrFull) || len(kept) == 0 {
		t.Fatalf("append %d to a full file system: %v, want ErrFull", len(kept)+1, err)
	}
	l.Close()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	l = reopened(t, e)
	last := wantReplay(t, l, kept)
	mustAppend(t, l, last, "after")
}

// Below the floor appends fail before the file system is full. Tables have the rest of it, so moderation goes on.
func TestAppendsEndAtTheFloorAndTablesGoOn(t *testing.T) {
	o := testOptions(t)
	tmpfs(t, o, 24<<20)
	filler := fill(t, o, 3<<20)
	o.Dir, o.Floor = filepath.Join(o.Dir, "data"), &datadir.Floor{Bytes: 4 << 20}
	e := open(t, o)
	if err := e.Health().Err; !errors.Is(err, broker.ErrFull) {
		t.Fatalf("Health below the floor: %v, want ErrFull", err)
	}
	l := openedLog(t, e)
	if err := appended(t, l, 0, "one"); !errors.Is(err, broker.ErrFull) {
		t.Errorf("append below the floor: %v, want ErrFull", err)
	}
	table, err := e.Table(context.Background(), "names")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Put(context.Background(), "key", []byte("value"), nil, 0); err != nil {
		t.Errorf("Put below the floor: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	l = reopened(t, e)
	mustAppend(t, l, wantReplay(t, l, nil), "after")
}

// A disk that hangs is not a disk that failed: the appends wait for it.
func TestAHangingDiskKeepsAppendsOpen(t *testing.T) {
	o := testOptions(t)
	image, mount := filepath.Join(o.Dir, "image"), filepath.Join(o.Dir, "mount")
	err := testdisk.MakeImage(image, 64<<20)
	var disk *testdisk.Disk
	if err == nil {
		disk, err = testdisk.Mount(image, mount)
	}
	if errors.Is(err, testdisk.ErrNoDisk) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.Unmount(); err != nil {
			t.Error(err)
		}
	})
	o.Dir = filepath.Join(mount, "data")
	e := open(t, o).(*engine)
	before := e.instance
	l, table := openedLog(t, e), mustTable(t, e)
	mustAppend(t, l, 0, "one")

	if err := disk.Freeze(); err != nil {
		t.Fatal(err)
	}
	thawed := false
	thaw := func() {
		if !thawed {
			thawed = true
			if err := disk.Thaw(); err != nil {
				t.Error(err)
			}
		}
	}
	defer thaw()
	results := make(chan error, 2)
	l.Append(1, []byte("two"), func(err error) { results <- err })
	l.Append(2, []byte("three"), func(err error) { results <- err })
	sent := before.conn.Stats().OutMsgs
	testkit.Eventually(t, "probes", func() bool { return before.conn.Stats().OutMsgs >= sent+4 })
	if len(results) > 0 {
		t.Errorf("done was called while the disk hangs: %v", <-results)
	}
	short, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := table.Put(short, "key", []byte("value"), nil, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Put while the disk hangs: %v, want the end of its context", err)
	}
	thaw()
	for range 2 {
		select {
		case err := <-results:
			if err != nil {
				t.Errorf("append that waited for the disk: %v", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("done was not called after the disk went on")
		}
	}
	if e.instance != before {
		t.Error("the engine has started again")
	}
	wantReplay(t, l, [][]byte{[]byte("one"), []byte("two"), []byte("three")})
}

func mustTable(t *testing.T, e broker.Engine) broker.Table {
	t.Helper()
	table, err := e.Table(context.Background(), "names")
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// flip changes one byte of the stored records.
func flip(t *testing.T, o Options, marker string) {
	t.Helper()
	blocks, err := filepath.Glob(filepath.Join(o.Dir, "jetstream/jetstream/$G/streams/THRONG_throng_LOG_0/msgs/*.blk"))
	if err != nil || len(blocks) == 0 {
		t.Fatalf("blocks of the log: %v, %v", blocks, err)
	}
	for _, name := range blocks {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(text, []byte(marker)); at >= 0 {
			text[at] ^= 0x20
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no block has %q", marker)
}

// A damaged record is reported as nil at its number. The records beside it are whole.
func TestADamagedRecordIsReportedAndTheOthersAreWhole(t *testing.T) {
	t.Parallel()
	for _, damaged := range []uint64{1, 50, 99, 100} {
		t.Run(fmt.Sprint(damaged), func(t *testing.T) {
			t.Parallel()
			o := testOptions(t)
			e := open(t, o)
			l := openedLog(t, e)
			for i := range uint64(100) {
				mustAppend(t, l, i, fmt.Sprintf("record number %03d", i+1))
			}
			if err := e.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			flip(t, o, fmt.Sprintf("record number %03d", damaged))
			e = open(t, o)
			l = openedLog(t, e)
			calls := uint64(0)
			last, err := l.Replay(context.Background(), 0, func(seq uint64, record []byte) error {
				calls++
				want := fmt.Sprintf("record number %03d", seq)
				if seq != calls || (record == nil) != (seq == damaged) || record != nil && string(record) != want {
					t.Errorf("call %d of the replay is record %d, %q", calls, seq, record)
				}
				return nil
			})
			if last != 100 || err != nil {
				t.Errorf("Replay: last number %d, error %v; want 100", last, err)
			}
			if lost := e.Health().Lost; lost != 1 {
				t.Errorf("Health counts %d lost records, want 1", lost)
			}
			mustAppend(t, l, 100, "after")
		})
	}
}

// After an unclean stop the server drops what is behind a damaged record in its newest file. The numbers of these records are not used again.
func TestALostTailIsReportedAndItsNumbersAreNotUsedAgain(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	e := open(t, o)
	l := openedLog(t, e)
	var kept [][]byte
	for i := range uint64(100) {
		r := fmt.Sprintf("record number %03d", i+1)
		mustAppend(t, l, i, r)
		if i < 49 {
			kept = append(kept, []byte(r))
		} else {
			kept = append(kept, nil)
		}
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	flip(t, o, "record number 050")
	if err := os.Remove(filepath.Join(o.Dir, "jetstream/jetstream/$G/streams/THRONG_throng_LOG_0/msgs/index.db")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second start finds the same
		e = open(t, o)
		l = openedLog(t, e)
		if last := wantReplay(t, l, kept); last != uint64(len(kept)) {
			t.Errorf("the last number is %d, want %d", last, len(kept))
		}
		if lost := e.Health().Lost; lost != 51 {
			t.Errorf("Health counts %d lost records, want 51", lost)
		}
		r := fmt.Sprintf("after %d", len(kept))
		mustAppend(t, l, uint64(len(kept)), r)
		kept = append(kept, []byte(r))
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// Marks that cannot be read do not prevent a start.
func TestDamagedMarksAreLeftAside(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	e := open(t, o)
	mustAppend(t, openedLog(t, e), 0, "one")
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(o.Dir, marksFile)
	if text, err := os.ReadFile(name); err != nil || !bytes.Contains(text, []byte(`"last":1`)) {
		t.Errorf("the marks are %q (%v), want the number 1", text, err)
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := openedLog(t, open(t, o))
	mustAppend(t, l, wantReplay(t, l, [][]byte{[]byte("one")}), "two")
}
