package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// applicationEnv makes this program run as the application that receives the webhooks. Its value is a behaviour.
const applicationEnv = "FIGURES_APPLICATION"

const applicationAddress = "127.0.0.1:13733"

// behaviour is how the application answers webhooks.
type behaviour struct {
	delay  time.Duration // before each response
	status int
	hangs  []string // events that get no response
}

func (cd behaviour) String() string {
	return fmt.Sprintf("%s %d %s", cd.delay, cd.status, strings.Join(cd.hangs, ","))
}

func parseBehaviour(text string) (c behaviour, err error) {
	parts := strings.Split(text, " ")
	if len(parts) != 3 {
		return c, fmt.Errorf("%s=%q: must be a delay, a status and events", applicationEnv, text)
	}
	if c.delay, err = time.ParseDuration(parts[0]); err != nil {
		return c, err
	}
	if parts[2] != "" {
		c.hangs = strings.Split(parts[2], ",")
	}
	_, err = fmt.Sscan(parts[1], &c.status)
	return c, err
}

func (cd behaviour) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The context of a request ends with its connection only after the body was read.
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if bytes.Contains(body, []byte(`"protocol":"plain"`)) {
		cd = behaviour{status: http.StatusOK} // from a bystander, which must not affect the measurement
	}
	if slices.Contains(cd.hangs, strings.TrimPrefix(r.URL.Path, "/")) {
		<-r.Context().Done()
		return
	}
	time.Sleep(cd.delay)
	w.WriteHeader(cd.status)
	if _, err := io.WriteString(w, `{"result":{}}`); err != nil {
		return // the server has closed the request
	}
}

// serveApplication answers webhooks until this process is killed.
func serveApplication(text string) error {
	c, err := parseBehaviour(text)
	if err != nil {
		return err
	}
	return http.ListenAndServe(applicationAddress, c)
}

// startApplication runs the application on core 1, in its own process, and waits until it listens.
func startApplication(c behaviour) (stop func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), applicationEnv+"="+c.String())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() error {
		err := cmd.Process.Kill()
		if exit := (*exec.ExitError)(nil); !errors.As(cmd.Wait(), &exit) { // killed, as intended
			return errors.Join(err, errors.New("the application exited"))
		}
		return err
	}
	if err := within(10*time.Second, "the application to listen", func() bool { return listens(applicationAddress) }); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}
