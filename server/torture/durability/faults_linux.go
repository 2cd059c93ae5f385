package durability

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/server/broker/testdisk"
)

// command runs a command of the system to its end.
func command(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// Inject returns a fault that makes system calls of the server fail or wait, by strace, for a random time of at least least. calls are their
// names, separated by commas; effect is an effect of strace, such as error=EIO or delay_enter=500000 (in µs). With rejects, publications must be
// rejected before the fault ends. Publications must be acknowledged after it. It needs strace, and the right to trace.
func Inject(calls, effect string, least time.Duration, rejects bool) Fault {
	return func(ctx context.Context, rd *Round) error {
		if !rd.wait(ctx, time.Second) {
			return ctx.Err()
		}
		before := rd.run.counts.rejected.Load()
		end, err := attach(ctx, rd.run.server.cmd.Process.Pid, calls, effect)
		if err != nil {
			return err
		}
		rd.sleep(ctx, least)
		rd.wait(ctx, time.Second)
		if rejects {
			err = waitUntil(ctx, resumeTime, "publications are rejected", func() bool { return rd.run.counts.rejected.Load() > before })
		}
		return errors.Join(err, end(), rd.resumes(ctx))
	}
}

// attach attaches strace to a process. end detaches it.
func attach(ctx context.Context, pid int, calls, effect string) (end func() error, err error) {
	cmd := exec.CommandContext(ctx, "strace", "-f", "-o", os.DevNull, "-e", "trace="+calls, "-e", "inject="+calls+":"+effect, "-p", strconv.Itoa(pid))
	out, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start strace: %w", err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "attached") {
			drained := make(chan struct{})
			go func() {
				defer close(drained)
				for lines.Scan() {
				}
			}()
			return func() error {
				err := cmd.Process.Signal(os.Interrupt) // strace detaches, and ends by this signal
				<-drained
				if waited := cmd.Wait(); cmd.ProcessState.Sys().(syscall.WaitStatus).Exited() && waited != nil {
					return fmt.Errorf("strace: %w", waited)
				}
				return err
			}, nil
		}
		err = errors.Join(err, errors.New(lines.Text()))
	}
	return nil, errors.Join(fmt.Errorf("strace: cannot attach to process %d", pid), err, cmd.Wait())
}

// resumes waits until publications are acknowledged.
func (rd *Round) resumes(ctx context.Context) error {
	select {
	case <-rd.run.server.gone:
		return fmt.Errorf("the server has ended: %w", rd.run.server.end)
	default:
	}
	before := rd.run.counts.acks.Load()
	return waitUntil(ctx, resumeTime, "publications are acknowledged again", func() bool { return rd.run.counts.acks.Load() >= before+100 })
}

// FillDisk returns a fault that fills the file system of the data directory in one step, until publications are rejected, and then frees it.
// The file system must be small, and of its own.
func FillDisk() Fault {
	return func(ctx context.Context, rd *Round) error {
		if !rd.wait(ctx, time.Second) {
			return ctx.Err()
		}
		before := rd.run.counts.rejected.Load()
		filler := filepath.Join(filepath.Dir(rd.run.Data), "filler")
		if err := fill(filler); err != nil {
			return err
		}
		err := waitUntil(ctx, resumeTime, "publications are rejected", func() bool { return rd.run.counts.rejected.Load() >= before+20 })
		rd.wait(ctx, time.Second)
		return errors.Join(err, os.Remove(filler), rd.resumes(ctx))
	}
}

// fill takes all free space of a file system.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var size int64
	for step := int64(64 << 20); step >= 4096; { // the last page of the server counts as well
		if err := unix.Fallocate(int(f.Fd()), 0, size, step); err == nil {
			size += step
		} else if errors.Is(err, unix.ENOSPC) {
			step /= 2
		} else {
			return fmt.Errorf("fill the disk: %w", err)
		}
	}
	return nil
}

// Disk is a small file system of its own. It needs the rights of root.
type Disk struct {
	image   string
	mounted *testdisk.Disk
}

// NewDisk makes a file system in the file image, and mounts it at dir, which exists.
func NewDisk(image, dir string, bytes int64) (*Disk, error) {
	if err := testdisk.MakeImage(image, bytes); err != nil {
		return nil, err
	}
	mounted, err := testdisk.Mount(image, dir)
	return &Disk{image, mounted}, err
}

// replace mounts another image in place of the one of now.
func (d *Disk) replace(image string) error {
	err := errors.Join(d.Close(), os.Rename(image, d.image))
	if err == nil {
		d.mounted, err = testdisk.Mount(d.image, d.mounted.Path)
	}
	return err
}

// Close unmounts the file system.
func (d *Disk) Close() error { return d.mounted.Unmount() }

// PowerLoss returns a fault that cuts the power of a machine, as far as its disk goes: the next server finds what the file system had written
// to its device at that moment, and nothing of what was only in memory. A drive that lies about its cache is not modelled.
func PowerLoss(d *Disk, load time.Duration) Fault {
	return func(ctx context.Context, rd *Round) error {
		if !rd.wait(ctx, load) {
			return ctx.Err()
		}
		if err := rd.run.server.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			return fmt.Errorf("stop the server: %w", err)
		}
		lost := d.image + ".lost"
		err := testdisk.Snapshot(d.image, lost)
		return errors.Join(err, rd.run.killServer(), d.replace(lost))
	}
}

// CanInject returns why Inject cannot work on this machine, or nil.
func CanInject(ctx context.Context) error {
	return command(ctx, "strace", "-f", "-o", os.DevNull, "-e", "inject=fsync:error=EIO", "true")
}
