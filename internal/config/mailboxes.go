package config

import (
	"maps"
	"os"
	"slices"
	"strings"

	"mxdesk/internal/address"
	"mxdesk/internal/tag"
)

// maxOwnLocal is the longest local part of a mailbox's own address, in octets.
// A signed reply address is the local part, "+", ticket number and token, and
// RFC 5321 §4.5.3.1.1 allows 64 octets for all of it.
const maxOwnLocal = 24

// maxKey is the longest key of a mailbox.
const maxKey = 32

// owners knows which mailbox an address belongs to, by [address.Address.Key].
type owners map[string]string

func (c *Config) completeMailboxes(p *problems) {
	if len(c.Mailbox) == 0 {
		p.add("mailbox", "a desk needs a mailbox: add [mailbox.support] with addresses = [\"support@example.com\"]")
	}
	own := owners{}
	keys := slices.Sorted(maps.Keys(c.Mailbox))
	for _, key := range keys {
		path, m := child("mailbox", key), c.Mailbox[key]
		m.Key = key
		if !isMailboxKey(key) {
			p.add(path, "a mailbox's key is 1 to %d lower-case letters, digits, - and _, and begins with a letter or digit", maxKey)
		}
		m.completeAddresses(p, path, own)
		if m.Type == "" {
			p.add(path+".type", "must name a type, such as \"incident\"")
		}
		m.checkFolder(p, path)
		c.Mailbox[key] = m
	}
	for _, key := range keys {
		m := c.Mailbox[key]
		m.completePeople(p, child("mailbox", key), own)
		c.Mailbox[key] = m
	}
	c.completeTags(p, keys)
}

func isMailboxKey(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '_') {
			return false
		}
	}
	return s != "" && len(s) <= maxKey
}

// completeAddresses reads the mailbox's own addresses.
func (m *Mailbox) completeAddresses(p *problems, path string, own owners) {
	if m.Name == "" {
		m.Name = m.Key
	}
	if len(m.Addresses) == 0 {
		p.add(path+".addresses", "missing: a mailbox needs at least one address")
		return
	}
	for i, s := range m.Addresses {
		at := entry(path+".addresses", i)
		a, ok := ownAddress(p, at, s)
		if !ok {
			continue
		}
		if other, taken := own[a.Key()]; taken {
			p.add(at, "%q already belongs to mailbox %q", s, other)
			continue
		}
		own[a.Key()] = m.Key
		m.addresses = append(m.addresses, a)
	}
	if m.From == "" {
		m.From = m.Addresses[0]
		if len(m.addresses) > 0 {
			m.from = m.addresses[0]
		}
	} else if a, ok := ownAddress(p, path+".from", m.From); ok {
		m.from = a
	}
}

// ownAddress reads an address that signed reply addresses are made of.
func ownAddress(p *problems, path, s string) (address.Address, bool) {
	a, err := address.Parse(s)
	if err != nil {
		p.add(path, "%s", err)
		return a, false
	}
	if n := len(a.Local()); n > maxOwnLocal {
		p.add(path, "the part before the @ has %d octets; at most %d leave room for the signed reply address", n, maxOwnLocal)
		return a, false
	}
	if _, detail := a.Detail(); detail != "" || a.Local()[len(a.Local())-1] == '+' {
		p.add(path, "the part before the @ holds a +, which divides off the signed part of a reply address")
		return a, false
	}
	if !a.IsASCII() {
		p.add(path, "the part before the @ must be ASCII, so that every server can answer")
		return a, false
	}
	return a, true
}

// completePeople reads the addresses of others and compares them with the
// desk's own: mail of the desk to itself would go round for ever.
func (m *Mailbox) completePeople(p *problems, path string, own owners) {
	if other, ok := own[m.from.Key()]; ok && other != m.Key {
		p.add(path+".from", "%q belongs to mailbox %q; answers would go there", m.From, other)
	}
	m.agents = otherAddresses(p, path+".agents", m.Agents)
	for i, a := range m.agents {
		if other, ok := own[a.Key()]; ok {
			p.add(entry(path+".agents", i), "%q is the desk's own address, of mailbox %q, and cannot be an agent's", a, other)
		}
	}
	m.formSenders = otherAddresses(p, path+".form_senders", m.FormSenders)
}

// otherAddresses reads a list of addresses. An unreadable one leaves a zero in
// its place; the configuration is refused then.
func otherAddresses(p *problems, path string, texts []string) []address.Address {
	var list []address.Address
	seen := map[string]bool{}
	for i, s := range texts {
		a, err := address.Parse(s)
		switch {
		case err != nil:
			p.add(entry(path, i), "%s", err)
		case seen[a.Key()]:
			p.add(entry(path, i), "%q stands here twice", s)
		}
		seen[a.Key()] = true
		list = append(list, a)
	}
	return list
}

func (m *Mailbox) checkFolder(p *problems, path string) {
	if m.Templates == "" {
		return
	}
	info, err := os.Stat(m.Templates)
	switch {
	case err != nil:
		p.add(path+".templates", "%s", err)
	case !info.IsDir():
		p.add(path+".templates", "%q is not a folder", clip(m.Templates))
	}
}

// completeTags checks all pairs of the desk against each other, current and
// retired ones alike.
func (c *Config) completeTags(p *problems, keys []string) {
	var named []tag.Named
	var paths []string
	for _, key := range keys {
		m, path := c.Mailbox[key], child("mailbox", key)
		named = append(named, tag.Named{Name: "mailbox \"" + key + "\"", Pair: m.Tag()})
		at := path + ".tag_start"
		if _, ok := p.places[at]; !ok {
			at = path + ".tag_end"
		}
		paths = append(paths, at)
		for i, s := range m.RetiredTags {
			at := entry(path+".retired_tags", i)
			pair, err := tag.Parse(s)
			if err != nil {
				p.add(at, "%s", err)
				continue
			}
			m.retired = append(m.retired, pair)
			named = append(named, tag.Named{Name: "mailbox \"" + key + "\" (retired)", Pair: pair})
			paths = append(paths, at)
		}
		c.Mailbox[key] = m
	}
	for _, problem := range tag.CheckAll(named) {
		at := paths[problem.Index]
		if mailbox, ok := strings.CutSuffix(at, ".tag_start"); ok && problem.End {
			at = mailbox + ".tag_end"
		}
		p.add(at, "%s", problem.Text)
	}
}
