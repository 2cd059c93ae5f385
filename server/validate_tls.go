package server

import ()

func (c *Config) tlsErrors() []error {
	ce := configErrors{table: "tls.", title: "tls."}
	t := &c.TLS
	for i, pair := range c.Pairs {
		at := configErrors{table: "tls.certificate.", title: "tls.certificate: ", index: i}
		switch {
		case !c.usesTLS():
			at.add("cert", pair.Cert, "must be left out, because tls-listen is off")
		case pair.Cert == "":
			at.add("cert", pair.Cert, "must name a PEM file")
		case pair.Key == "":
			at.add("key", pair.Key, "must name the PEM file of the key of %s", pair.Cert)
		}
		ce.errs = append(ce.errs, at.errs...)
	}
	switch {
	case !c.usesTLS() && len(t.Cert) > 0:
		ce.add("cert", t.Cert, "must be left out, because tls-listen is off")
	case c.usesTLS() && len(t.Cert) == 0 && len(c.Pairs) == 0 && len(t.ACMEDomains) == 0:
		ce.add("cert", t.Cert, "must name a PEM file, because tls-listen is %s, tls.admin is %t and tls.grpc is %t: set it in the table [tls] of the config file, or set acme-domains there",
			c.TLSListen, t.Admin, t.GRPC)
	case len(t.Cert) != len(t.Key):
		ce.add("key", t.Key, "must name a PEM file for each of cert (%d)", len(t.Cert))
	}
	if t.RedirectPort != 0 && (c.Listen == "off" || c.TLSListen == "off") {
		ce.add("redirect-port", t.RedirectPort, "needs listen and tls-listen: it redirects from the one to the other")
	}
	if t.Admin && c.Admin == "off" {
		ce.add("admin", true, "must be false, because admin is off")
	}
	if t.GRPC && c.GRPCListen == "off" {
		ce.add("grpc", true, "must be false, because grpc-listen is off")
	}
	if t.AdminClientCA != "" && !t.Admin {
		ce.add("admin-client-ca", t.AdminClientCA, "needs tls.admin = true")
	}
	c.acmeErrors(&ce)
	ce.addRanges(t)
	return ce.errs
}

// checkGRPC calls add with each invalid setting of the port of the gRPC API.
func (c *Config) checkGRPC(add func(key string, found any, rule string, args ...any)) {
	switch allowed := checkAddress(c.GRPCListen); {
	case c.GRPCListen == "off":
	case allowed != "":
		add("grpc-listen", c.GRPCListen, "must be %s, or off", allowed)
	case !c.APIEnabled():
		add("grpc-listen", c.GRPCListen, "needs a key under [api], [[api.keys]] or in THRONG_API_KEY; or must be off")
	}
}
