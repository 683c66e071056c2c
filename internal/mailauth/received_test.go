package mailauth

import (
	"net/netip"
	"strings"
	"testing"
)

// The forms in which servers write the client down. Addresses and names are
// made up.
func TestReceivedFormsOfServers(t *testing.T) {
	for _, tt := range []struct{ name, value, ip, helo string }{
		{"Postfix", "from mail.example.com (mail.example.com [192.0.2.1])\r\n\tby mx.desk.example (Postfix) with ESMTPS id 4A1B2\r\n\tfor <a@desk.example>; Fri, 1 May 2026 12:00:00 +0000", "192.0.2.1", "mail.example.com"},
		{"Postfix, no name", "from mail.example.com (unknown [192.0.2.1]) by mx (Postfix) with SMTP id 1", "192.0.2.1", "mail.example.com"},
		{"Postfix, IPv6", "from mail.example.com (mail.example.com [IPv6:2001:db8::1]) by mx (Postfix)", "2001:db8::1", "mail.example.com"},
		{"Postfix, TLS comments", "from a.example (a.example [192.0.2.1])\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n\t key-exchange X25519 server-signature RSA-PSS (2048 bits))\r\n\t(No client certificate requested)\r\n\tby mx (Postfix) with ESMTPS", "192.0.2.1", "a.example"},
		{"Postfix, HELO is a literal", "from [198.51.100.9] (unknown [192.0.2.1]) by mx (Postfix)", "192.0.2.1", "[198.51.100.9]"},
		{"Sendmail", "from mail.example.com (mail.example.com [192.0.2.1]) by mx (8.17.1/8.17.1) with ESMTP id 3BB", "192.0.2.1", "mail.example.com"},
		{"Sendmail, no name", "from mail.example.com ([192.0.2.1]) by mx (8.17.1/8.17.1) with ESMTP", "192.0.2.1", "mail.example.com"},
		{"Sendmail, doubt", "from mail.example.com (other.example [192.0.2.1] (may be forged)) by mx (8.17.1/8.17.1)", "192.0.2.1", "mail.example.com"},
		{"Sendmail, ident", "from mail.example.com (joe@mail.example.com [192.0.2.1]) by mx (8.17.1/8.17.1)", "192.0.2.1", "mail.example.com"},
		{"Sendmail, IPv6", "from mail.example.com ([IPv6:2001:db8:0:0:0:0:0:1]) by mx", "2001:db8::1", "mail.example.com"},
		{"Exim", "from mail.example.com ([192.0.2.1]) by mx with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.98)", "192.0.2.1", "mail.example.com"},
		{"Exim, port and HELO", "from host.example ([192.0.2.1]:40112 helo=mail.example.com)\r\n\tby mx with esmtp (Exim 4.98)", "192.0.2.1", "mail.example.com"},
		{"Exim, no name", "from [192.0.2.1] (helo=mail.example.com) by mx with esmtp (Exim 4.98)", "192.0.2.1", "mail.example.com"},
		{"Exim, no name, port", "from [192.0.2.1]:4711 (helo=mail.example.com) by mx with esmtp", "192.0.2.1", "mail.example.com"},
		{"Exim, old port", "from [192.0.2.1] (port=4711 helo=mail.example.com) by mx with esmtp", "192.0.2.1", "mail.example.com"},
		{"Exim, ident", "from host.example ([192.0.2.1] helo=mail.example.com ident=joe) by mx with esmtp", "192.0.2.1", "mail.example.com"},
		{"Exim, HELO is a literal", "from [192.0.2.1] (helo=[198.51.100.9]) by mx with esmtp", "192.0.2.1", "[198.51.100.9]"},
		{"Exim, IPv6", "from mail.example.com ([2001:db8::1] helo=x.example) by mx with esmtps", "2001:db8::1", "x.example"},
		{"Exchange", "from mail.example.com (192.0.2.1) by EX01.desk.example (10.0.0.5) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id 15.2.1118.7 via Frontend Transport; Fri", "192.0.2.1", "mail.example.com"},
		{"Microsoft 365", "from AM0PR01.eurprd01.prod.exchangelabs.com (2603:10a6:208:aa::12)\r\n by AS8PR01.eurprd01.prod.exchangelabs.com (2603:10a6:20b:bb::9) with Microsoft SMTP Server (version=TLS1_2,\r\n cipher=TLS_ECDHE) id 15.20.8699.12; Fri", "2603:10a6:208:aa::12", "AM0PR01.eurprd01.prod.exchangelabs.com"},
		{"Exchange, between its services", "from EX01.desk.example (fe80::1c2d%12) by EX01.desk.example (fe80::1c2d%12) with Microsoft SMTP Server id 15.2 via Mailbox Transport; Fri", "fe80::1c2d", "EX01.desk.example"},
		{"Exchange 2003", "from mail.example.com ([192.0.2.1]) by ex with Microsoft SMTPSVC(6.0.3790.4675); Fri", "192.0.2.1", "mail.example.com"},
		{"Gmail", "from mail.example.com (mail.example.com. [192.0.2.1])\r\n        by mx.google.com with ESMTPS id a1-2si3edc.4.2026.05.01 for <x@desk.example>\r\n        (version=TLS1_3 cipher=X bits=256/256); Fri", "192.0.2.1", "mail.example.com"},
		{"OpenSMTPD", "from mail.example.com (mail.example.com [192.0.2.1]) by mx (OpenSMTPD) with ESMTPS id 1 (TLSv1.3:X:256:NO) for <a@b>; Fri", "192.0.2.1", "mail.example.com"},
		{"qmail", "from unknown (HELO mail.example.com) (192.0.2.1)\r\n  by mx with SMTP; 1 May 2026 12:00:00 -0000", "192.0.2.1", "mail.example.com"},
		{"qmail, HELO is the name", "from mail.example.com (192.0.2.1) by mx with SMTP; 1 May", "192.0.2.1", "mail.example.com"},
		{"qmail, ident", "from host.example (HELO mail.example.com) (joe@192.0.2.1) by mx with SMTP", "192.0.2.1", "mail.example.com"},
		{"CommuniGate Pro", "from mail.example.com ([192.0.2.1] verified) by mx (CommuniGate Pro SMTP 6.3) with ESMTPS id 7", "192.0.2.1", "mail.example.com"},
		{"Zimbra, LMTP", "from store.example.com (LHLO mail.example.com) (192.0.2.1) by store.example.com with LMTP; Fri", "192.0.2.1", "mail.example.com"},
		{"mxdesk", "from mail.example.com ([192.0.2.1])\r\n\tby mx with ESMTPS", "192.0.2.1", "mail.example.com"},
		{"IPv4 in IPv6", "from a.example (a.example [::ffff:192.0.2.1]) by mx", "192.0.2.1", "a.example"},
		{"any case", "FROM a.example (a.example [192.0.2.1]) BY mx", "192.0.2.1", "a.example"},
	} {
		h, err := readReceived(tt.value)
		if err != nil || h.ip != netip.MustParseAddr(tt.ip) || h.helo != tt.helo {
			t.Errorf("%s: %v %q, %v", tt.name, h.ip, h.helo, err)
		}
	}
}

