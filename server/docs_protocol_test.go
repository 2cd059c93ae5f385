package server

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/doctable"
)

// docs/protocol.md has every command of the protocol.
func TestThePageOfTheProtocolHasEveryCommand(t *testing.T) {
	t.Parallel()
	var onPage, inProtocol []string
	for _, row := range doctable.Rows(t, "protocol.md", "command", "supported", "differences from Centrifugo") {
		onPage = append(onPage, codeNames(row[0])...)
	}
	command := reflect.TypeFor[protocol.Command]()
	for i := range command.NumField() {
		if name, _, _ := strings.Cut(command.Field(i).Tag.Get("json"), ","); name != "" && name != "id" {
			inProtocol = append(inProtocol, name)
		}
	}
	doctable.Same(t, "commands", onPage, inProtocol)
}

// docs/compatibility.md has the SDKs that the tests use, and their versions.
func TestThePageOfCompatibilityHasTheTestedSDKs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("sdk/package.json")
	if err != nil {
		t.Fatal(err)
	}
	var npm struct {
		DevDependencies map[string]string `json:"devDependencies"`
	}
	if err := json.Unmarshal(text, &npm); err != nil {
		t.Fatal(err)
	}
	want := []string{"centrifuge " + npm.DevDependencies["centrifuge"] + " npm"}
	if text, err = os.ReadFile("sdk/python/requirements.in"); err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`(?m)^([a-z-]+)==([0-9.]+)`).FindAllStringSubmatch(string(text), -1) {
		want = append(want, match[1]+" "+match[2]+" PyPI")
	}
	for _, sdk := range []struct{ file, pattern, registry string }{
		{"sdk/go/go.mod", `/(centrifuge-go) v([0-9.]+)`, "Go module proxy"},
		{"sdk/java/pom.xml", `<artifactId>(centrifuge-java)</artifactId><version>([0-9.]+)`, "Maven Central"},
	} {
		if text, err = os.ReadFile(sdk.file); err != nil {
			t.Fatal(err)
		}
		match := regexp.MustCompile(sdk.pattern).FindSubmatch(text)
		if match == nil {
			t.Fatalf("%s: no version of the SDK", sdk.file)
		}
		want = append(want, fmt.Sprintf("%s %s %s", match[1], match[2], sdk.registry))
	}
	var got []string
	for _, row := range doctable.Rows(t, "compatibility.md", "package", "version", "registry", "use") {
		got = append(got, strings.Trim(row[0], "`")+" "+row[1]+" "+row[2])
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(want) < 5 || !slices.Equal(got, want) {
		t.Errorf("the page has %q, want %q", got, want)
	}
}
