package server

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/throng-chat/throng/server/api"
)

const (
	maxAPIKeys    = 100
	maxAPIKeyName = 64 // characters
)

// secret returns the key itself.
func (k *APIKey) secret() string { return cmp.Or(k.Secret, k.Key) }

// apiAccess returns the keys of the server API and its port.
func (c *Config) apiAccess() api.Access {
	to := api.Access{On: c.API.On}
	if c.API.Key != "" {
		to.Keys = append(to.Keys, api.Key{Name: api.DefaultKey, Role: api.RoleAll, Secret: c.API.Key})
	}
	for i := range c.APIKeys {
		k := &c.APIKeys[i]
		to.Keys = append(to.Keys, api.Key{Name: k.Name, Role: api.Role(k.Role), Secret: k.secret()})
	}
	return to
}

// APIEnabled reports whether the server API has a key.
func (c *Config) APIEnabled() bool { return c.API.Key != "" || len(c.APIKeys) > 0 }

func (c *Config) apiErrors() []error {
	ce := configErrors{table: "api.", title: "api."}
	if c.API.Key != "" && !validSecret(c.API.Key) {
		ce.add("key", nil, "must have at least %d ASCII characters, without spaces", minSecret)
	}
	ce.addRanges(&c.API)
	if c.APIEnabled() && c.API.On == "admin" && c.Admin == "off" {
		ce.add("on", c.API.On, "must be listen, because admin is off")
	}
	return append(ce.errs, c.apiKeyErrors()...)
}

// apiKeyErrors checks the named keys.
func (c *Config) apiKeyErrors() []error {
	if len(c.APIKeys) > maxAPIKeys {
		ce := configErrors{table: "api.keys.", title: "api.keys: ", index: maxAPIKeys}
		ce.add("name", nil, "%d keys: at most %d are allowed", len(c.APIKeys), maxAPIKeys)
		return ce.errs
	}
	names, secrets := map[string]bool{}, map[string]string{}
	if c.API.Key != "" {
		names[api.DefaultKey], secrets[c.API.Key] = true, api.DefaultKey
	}
	var errs []error
	for i := range c.APIKeys {
		k := &c.APIKeys[i]
		ce := configErrors{table: "api.keys.", title: fmt.Sprintf("api.keys %q: ", k.Name), index: i}
		switch {
		case k.Name == "" || len(k.Name) > maxAPIKeyName || strings.Trim(k.Name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "":
			ce.add("name", k.Name, `must be 1 to %d of a-z, 0-9, "-", "_" and "."`, maxAPIKeyName)
		case k.Name == api.DefaultKey && names[k.Name]:
			ce.add("name", k.Name, "is the name of the key under [api], or of THRONG_API_KEY: choose another name")
		case names[k.Name]:
			ce.add("name", k.Name, "is used twice: choose another name")
		}
		names[k.Name] = true
		ce.addRanges(k)
		c.checkAPISecret(k, secrets, &ce)
		errs = append(errs, ce.errs...)
	}
	return errs
}

// checkAPISecret checks the source and the value of a key. secrets has the names of the keys before it.
func (c *Config) checkAPISecret(k *APIKey, secrets map[string]string, ce *configErrors) {
	sources := 0
	source := "key"
	for name, value := range map[string]string{"key": k.Key, "environment": k.Environment, "file": k.File} {
		if value != "" {
			sources++
			source = name
		}
	}
	secret := k.secret()
	switch {
	case sources != 1:
		ce.add("key", nil, "one of key, environment and file must be set: the key, the name of a variable, or a file with the key")
	case source == "environment" && k.Secret == "":
		ce.add(source, k.Environment, "the variable is not set or empty: it must have the key. Under systemd it may be in the file of EnvironmentFile=")
	case source != "key" && k.Secret == "":
		ce.add(source, nil, "has no key: it is missing or empty")
	case !validSecret(secret):
		ce.add(source, nil, "the key must have at least %d ASCII characters, without spaces", minSecret)
	case secrets[secret] != "":
		ce.add(source, nil, "has the same key as %q: each name needs a key of its own", secrets[secret])
	default:
		secrets[secret] = k.Name
	}
}