func TestReceivedSaysWhoLoggedIn(t *testing.T) {
	for value, want := range map[string]bool{
		"from a (b [192.0.2.1]) by c (Postfix) with ESMTPSA id d":            true,
		"from a (b [192.0.2.1]) by c with esmtpa (Exim 4.98) id d":           true,
		"from a (b [192.0.2.1]) by c (d) (e)\r\n\twith UTF8SMTPSA id f":      true,
		"from a (b [192.0.2.1]) by c (Postfix) with ESMTPS id d":             false,
		"from a (b [192.0.2.1]) by c (with ESMTPSA) id d with ESMTPSA":       false,
		"from a (b [192.0.2.1]) (with ESMTPSA) by c for <with ESMTPSA@d.ex>": false,
		"from ESMTPSA (with [192.0.2.1]) by with":                            false,
		"from a (b [192.0.2.1]) by c (d":                                     false,
	} {
		if h, err := readReceived(value); err != nil || h.loggedIn != want {
			t.Errorf("%q: %+v, %v", value, h, err)
		}
	}
}

// What the client chose must never be read as its address.
func TestReceivedThatIsNotCertainGivesNoClient(t *testing.T) {
	for name, value := range map[string]string{
		"nothing":                        "",
		"no from":                        "by mx.desk.example (Postfix, from userid 33) id 4A1B2; Fri",
		"qmail, local":                   "(qmail 4711 invoked by uid 33); 1 May 2026 12:00:00 -0000",
		"no address":                     "from mail.example.com by mx with SMTP",
		"a literal alone":                "from [192.0.2.1] by mx with SMTP",
		"OpenSMTPD, local":               "from localhost (mx.desk.example [local]) by mx (OpenSMTPD) with ESMTPA",
		"Exim, local":                    "from www-data by mx with local (Exim 4.98)",
		"Gmail, by its API":              "from 4711 named unknown by gmailapi.google.com with HTTPREST; Fri",
		"HELO with a comment":            "from x (x [192.0.2.1]) (x [198.51.100.9]) by mx (Postfix)",
		"HELO with a bare address":       "from x (192.0.2.1) (x [198.51.100.9]) by mx (Postfix)",
		"HELO glued to a comment":        "from x(192.0.2.1) (x [198.51.100.9]) by mx (Postfix)",
		"HELO that ends the clause":      "from x by (x [198.51.100.9]) by mx (Postfix)",
		"HELO of two words":              "from x y (x [198.51.100.9]) by mx (Postfix)",
		"HELO in quotes":                 "from \"x (192.0.2.1)\" (x [198.51.100.9]) by mx",
		"HELO as qmail has it":           "from x (HELO y) (192.0.2.1) (z [198.51.100.9]) by mx",
		"only HELO, as a literal":        "from unknown (HELO [192.0.2.1]) by mx",
		"EHLO of two words":              "from unknown (HELO y z) (192.0.2.1) by mx",
		"an address in a TLS comment":    "from x (x [198.51.100.9]) (Client CN \"192.0.2.1\") by mx",
		"two addresses in one comment":   "from x ([192.0.2.1] [198.51.100.9]) by mx",
		"two HELOs":                      "from x ([192.0.2.1] helo=a helo=b) by mx",
		"assignments without an address": "from x (helo=y) by mx",
		"other assignments":              "from x ([192.0.2.1] ip=198.51.100.9) by mx",
		"a comment without end":          "from x (x [192.0.2.1] by mx",
		"no by":                          "from x (x [192.0.2.1])",
		"unspecified":                    "from x (x [0.0.0.0]) by mx",
		"junk behind the bracket":        "from x (x [192.0.2.1]y) by mx",
		"octets beyond ASCII":            "from x\u00a0y (x [192.0.2.1]) by mx",
		"overlong":                       "from x (x [192.0.2.1]) by mx " + strings.Repeat("x", maxReceived),
	} {
		if h, err := readReceived(value); err == nil {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

func FuzzReceived(f *testing.F) {
	for _, s := range []string{
		"from a (b [192.0.2.1]) by c", "from a (HELO b) (c@192.0.2.1) by d", "from [192.0.2.1]:1 (helo=b) by c",
		"(qmail 1 invoked from network); x", "by x.google.com with SMTP id y;", "from a (192.0.2.1) (((\\)) by d", "from a ([IPv6:::1] (may be forged)) by d",
	} {
		f.Add(s, "x.example")
	}
	f.Fuzz(func(t *testing.T, value, helo string) {
		h, err := readReceived(value)
		if err != nil {
			if h != (hop{}) {
				t.Fatalf("%q: %v, yet %+v", value, err, h)
			}
		} else if !h.ip.IsValid() || h.ip.Is4In6() || h.ip.Zone() != "" || strings.ContainsAny(h.helo, " \t\r\n") ||
			!strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "from") {
			t.Fatalf("%q: %+v", value, h)
		}
		// Whatever a client calls itself, Postfix's form gives its true address
		// or none. Postfix lets no blank and none of <>()\";@ pass.
		helo = strings.Map(func(r rune) rune {
			if r <= ' ' || r == 0x7f || strings.ContainsRune(`<>()\";@`, r) {
				return '?'
			}
			return r
		}, helo)
		h, err = readReceived("from " + helo + " (unknown [198.51.100.9]) by mx (Postfix) with ESMTP id 1")
		if err == nil && h.ip != netip.MustParseAddr("198.51.100.9") {
			t.Fatalf("%q chose the address %s", helo, h.ip)
		}
	})
}
