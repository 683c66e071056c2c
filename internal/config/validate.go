package config

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"mxdesk/internal/address"
)

// complete checks everything that takes more than one value or a look at the
// machine, fills the defaults that depend on other values, and keeps what was
// parsed on the way.
func (c *Config) complete(p *problems) {
	c.completeNames(p)
	c.checkListen(p)
	c.TLS.check(p)
	c.checkACME(p)
	c.checkServers(p)
	c.checkOutbound(p)
	c.completeRelays(p)
	c.completeMailboxes(p)
	c.completeRules(p)
}

func (c *Config) completeNames(p *problems) {
	c.Hostname = hostname(p, "hostname", c.Hostname)
	if c.AuthservID == "" {
		c.AuthservID = c.Hostname
	} else {
		c.AuthservID = hostname(p, "authserv_id", c.AuthservID)
	}
	if c.DataDir == "" {
		p.add("data", "must name a folder")
	}
	if c.Outbound.CaptureDir == "" {
		c.Outbound.CaptureDir = filepath.Join(c.DataDir, captureName)
	}
}

// hostname returns a host name in the form that goes over the wire.
func hostname(p *problems, path, s string) string {
	d, err := address.ParseDomain(s)
	if err != nil || d.IsLiteral() {
		p.add(path, "%q is not a host name", clip(s))
		return s
	}
	return string(d)
}

func (c *Config) checkListen(p *problems) {
	if len(c.SMTP.Listen) == 0 {
		p.add("smtp.listen", "must name at least one HOST:PORT")
	}
	seen := map[string]bool{}
	checkAddresses(p, "smtp.listen", c.SMTP.Listen, seen)
	checkAddresses(p, "smtp.listen_tls", c.SMTP.ListenTLS, seen)
	checkSockets(p, "smtp.listen_lmtp", c.SMTP.ListenLMTP, seen)
	if c.TLS.ACME {
		checkAddress(p, "tls.acme_listen", c.TLS.ACMEListen, seen)
	}
	if len(c.SMTP.ListenTLS) > 0 && !c.TLS.Used() {
		p.add("smtp.listen_tls", "needs a certificate: set tls.cert_file and tls.key_file, or tls.acme")
	}
}

// checkAddresses checks what one kind of listener listens on; seen is what all
// kinds do.
func checkAddresses(p *problems, key string, list []string, seen map[string]bool) {
	for i, s := range list {
		checkAddress(p, entry(key, i), s, seen)
	}
}

func checkAddress(p *problems, path, s string, seen map[string]bool) {
	host, port, ok := splitHostPort(s)
	switch {
	case !ok:
		p.add(path, "%q is not HOST:PORT, such as \"127.0.0.1:2525\" or \"[::]:25\"", clip(s))
	case seen[s] && port != 0:
		p.add(path, "%q stands here twice", s)
	case host != "" && !isHost(host):
		p.add(path, "%q is neither an IP address nor a host name", clip(host))
	}
	seen[s] = true
}

// checkSockets is checkAddresses for listeners that may also be Unix sockets.
func checkSockets(p *problems, key string, list []string, seen map[string]bool) {
	for i, s := range list {
		file, ok := strings.CutPrefix(s, "unix:")
		switch path := entry(key, i); {
		case !ok:
			checkAddress(p, path, s, seen)
		case !filepath.IsAbs(file) || len(file) > maxSocketPath:
			p.add(path, "%q is not \"unix:\" and a path from / with at most %d octets", clip(s), maxSocketPath)
		case seen[s]:
			p.add(path, "%q stands here twice", clip(s))
		default:
			seen[s] = true
		}
	}
}

// maxSocketPath is the longest path of a Unix socket that the system takes.
const maxSocketPath = 100

// splitHostPort divides HOST:PORT; the host may be empty.
func splitHostPort(s string) (host string, port uint16, ok bool) {
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, false
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return host, uint16(n), err == nil
}

func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	d, err := address.ParseDomain(s)
	return err == nil && !d.IsLiteral()
}

// isTarget reports whether s is HOST:PORT that one can connect to.
func isTarget(s string) bool {
	host, port, ok := splitHostPort(s)
	return ok && port != 0 && isHost(host)
}

func (c *Config) checkServers(p *problems) {
	for i, s := range c.DNS.Servers {
		path := entry("dns.servers", i)
		switch {
		case s == "system" && len(c.DNS.Servers) > 1:
			p.add(path, "\"system\" stands alone: it already means the machine's own servers")
		case s != "system" && !isTarget(s):
			p.add(path, "%q is neither \"system\" nor HOST:PORT, such as \"127.0.0.1:53\"", clip(s))
		}
	}
}

func (c *Config) checkOutbound(p *problems) {
	o := &c.Outbound
	c.checkRoute(p)
	if o.Smarthost != "" && !isTarget(o.Smarthost) {
		// The value is not shown: people put user names and passwords here.
		p.add("outbound.smarthost", "is not HOST:PORT, such as \"smtp.example.com:587\"")
	}
	if o.Username != "" && o.PasswordFile == "" {
		p.add("outbound.password_file", "missing: username needs it")
	}
	if o.Username == "" && o.PasswordFile != "" {
		p.add("outbound.username", "missing: password_file needs it")
	}
	if o.Username != "" && o.TLS == "none" && !isLoopback(o.Smarthost) {
		p.add("outbound.tls", "\"none\" would send the password in clear; use \"starttls\" or \"implicit\"")
	}
	if o.PasswordFile != "" {
		checkPasswordFile(p, o.PasswordFile)
	}
	if _, err := o.Authorities(); err != nil {
		p.add("outbound.ca_file", "%s", err)
	}
}

// checkRoute wants a smarthost for the route that needs one. The other way
// round, a smarthost and a route that was left out means mail that never
// leaves; a route that says "capture" means a trial.
func (c *Config) checkRoute(p *problems) {
	_, chosen := p.places["outbound.route"]
	switch o := c.Outbound; {
	case o.Route == "smarthost" && o.Smarthost == "":
		p.add("outbound.smarthost", "missing: route \"smarthost\" needs it")
	case o.Route == "capture" && o.Smarthost != "" && !chosen:
		p.add("outbound.smarthost", "is not used, because route is \"capture\" by default; set route = \"smarthost\", or route = \"capture\" to keep mail here")
	}
}

func isLoopback(hostPort string) bool {
	host, _, _ := splitHostPort(hostPort)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// checkPasswordFile never shows the name: it might be the password itself, by
// mistake. The content is not read here.
func checkPasswordFile(p *problems, name string) {
	const path = "outbound.password_file"
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.add(path, "there is no such file")
	case err != nil:
		p.add(path, "the file cannot be looked at")
	case !info.Mode().IsRegular():
		p.add(path, "is not a regular file")
	case info.Mode().Perm()&0o077 != 0:
		p.add(path, "the file can be read or changed by others (mode %04o); set its mode to 0600", info.Mode().Perm())
	case info.Size() == 0:
		p.add(path, "the file is empty")
	}
}

// clip keeps a quoted value short.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
