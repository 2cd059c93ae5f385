package charts

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/throng-chat/throng/cmd/throng/packaging/binary"
)

func TestMain(m *testing.M) { binary.Main(m) }

// environment returns the variables of a container by their names. Those from a field of the pod are empty.
func environment(c corev1.Container) map[string]string {
	env := map[string]string{}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	return env
}

// node is a pod of the release on this machine: its directories are below dir.
type node struct {
	dir, config string
	env         map[string]string
}

// newNode makes the pod number n.
func newNode(t *testing.T, manifests map[string]string, n int) *node {
	t.Helper()
	c := podOf(t, manifests).Spec.Containers[0]
	nd := &node{dir: t.TempDir(), env: environment(c)}
	for _, from := range c.EnvFrom {
		maps.Copy(nd.env, object[corev1.Secret](t, manifests, "Secret/"+from.SecretRef.Name).StringData)
	}
	write := func(name, text string) string {
		path := filepath.Join(nd.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, value := range nd.env {
		value = strings.ReplaceAll(value, "$(POD_NAME)", fmt.Sprintf("throng-%d", n))
		nd.env[name] = strings.Replace(value, "/var/lib/throng", nd.dir, 1)
	}
	if file := nd.env["THRONG_CLUSTER_SECRET_FILE"]; file != "" {
		secret := object[corev1.Secret](t, manifests, "Secret/throng-cluster").StringData
		nd.env["THRONG_CLUSTER_SECRET_FILE"] = write(filepath.Base(file), secret[filepath.Base(file)])
	}
	nd.config = write("throng.toml", object[corev1.ConfigMap](t, manifests, "ConfigMap/throng").Data["throng.toml"])
	return nd
}

// command runs throng with the settings of the pod, and no others.
func (nd *node) command(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	throng, err := binary.Throng()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, throng, args...)
	cmd.Dir = nd.dir
	cmd.Env = []string{"PATH=/usr/bin", "STATE_DIRECTORY=" + nd.dir}
	for name, value := range nd.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// The server knows each variable and each key of the config file.
func TestTheServerAcceptsTheSettingsOfTheChart(t *testing.T) {
	for name, v := range map[string]values{
		"defaults": {}, "cluster": cluster(), "everything": everything(),
		"durable": {"persistence": values{"enabled": true}, "config": "[[room]]\npattern = \"*\"\nhistory-size = 10\nhistory-ttl = \"1h\"\ndurable = true\n"},
	} {
		nd := newNode(t, mustRender(t, v), 0)
		if out, err := nd.command(t.Context(), t, "serve", "--check", "--config", nd.config).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
	nd := newNode(t, mustRender(t, values{"env": values{"THRONG_PORT": "tcp://10.0.0.1:3000"}}), 0)
	if out, err := nd.command(t.Context(), t, "serve", "--check", "--config", nd.config).CombinedOutput(); err == nil {
		t.Errorf("a variable of service links: got no error: %s", out)
	}
}

// The three pods of the chart are a cluster, and answer the probes. Their addresses are on this machine.
func TestThePodsOfTheChartAreACluster(t *testing.T) {
	manifests := mustRender(t, cluster())
	var nodes []*node
	var pairs []string
	for i := range 3 {
		port := freeAddress(t)
		nodes = append(nodes, newNode(t, manifests, i))
		pairs = append(pairs, fmt.Sprintf("throng-%d.throng-nodes.chat.svc.cluster.local:3100", i), port)
	}
	for i, nd := range nodes {
		for _, name := range []string{"THRONG_CLUSTER_LISTEN", "THRONG_PEERS"} {
			nd.env[name] = strings.NewReplacer(pairs...).Replace(nd.env[name])
		}
		nd.env["THRONG_LISTEN"], nd.env["THRONG_ADMIN"], nd.env["THRONG_DRAIN"] = "127.0.0.1:0", "unix:"+nd.socket(), "1s"
		if got, want := nd.env["THRONG_NODE"], fmt.Sprintf("throng-%d", i); got != want {
			t.Errorf("got the node %s, want %s", got, want)
		}
		nd.start(t)
	}
	probe := podOf(t, manifests).Spec.Containers[0]
	for i, nd := range nodes {
		for _, path := range []string{probe.StartupProbe.HTTPGet.Path, probe.LivenessProbe.HTTPGet.Path, probe.ReadinessProbe.HTTPGet.Path} {
			nd.waitFor(t, fmt.Sprintf("node %d: %s", i, path), func() bool {
				status, _ := nd.get(path)
				return status == http.StatusOK
			})
		}
		nd.waitFor(t, fmt.Sprintf("node %d in the cluster", i), func() bool {
			_, state := nd.get("/cluster")
			return bytes.Contains(state, []byte(`"throng-0"`)) && bytes.Contains(state, []byte(`"throng-1"`)) && bytes.Contains(state, []byte(`"throng-2"`))
		})
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	address := l.Addr().String()
	l.Close()
	return address
}

func (nd *node) socket() string { return filepath.Join(nd.dir, "admin.sock") }

func (nd *node) start(t *testing.T) {
	t.Helper()
	var log bytes.Buffer
	cmd := nd.command(context.WithoutCancel(t.Context()), t, "serve", "--config", nd.config)
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		stuck := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		defer stuck.Stop()
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("%s: %v: %s", nd.env["THRONG_NODE"], err, log.String())
		}
	})
}

// get returns the response of a path of the admin port; the status 0 if it is not reachable.
func (nd *node) get(path string) (status int, body []byte) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", nd.socket())
	}}}
	response, err := client.Get("http://localhost" + path)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	if err != nil {
		return 0, nil
	}
	return response.StatusCode, body
}

func (nd *node) waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 2 minutes; settings %v", what, slices.Sorted(maps.Keys(nd.env)))
		}
	}
}
