package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"
)

const envPrefix = "THRONG_"

// configSource is which file was read, or where one was looked for.
type configSource struct {
	path   string
	looked []string
}

func (s configSource) String() string {
	if s.path != "" {
		return s.path
	}
	return fmt.Sprintf("no file (looked for %s); defaults, environment and flags", strings.Join(s.looked, ", "))
}

// nameEnvironment gives every setting of the server its environment variable.
func nameEnvironment(k *kong.Kong) error {
	for _, f := range serverFlags(k.Model) {
		f.Tag.Envs = []string{envName(f.Name)}
		f.Envs = f.Tag.Envs
	}
	return nil
}

func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func serverFlags(app *kong.Application) []*kong.Flag {
	for _, child := range app.Children {
		if child.Name == "serve" {
			return child.Flags
		}
	}
	panic("command table: no serve")
}

// BeforeResolve runs when the flags are parsed: it refuses unknown environment variables, finds the config file, and puts
// its values under those of the environment and the flags.
func (c *serveCmd) BeforeResolve(ctx *kong.Context) error {
	flags := serverFlags(ctx.Model)
	errs := []error{unknownEnvironment(flags)}
	path := ""
	for _, f := range flags {
		if f.Name == "config" {
			path, _ = ctx.FlagValue(f).(string)
			if path == "" {
				path = os.Getenv(envName(f.Name))
			}
		}
	}
	var err error
	c.source, err = findConfig(path)
	errs = append(errs, err)
	if c.source.path != "" {
		values, err := readConfig(c.source.path, flags)
		errs = append(errs, err)
		ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
			if _, ok := os.LookupEnv(envName(f.Name)); ok {
				return nil, nil
			}
			return values[f.Name], nil
		}))
	}
	return errors.Join(errs...)
}

func unknownEnvironment(flags []*kong.Flag) error {
	var known []string
	for _, f := range flags {
		known = append(known, f.Tag.Envs...)
	}
	var errs []error
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, envPrefix) && !slices.Contains(known, name) {
			errs = append(errs, fmt.Errorf("environment %s: no such setting; nearest: %s", name, nearest(name, known)))
		}
	}
	return errors.Join(errs...)
}

// findConfig takes the file it is told, or the first of the usual places that has one.
func findConfig(path string) (configSource, error) {
	if path != "" {
		return configSource{path: path}, nil
	}
	source := configSource{looked: []string{"./throng.toml"}}
	if dir, err := os.UserConfigDir(); err == nil {
		source.looked = append(source.looked, filepath.Join(dir, "throng", "throng.toml"))
	}
	source.looked = append(source.looked, "/etc/throng/throng.toml")
	for _, place := range source.looked {
		switch _, err := os.Stat(place); {
		case err == nil:
			source.path = place
			return source, nil
		case !errors.Is(err, fs.ErrNotExist):
			return source, fmt.Errorf("config file: %w", err)
		}
	}
	return source, nil
}

// readConfig reads a TOML file whose keys are the flags' names. It reports everything that is wrong with it, by line.
func readConfig(path string, flags []*kong.Flag) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("config file: %w", err)
	}
	values := map[string]any{}
	if err := toml.Unmarshal(text, &values); err != nil {
		if bad := (*toml.DecodeError)(nil); errors.As(err, &bad) {
			line, column := bad.Position()
			return nil, fmt.Errorf("%s:%d:%d: %w", path, line, column, err)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	settings := map[string]*kong.Flag{}
	var names []string
	for _, f := range flags {
		if f.Tag.Get("config") != "-" {
			settings[f.Name] = f
			names = append(names, f.Name)
		}
	}
	var errs []error
	for _, key := range positions(text) {
		at := fmt.Sprintf("%s:%d:%d", path, key.line, key.column)
		flag, ok := settings[key.name]
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %s: no such key; nearest: %s", at, key.name, nearest(key.name, names)))
			continue
		}
		values[key.name] = plain(values[key.name])
		target := reflect.New(flag.Target.Type()).Elem()
		scan := kong.Scan().PushTyped(values[key.name], kong.FlagValueToken)
		if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, target); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", at, key.name, err))
		}
	}
	return values, errors.Join(errs...)
}

type position struct {
	name         string
	line, column int
}

// positions is where each key stands: strict decoding into nothing calls every key unknown and says where it is.
func positions(text []byte) []position {
	err := toml.NewDecoder(strings.NewReader(string(text))).DisallowUnknownFields().Decode(&struct{}{})
	missing := (*toml.StrictMissingError)(nil)
	if !errors.As(err, &missing) {
		return nil
	}
	var found []position
	for i := range missing.Errors {
		line, column := missing.Errors[i].Position()
		found = append(found, position{strings.Join(missing.Errors[i].Key(), "."), line, column})
	}
	return found
}

// plain turns TOML's values into what a flag would be given: lists are joined, the rest is text.
func plain(v any) any {
	if list, ok := v.([]any); ok {
		items := make([]string, len(list))
		for i, item := range list {
			items[i] = fmt.Sprint(item)
		}
		return strings.Join(items, ",")
	}
	return fmt.Sprint(v)
}

func nearest(name string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int {
		return levenshtein.ComputeDistance(name, a) - levenshtein.ComputeDistance(name, b)
	})
}
