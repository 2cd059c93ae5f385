package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// behindNginx is throng without TLS behind nginx, which has it. Both run on core 0, and the usage of all their processes is added up.
const behindNginx = "throng behind nginx" + overTLS

// upstream is where throng listens for nginx. Between two addresses TCP has about 28,000 ports (net.ipv4.ip_local_port_range), so nginx cannot
// pass on more connections than that to one address.
const upstream = "127.0.0.1:13733"

// nginxSockets are the sockets of nginx for the connections of the loads: two for each, and some for itself.
const nginxSockets = 2*tlsConnections + 100

// nginxConnections are more than nginx has sockets: when a sixteenth of them is left, nginx closes connections that have sent no request yet.
const nginxConnections = nginxSockets * 5 / 4

// findNginx returns the path of nginx, or an error with the reason why it cannot be measured.
func findNginx() (string, error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/nginx"); err != nil { // not in the PATH of each user
			return "", fmt.Errorf("nginx is not installed: %w", err)
		}
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return "", err
	}
	if limit.Max < nginxSockets {
		return "", fmt.Errorf("the limit of open files is %d, and nginx needs %d: raise it (ulimit -Hn)", limit.Max, nginxSockets)
	}
	return path, nil
}

// nginxConfig is the configuration for a proxy of docs/operations.md, with one process for the connections.
func nginxConfig(cert, key string) string {
	return fmt.Sprintf(`daemon off;
pid nginx.pid;
worker_processes 1;
worker_rlimit_nofile %[1]d;
error_log stderr error;
events { worker_connections %[6]d; }
http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
    server {
        listen %[2]s ssl backlog=4096;
        ssl_certificate     %[3]s;
        ssl_certificate_key %[4]s;
        location / {
            proxy_pass http://%[5]s;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 75s;
        }
    }
}
`, nginxSockets, address, cert, key, upstream, nginxConnections)
}

// startNginx runs nginx on core 0 in front of upstream, and waits until it listens and its worker runs.
func startNginx() (*exec.Cmd, error) {
	path, err := findNginx()
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(certificate.cert)
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, []byte(nginxConfig(certificate.cert, certificate.key)), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command("taskset", "-c", "0", path, "-p", dir, "-c", config, "-e", "stderr")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Second); !listens(address) || len(childrenOf(cmd.Process.Pid)) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = stopProcess("nginx", cmd)
			return nil, fmt.Errorf("%s does not listen", path)
		}
	}
	return cmd, nil
}

// childrenOf returns the processes that a process has started and that run.
func childrenOf(pid int) (children []int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
	if err != nil {
		return nil // it has ended
	}
	for _, field := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			children = append(children, child)
		}
	}
	return children
}
