package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// maxFile bounds the files that are read here, in octets.
const maxFile = 1 << 20

// Default is the desk that "mxdesk serve" runs without a file: one mailbox,
// support@localhost, on loopback, without DNS. Senders on this machine count as
// authenticated and nothing leaves it.
func Default() *Config {
	c := builtIn()
	c.SMTP.TrustLoopback = true
	c.DNS.Servers = nil
	m := Mailbox{Addresses: []string{"support@localhost"}}
	setDefaults(reflect.ValueOf(&m).Elem())
	c.Mailbox = map[string]Mailbox{"support": m}
	c.complete(&problems{})
	return c
}

// Move puts the data folder elsewhere, and with it what lies there by default.
// It is for the command line's --data, before the value is used.
func (c *Config) Move(dir string) {
	if c.Outbound.CaptureDir == filepath.Join(c.DataDir, captureName) {
		c.Outbound.CaptureDir = filepath.Join(dir, captureName)
	}
	c.DataDir = dir
}

// captureName is the capture folder's name in the data folder.
const captureName = "outgoing"

// builtIn is a configuration of defaults, without a mailbox.
func builtIn() *Config {
	c := new(Config)
	setDefaults(reflect.ValueOf(c).Elem())
	return c
}

// Load reads a configuration file of at most 1 MiB. The error is an [*Error]
// when the file could be read but not used.
func Load(path string) (*Config, error) {
	data, err := readSmall(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	c.File = path
	return c, nil
}

// readSmall reads a regular file of at most maxFile octets.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %s", path, Size(maxFile))
	}
	return data, err
}

// Parse reads a configuration; name is the file's, for messages. The error is
// an [*Error] with every problem there is. Only a document that is no TOML
// yields a single one, for what stands behind it cannot be judged. Parse looks
// at the files and folders that the configuration names.
func Parse(name string, data []byte) (*Config, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // some editors begin a file so
	p := &problems{file: name}
	raw := map[string]any{}
	if err := toml.Unmarshal(data, &raw); err != nil {
		return nil, &Error{[]Problem{syntaxProblem(name, err)}}
	}
	p.places = locate(data)
	c := builtIn()
	decoder{p}.table(reflect.ValueOf(c).Elem(), raw, "")
	p.settle()
	c.complete(p)
	if err := p.err(); err != nil {
		return nil, err
	}
	return c, nil
}

func syntaxProblem(name string, err error) Problem {
	p := Problem{File: name, Text: strings.TrimPrefix(err.Error(), "toml: ")}
	if d, ok := errors.AsType[*toml.DecodeError](err); ok {
		p.Line, p.Column = d.Position()
		for _, key := range d.Key() {
			p.Key = child(p.Key, key)
		}
	}
	return p
}
