package main

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// container runs commands in a root directory, as the user of an image, and in a network of its own with a loopback interface only. Its methods
// run on the goroutine of newContainer, whose thread is in that network.
type container struct {
	dir    string
	config *v1.Config
	user   syscall.Credential
}

func newContainer(dir string, config *v1.Config) (*container, error) {
	uid, gid, _ := strings.Cut(config.User, ":")
	u, err := strconv.Atoi(uid)
	if err != nil {
		return nil, fmt.Errorf("user %q: Kubernetes needs a number", config.User)
	}
	g, err := strconv.Atoi(gid)
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", config.User, err)
	}
	runtime.LockOSThread() // for ever: the thread ends with the goroutine, and the network with both
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("a network of its own: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return nil, fmt.Errorf("loopback interface: %w", err)
	}
	return &container{dir: dir, config: config, user: syscall.Credential{Uid: uint32(u), Gid: uint32(g)}}, nil
}

func loopbackUp() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	request := struct { // struct ifreq
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	copy(request.name[:], "lo")
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return errno
	}
	return nil
}

// command has only the environment of the image.
func (c *container) command(args []string) *exec.Cmd {
	cmd := &exec.Cmd{Path: args[0], Args: args, Env: c.config.Env, Dir: cmp.Or(c.config.WorkingDir, "/")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.dir, Credential: &c.user, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (c *container) run(args []string) ([]byte, error) { return c.command(args).CombinedOutput() }

// get returns the response to a GET request.
func (c *container) get(address, path string) (string, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, address); err != nil {
		return "", err
	}
	body, err := io.ReadAll(conn)
	return string(body), err
}
