package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/throng-chat/throng/server"
	"github.com/throng-chat/throng/server/nearest"
	"github.com/throng-chat/throng/server/settings"
	"github.com/throng-chat/throng/server/token"
)

const envPrefix = "THRONG_"

// sizeMapper reads a flag of a number of bytes into an int: a field with the tag type:"size".
var sizeMapper = kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("value", &text); err != nil {
		return err
	}
	var n settings.Size
	if err := n.UnmarshalText([]byte(text)); err != nil {
		return err
	}
	target.SetInt(int64(n))
	return nil
})

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

// BeforeResolve runs when the flags are parsed: it reads the config file, and puts its values under those of the environment and
// the flags. What is wrong, config tells.
func (c *serveCmd) BeforeResolve(ctx *kong.Context) error {
	flags := serverFlags(ctx.Model)
	c.elsewhere = map[string]string{}
	for _, f := range flags {
		if name := envName(f.Name); isSet(name) {
			c.elsewhere[f.Name] = "environment " + name + ": "
		}
	}
	path := os.Getenv(envName("config"))
	for _, p := range ctx.Path {
		if p.Flag != nil {
			c.elsewhere[p.Flag.Name] = ""
			if p.Flag.Name == "config" {
				path, _ = ctx.FlagValue(p.Flag).(string)
			}
		}
	}
	c.file = openConfig(path)
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
		if value, ok := c.file.flat[f.Name]; ok && !isSet(envName(f.Name)) {
			return value, nil
		}
		return nil, nil
	}))
	c.unknown = unknownEnvironment(ctx.Model)
	return nil
}

// config puts the settings together from wherever they are, or returns everything that is wrong with them, joined.
func (c *serveCmd) config(log *slog.Logger) (server.Config, error) {
	cfg := server.Config(c.Settings)
	for _, t := range settings.Tables(&cfg) {
		t.Copy(&cfg, &c.file.tables)
	}
	all := append(c.unknown, c.setSecrets(&cfg)...)
	refuse := func(at place, text string) {
		if where, ok := c.elsewhere[at.key]; ok {
			all = append(all, errors.New(where+text))
		} else {
			c.file.refuseValue(at, text)
		}
	}
	invalid := causes(cfg.Validate())
	if c.Check && len(invalid) == 0 {
		invalid = causes(cfg.CheckAddresses())
	}
	for _, err := range invalid {
		e := (*server.ConfigError)(nil)
		if !errors.As(err, &e) {
			return cfg, err
		}
		refuse(place{key: e.Key, index: e.Index}, e.Text)
	}
	cfg.Token.PublicKeys = c.file.readPublicKeys()
	_, err := token.New(cfg.Token, log)
	for _, err := range causes(err) {
		text := "token." + err.Error()
		end := strings.IndexAny(text, " :,")
		refuse(place{key: text[:max(end, 0)]}, text)
	}
	slices.SortStableFunc(c.file.mistakes, func(a, b mistake) int { return a.line - b.line })
	for _, m := range c.file.mistakes {
		all = append(all, errors.New(m.text))
	}
	return cfg, errors.Join(all...)
}

// setSecrets takes the secrets that are in the environment.
func (c *serveCmd) setSecrets(cfg *server.Config) []error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(secrets)) {
		name := secrets[key]
		switch value, ok := os.LookupEnv(name); {
		case ok && value == "":
			errs = append(errs, fmt.Errorf("environment %s: want a secret: it is empty; without one, do not set it", name))
		case ok:
			*tableKeys(cfg)[key].(*string) = value
			c.elsewhere[key] = "environment " + name + ": "
		}
	}
	return errs
}

func isSet(variable string) bool {
	_, ok := os.LookupEnv(variable)
	return ok
}

// causes are the errors that were joined, and those that were joined to be one of them.
func causes(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, causes(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

func unknownEnvironment(app *kong.Application) []error {
	known := slices.Sorted(maps.Values(secrets))
	errs := causes(kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if f, ok := node.(*kong.Flag); ok {
			known = append(known, f.Envs...)
		}
		return next(nil)
	}))
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, envPrefix) && !slices.Contains(known, name) {
			errs = append(errs, fmt.Errorf("environment %s: no such setting; %s", name, proposal(envPrefix, name, known)))
		}
	}
	return errs
}

// proposal proposes the known name that is most like a name. A prefix that all of them have makes none more like another.
func proposal(prefix, name string, known []string) string {
	var own []string
	for _, k := range known {
		own = append(own, strings.TrimPrefix(k, prefix))
	}
	best := nearest.Name(strings.TrimPrefix(name, prefix), own)
	if best == "" {
		return "none is like it"
	}
	return "nearest: " + prefix + best
}
