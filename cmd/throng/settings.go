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
	"github.com/throng-chat/throng/server/settings"
	"github.com/throng-chat/throng/server/token"
)

const envPrefix = "THRONG_"

// sizeMapper reads the size of a flag with the tag type:"size" into an int.
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

// nameEnvironment sets the environment variable of each setting of the server.
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

// sources are the sources of the settings of throng serve.
type sources struct {
	file      *configFile
	elsewhere map[string]string // settings of flags and the environment; the value begins an error about the setting
	unknown   []error           // environment variables that are not settings
}

// readSources reads the config file and the names of the environment. Flags and the environment take precedence over the file. config
// returns the errors.
func readSources(ctx *kong.Context) *sources {
	flags := serverFlags(ctx.Model)
	so := &sources{elsewhere: map[string]string{}}
	for _, f := range flags {
		if name := envName(f.Name); isSet(name) {
			so.elsewhere[f.Name] = "environment " + name + ": "
		}
	}
	path := os.Getenv(envName("config"))
	for _, p := range ctx.Path {
		if p.Flag != nil {
			so.elsewhere[p.Flag.Name] = ""
			if p.Flag.Name == "config" {
				path, _ = ctx.FlagValue(p.Flag).(string)
			}
		}
	}
	so.file = openConfig(path)
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
		if value, ok := so.file.flat[f.Name]; ok && !isSet(envName(f.Name)) {
			return value, nil
		}
		return nil, nil
	}))
	so.unknown = unknownEnvironment(flags, so.file.variables())
	return so
}

// machineChecks are checks that depend on this machine: whether the server can open what it uses alone (the addresses, the audit log and the
// data directory), and whether the certificates can be used.
type machineChecks struct{ owned, certificates bool }

// config adds the tables of the file and the secrets to cfg, which has the values of the flags. It returns all errors, joined, also those
// of checks.
func (so *sources) config(cfg server.Config, checks machineChecks, log *slog.Logger) (server.Config, error) {
	for _, t := range settings.Tables(&cfg) {
		t.Copy(&cfg, &so.file.tables)
	}
	all := append(so.unknown, so.setSecrets(&cfg)...)
	cfg.APIKeys = so.file.readAPIKeys()
	so.file.readWordLists(cfg.Rooms)
	addInvalid := func(at place, text string) {
		if where, ok := so.elsewhere[at.key]; ok {
			all = append(all, errors.New(where+text))
		} else {
			if variable := secrets[at.key]; variable != "" && !so.file.has(at) {
				text += "; or set the environment variable " + variable
			}
			so.file.addInvalid(at, text)
		}
	}
	invalid := causes(cfg.Validate())
	if checks.owned && len(invalid) == 0 {
		invalid = causes(errors.Join(cfg.CheckAddresses(), cfg.CheckStorage()))
	}
	for _, err := range invalid {
		e := (*server.ConfigError)(nil)
		if !errors.As(err, &e) {
			return cfg, err
		}
		addInvalid(place{key: e.Key, index: e.Index}, e.Text)
	}
	cfg.Token.PublicKeys = so.file.readPublicKeys()
	for _, names := range [][]string{cfg.TLS.Cert, cfg.TLS.Key} {
		for i, name := range names {
			names[i] = so.file.pathOf(name)
		}
	}
	for _, name := range []*string{&cfg.TLS.ACMECache, &cfg.TLS.ACMECA, &cfg.TLS.AdminClientCA, &cfg.ConsumerNATS.Creds} {
		if *name != "" {
			*name = so.file.pathOf(*name)
		}
	}
	for i := range cfg.Pairs {
		pair := &cfg.Pairs[i]
		pair.Cert, pair.Key = so.file.pathOf(pair.Cert), so.file.pathOf(pair.Key)
	}
	_, err := token.New(cfg.Token, log)
	for _, err := range causes(err) {
		text := "token." + err.Error()
		end := strings.IndexAny(text, " :,")
		addInvalid(place{key: text[:max(end, 0)]}, text)
	}
	if checks.certificates {
		for _, err := range causes(cfg.CheckCertificates()) {
			e := err.(*server.ConfigError)
			addInvalid(place{key: e.Key, index: e.Index}, e.Text)
		}
	}
	slices.SortStableFunc(so.file.errs, func(a, b fileError) int { return a.line - b.line })
	for _, e := range so.file.errs {
		all = append(all, errors.New(e.text))
	}
	return cfg, errors.Join(all...)
}

// setSecrets sets the secrets that the environment has.
func (so *sources) setSecrets(cfg *server.Config) []error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(secrets)) {
		name := secrets[key]
		switch value, ok := os.LookupEnv(name); {
		case ok && value == "":
			errs = append(errs, fmt.Errorf("environment %s: is empty: must be a secret, or unset for none", name))
		case ok:
			*tableKeys(cfg)[key].(*string) = value
			so.elsewhere[key] = "environment " + name + ": "
		}
	}
	return errs
}

func isSet(variable string) bool {
	_, ok := os.LookupEnv(variable)
	return ok
}

// causes returns the errors that errors.Join has joined, also over several levels.
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

// otherVariables are the environment variables of the flags of other commands.
var otherVariables = []string{"THRONG_BENCH_CONNECT_TOKEN", "THRONG_BENCH_TOKEN", "THRONG_TOKEN"}

// unknownEnvironment returns an error for each variable that begins with envPrefix and is neither that of a command nor one of also.
func unknownEnvironment(flags []*kong.Flag, also []string) (errs []error) {
	known := slices.Concat(slices.Sorted(maps.Values(secrets)), also, otherVariables)
	for _, f := range flags {
		known = append(known, f.Envs...)
	}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, envPrefix) && !slices.Contains(known, name) {
			errs = append(errs, fmt.Errorf("environment %s: no such setting; %s", name, proposal(envPrefix, name, known)))
		}
	}
	return errs
}
