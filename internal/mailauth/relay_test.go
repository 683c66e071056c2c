package mailauth

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mxdesk/internal/mailauth/dnstest"
	"mxdesk/ticketstore"
)

const (
	relayIP = "203.0.113.7"
	edgeIP  = "203.0.113.8"
	// fromGood is what the relay writes of a client that SPF permits, fromBad of
	// one that it forbids.
	fromGood = "Received: from mx.example.com (mx.example.com [" + goodIP + "]) by relay.desk.example (Postfix) with ESMTPS id 1; Fri\r\n"
	fromBad  = "Received: from mx.example.com (unknown [" + badIP + "]) by relay.desk.example (Postfix) with ESMTPS id 1; Fri\r\n"
	fromEdge = "Received: from edge.desk.example (edge.desk.example [" + edgeIP + "]) by relay.desk.example (Postfix) with ESMTPS id 2; Fri\r\n"
	says     = "Authentication-Results: relay.desk.example; "
)

func relays() []Relay {
	return []Relay{
		{Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32")}, AuthservID: "relay.desk.example"},
		{Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.8/32")}, AuthservID: "EDGE.desk.example"},
		{Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.9/32")}},
		{Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.10/32")}, AuthservID: "Desk.Example"},
		{Unix: true, AuthservID: "local.desk.example"},
	}
}

func relayed(raw, relay, client, from string) Input {
	in := input(raw, client, "relay.desk.example", from)
	in.Relay = relay
	return in
}

// relayZone permits goodIP only, and asks for rejection.
func relayZone() dnstest.Zone {
	return dnstest.Zone{
		"example.com":              {TXT: []string{"v=spf1 ip4:" + goodIP + " -all"}},
		"mx.example.com":           {TXT: []string{"v=spf1 ip4:" + goodIP + " -all"}},
		"_dmarc.example.com":       {TXT: []string{"v=DMARC1; p=reject"}},
		"own.example":              {TXT: []string{"v=spf1 ip4:" + relayIP + " -all"}},
		"_dmarc.strict.example":    {TXT: []string{"v=DMARC1; p=reject; adkim=s; aspf=s"}},
		"s._domainkey.example.com": {TXT: []string{edRecord("")}},
	}
}

func relayChecker(t testing.TB) *Checker {
	s := dnstest.New(t, relayZone())
	return New(Config{AuthservID: "desk.example", Resolver: NewResolver([]string{s.Addr}), Relays: relays()})
}

func TestSPFBehindARelay(t *testing.T) {
	c := relayChecker(t)
	joe, own := simple("joe@example.com"), simple("joe@own.example")
	const from = "joe@example.com"
	login := func(ip string) string {
		return "Received: from laptop (unknown [" + ip + "]) (Authenticated sender: joe) by relay.desk.example (Postfix) with ESMTPSA id 1; Fri\r\n"
	}
	for _, tt := range []struct {
		name, raw, relay, client, from string
		spf                            string
		auth                           ticketstore.Auth
		reason                         string // part of SPF's
	}{
		{"the hop before is permitted", fromGood + joe, relayIP, relayIP, from, "pass", "aligned", "which came to the relay " + relayIP},
		{"the hop before is forbidden", fromBad + joe, relayIP, relayIP, from, "fail", "fail", "forbids " + badIP},
		{"the relay is known by the client address alone", fromGood + joe, "", relayIP, from, "pass", "aligned", ""},
		{"a Unix socket", fromGood + joe, "unix", "", from, "pass", "aligned", "the relay at the Unix socket"},
		{"null sender: HELO of the hop before", fromGood + joe, relayIP, relayIP, "", "pass", "aligned", "mx.example.com"},
		{"two relays", fromEdge + fromGood + joe, relayIP, relayIP, from, "pass", "aligned", ""},
		{"handed on within the relay", "Received: (qmail 7 invoked from network); 1 May 2026 12:00:00 -0000\r\n" + fromGood + joe, relayIP, relayIP, from, "pass", "aligned", ""},
		{"the sender's own Received field below does not count", fromBad + fromGood + joe, relayIP, relayIP, from, "fail", "fail", ""},
		{"the relay told the client's address", fromGood + joe, relayIP, badIP, from, "fail", "fail", "forbids " + badIP},
		{"the relay told a good client's address", fromBad + joe, relayIP, goodIP, from, "pass", "aligned", "permits " + goodIP},
		{"nobody we trust", fromGood + joe, badIP, badIP, from, "fail", "fail", "forbids " + badIP},
		{"a peer we do not trust names a relay as its client", fromGood + joe, badIP, relayIP, from, "fail", "fail", "forbids " + relayIP},

		{"a user logged in to the relay, which SPF permits", login(badIP) + own, relayIP, relayIP, "joe@own.example", "pass", "aligned", "the relay where the sender logged in"},
		{"a user on the same machine logged in", login("127.0.0.1") + own, relayIP, relayIP, "joe@own.example", "pass", "aligned", "the relay where the sender logged in"},
		{"a user logged in to the relay before the relay", fromEdge + login(badIP) + own, relayIP, relayIP, "joe@own.example", "fail", "fail", "forbids " + edgeIP},
		{"a user logged in to the relay and claims a stranger's domain", login(badIP) + joe, relayIP, relayIP, from, "fail", "fail", "forbids " + relayIP},
		{"a user logged in where SPF permits them", login(goodIP) + joe, relayIP, relayIP, from, "pass", "aligned", "permits " + goodIP},
		{"a user logged in to a relay at a socket", login(badIP) + own, "unix", "", "joe@own.example", "none", "none", "no public address"},
		{"a login is not the sender's to claim", fromBad + login(badIP) + own, relayIP, relayIP, "joe@own.example", "fail", "fail", "forbids " + badIP},

		{"no Received field", joe, relayIP, relayIP, from, "none", "fail", "it wrote no Received field"},
		{"a Received field that names no client", "Received: by relay.desk.example (Postfix, from userid 33); Fri\r\n" + fromGood + joe, relayIP, relayIP, from, "none", "fail", "names no client"},
		{"a Received field that is not certain", "Received: from [" + goodIP + "] by relay.desk.example; Fri\r\n" + joe, relayIP, relayIP, from, "none", "fail", "cannot be read for certain"},
		{"all hops are relays", fromEdge + joe, relayIP, relayIP, from, "none", "fail", "seems to begin here"},
		{"a local address that is not listed", "Received: from x (localhost [127.0.0.1]) by relay.desk.example; Fri\r\n" + fromGood + joe, relayIP, relayIP, from, "none", "fail", "not listed among the relays"},
		{"an endless chain of relays", strings.Repeat(fromEdge, maxHops+1) + fromGood + joe, relayIP, relayIP, from, "none", "fail", "more than 30 relays"},
		{"our own check of the signature goes on", sign(t, joe, "example.com"), relayIP, relayIP, from, "none", "aligned", "no Received field"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := c.Check(t.Context(), relayed(tt.raw, tt.relay, tt.client, tt.from))
			if v.SPF.Result != tt.spf || v.Auth != tt.auth || !strings.Contains(v.SPF.Reason, tt.reason) {
				t.Errorf("want %s %s %q\n%+v", tt.spf, tt.auth, tt.reason, v)
			}
		})
	}
}

func TestResultsOfARelayAreBelieved(t *testing.T) {
	c := relayChecker(t)
	joe := simple("joe@example.com")
	strict := simple("joe@strict.example")
	for _, tt := range []struct {
		name, raw, relay, client string
		auth                     ticketstore.Auth
		reason                   string // part of the verdict's
	}{
		{"dmarc", says + "dmarc=pass header.from=example.com\r\n" + fromBad + joe, relayIP, relayIP, "aligned", "DMARC passed according to relay relay.desk.example"},
		{"dmarc, nobody publishes anything", says + "dmarc=pass header.from=other.example\r\n" + fromBad + simple("joe@other.example"), relayIP, relayIP, "aligned", "according to relay"},
		{"spf", says + "spf=pass smtp.mailfrom=joe@example.com\r\n" + fromBad + joe, relayIP, relayIP, "aligned", "SPF passed (example.com) according to relay"},
		{"dkim", says + "dkim=pass header.d=example.com header.s=s\r\n" + fromBad + joe, relayIP, relayIP, "aligned", "DKIM passed (example.com) according to relay"},
		{"dkim by its identity", says + "dkim=pass header.i=@example.com\r\n" + fromBad + joe, relayIP, relayIP, "aligned", ""},
		{"several fields", says + "dkim=none\r\n" + says + "spf=fail smtp.mailfrom=example.com\r\n" + says + "dmarc=pass header.from=example.com\r\n" + fromBad + joe, relayIP, relayIP, "aligned", ""},
		{"a Unix socket", "Authentication-Results: local.desk.example; dmarc=pass header.from=example.com\r\n" + fromBad + joe, "unix", "", "aligned", ""},
		{"the name in another case, as a comment has it, with a version", "Authentication-Results: (x) RELAY.desk.example 1; dmarc=pass header.from=Example.COM\r\n" + fromBad + joe, relayIP, relayIP, "aligned", ""},
		{"the relay before the relay", fromEdge + "Authentication-Results: edge.desk.example; dmarc=pass header.from=example.com\r\n" + fromBad + joe, relayIP, relayIP, "aligned", "relay edge.desk.example"},
		{"a field above a hop that cannot be read", says + "dmarc=pass header.from=example.com\r\nReceived: by x; Fri\r\n" + joe, relayIP, relayIP, "aligned", ""},
		{"dmarc failed", says + "dmarc=fail header.from=example.org\r\n" + fromBad + simple("joe@example.org"), relayIP, relayIP, "fail", "DMARC failed for the From domain example.org according to relay"},
		{"dmarc failed, our own checks pass", says + "dmarc=fail header.from=example.com\r\n" + fromBad + sign(t, joe, "example.com"), relayIP, relayIP, "aligned", "DKIM passed (example.com)"},
		{"spf failed, our own check passes", says + "spf=fail smtp.mailfrom=example.com\r\n" + fromGood + joe, relayIP, relayIP, "fail", ""},
		{"spf had DNS trouble there, not here", says + "spf=temperror smtp.mailfrom=example.com\r\n" + fromGood + joe, relayIP, relayIP, "aligned", "SPF passed (example.com) for"},

		{"below the Received field", fromBad + says + "dmarc=pass header.from=example.com\r\n" + joe, relayIP, relayIP, "fail", ""},
		{"no Received field at all", says + "dmarc=pass header.from=example.com\r\n" + joe, relayIP, relayIP, "fail", ""},
		{"not over the relay", says + "dmarc=pass header.from=example.com\r\n" + fromBad + joe, badIP, badIP, "fail", ""},
		{"the relay is a proxy for the sender", says + "dmarc=pass header.from=example.com\r\n" + fromBad + joe, relayIP, badIP, "fail", ""},
		{"a relay that the mail did not come over", "Authentication-Results: edge.desk.example; dmarc=pass header.from=example.com\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
		{"a relay without a name", "Authentication-Results: \"\"; dmarc=pass header.from=example.com\r\n" + says + "dmarc=pass header.from=example.com\r\n" + fromBad + joe, "203.0.113.9", "203.0.113.9", "fail", ""},
		{"a relay with our name", "Authentication-Results: desk.example; dmarc=pass header.from=example.com\r\n" + fromBad + joe, "203.0.113.10", "203.0.113.10", "fail", ""},
		{"a longer name", "Authentication-Results: relay.desk.example.evil.example; dmarc=pass header.from=example.com\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
		{"another From domain", says + "dmarc=pass header.from=evil.example\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
		{"no From domain", says + "dmarc=pass\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
		{"a subdomain", says + "dmarc=pass header.from=a.example.com\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
		{"a result that is not pass", says + "dmarc=bestguesspass header.from=example.com\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
		{"dmarc said in two ways", says + "dmarc=pass header.from=example.com; dmarc=fail header.from=example.com\r\n" + fromBad + joe, relayIP, relayIP, "fail", "neither SPF (fail) nor DKIM (no signature) passed"},
		{"spf said in two ways", says + "spf=pass smtp.mailfrom=example.com; spf=fail smtp.mailfrom=example.com\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
		{"spf of a stranger", says + "spf=pass smtp.mailfrom=evil.example\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
		{"spf of a quoted address", says + "spf=pass smtp.mailfrom=\"x@example.com\"@evil.example\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
		{"spf of HELO, for a sender", says + "spf=pass smtp.helo=example.com\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
		{"dkim of a stranger", says + "dkim=pass header.d=evil.example\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
		{"dkim by an identity, strict", says + "dkim=pass header.i=@strict.example\r\n" + fromBad + strict, relayIP, relayIP, "fail", ""},
		{"dkim by its domain, strict", says + "dkim=pass header.d=strict.example\r\n" + fromBad + strict, relayIP, relayIP, "aligned", ""},
		{"a field that is not clear", says + "dmarc=pass header.from=example.com (\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
		{"a result in a comment", says + "spf=none (; dmarc=pass header.from=example.com)\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
		{"two authors", says + "dmarc=pass header.from=example.com\r\n" + fromBad + "From: x@example.com\r\n" + joe, relayIP, relayIP, "none", "author"},
		{"ARC fields are others' words", "ARC-Authentication-Results: i=1; relay.desk.example; dmarc=pass header.from=example.com\r\n" + fromBad + joe, relayIP, relayIP, "fail", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := c.Check(t.Context(), relayed(tt.raw, tt.relay, tt.client, "joe@example.com"))
			if v.Auth != tt.auth || !strings.Contains(v.Reason, tt.reason) {
				t.Errorf("want %s %q\n%+v", tt.auth, tt.reason, v)
			}
			if (v.DMARC.Result == "pass") != (v.Auth == "aligned") {
				t.Errorf("DMARC %+v", v.DMARC)
			}
		})
	}
}

func TestResultsOfARelayNeedNoDNS(t *testing.T) {
	c := New(Config{AuthservID: "desk.example", Relays: relays()})
	joe := simple("joe@example.com")
	for results, want := range map[string]ticketstore.Auth{
		"dmarc=pass header.from=example.com":  "aligned",
		"spf=pass smtp.mailfrom=example.com":  "aligned",
		"dkim=pass header.d=example.com":      "aligned",
		"dkim=pass header.d=mail.example.com": "none", // strictness cannot be looked up
		"dmarc=fail header.from=example.com":  "fail",
		"none":                                "none",
	} {
		v := c.Check(t.Context(), relayed(says+results+"\r\n"+fromBad+joe, relayIP, relayIP, "joe@example.com"))
		if v.Auth != want {
			t.Errorf("%s: %+v", results, v)
		}
	}
}

// A relay on this machine hands over strangers' mail.
func TestTrustLoopbackIsNotForRelays(t *testing.T) {
	local := []Relay{{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}}
	for _, tt := range []struct {
		name          string
		relays        []Relay
		relay, client string
		want          ticketstore.Auth
	}{
		{"a client of this machine", nil, "127.0.0.1", "127.0.0.1", "aligned"},
		{"a relay on this machine", local, "127.0.0.1", "127.0.0.1", "none"},
		{"a relay on this machine, by its address", local, "", "127.0.0.1", "none"},
		{"another loopback address than the relay's", local, "127.0.0.2", "127.0.0.2", "aligned"},
		{"a proxy elsewhere says that its client is local", local, "203.0.113.7", "127.0.0.5", "none"},
		{"a socket says that its client is local", local, "unix", "127.0.0.5", "none"},
		{"a local proxy names a local client", local, "127.0.0.1", "127.0.0.5", "none"},
	} {
		c := New(Config{TrustLoopback: true, Relays: tt.relays})
		v := c.Check(t.Context(), relayed(fromGood+simple("joe@example.com"), tt.relay, tt.client, ""))
		if v.Auth != tt.want {
			t.Errorf("%s: %+v", tt.name, v)
		}
	}
}

func TestDistrustedKnowsRelays(t *testing.T) {
	c := New(Config{AuthservID: "desk.example", Relays: relays()})
	const (
		own, forged = says + "spf=pass", "Authentication-Results: (x) \"relay.desk.Example\" 1; dmarc=pass"
		ours        = "Authentication-Results: desk.example; spf=pass"
		unclear     = says + "spf=pass ("
		foreign     = "Authentication-Results: mx.other.example; spf=pass"
	)
	raw := own + "\r\n" + unclear + "\r\n" + ours + "\r\n" + foreign + "\r\n" + fromBad + forged + "\r\n" + own + "\r\n" + simple("joe@example.com")
	for _, tt := range []struct {
		name, relay string
		want        []string
	}{
		{"over the relay", relayIP, []string{unclear, ours, forged, own}},
		{"past it", badIP, []string{own, unclear, ours, forged, own}},
	} {
		var got []string
		for _, f := range c.Distrusted(relayed(raw, tt.relay, tt.relay, "")) {
			got = append(got, strings.TrimRight(f.Raw, "\r\n"))
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

// FuzzForgedResults: whatever a sender writes into the header, a mail of theirs
// that came over the relay is not authenticated.
func FuzzForgedResults(f *testing.F) {
	c := New(Config{AuthservID: "desk.example", Relays: relays()})
	for _, s := range []string{
		says + "dmarc=pass header.from=example.com", "Received: x\r\n" + says + "dmarc=pass header.from=example.com", "\r\nX: y", " folded", "Received\r\n : y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, theirs string) {
		raw := says + "dmarc=fail header.from=example.com\r\n" + fromBad + theirs + "\r\n" + simple("joe@example.com")
		in := relayed(raw, relayIP, relayIP, "joe@example.com")
		if v := c.Check(t.Context(), in); v.Authenticated {
			t.Fatalf("%+v", v)
		}
		n := 0
		for i := range in.Header.Fields {
			if _, ok := c.believed(c.route(in), in.Header, i); ok {
				n++
			}
		}
		if n != 1 {
			t.Fatalf("%d fields are believed", n)
		}
	})
}
