package message

import (
	"strings"
	"testing"
)

// What looks like a quotation or a signature and is the sender's own text.
func TestOwnWordsStay(t *testing.T) {
	for name, text := range map[string]string{
		"prose":                  "I met him.\n\nOn Monday he wrote:\n\nWe will send the part.\n\nBut nothing came.",
		"prose with a date":      "As promised on 3 March 2024 he wrote:\nWe will send it.\nNothing came.",
		"prose with a time":      "On 3 March 2024 at 10:30 I wrote:\n\nPlease send it.\n\nNobody answered.",
		"a question before":      "Did you read what Max wrote:\nthe plug is black?",
		"German prose":           "Am Montag schrieb ich Ihnen:\n\nBitte liefern.\n\nNichts kam.",
		"a log":                  "The log says:\n\n10:30 From: a@x.org To: b@x.org rejected\n10:31 From: a@x.org To: c@x.org Subject: y rejected\n\nWhy?",
		"a raw header":           "The header is\n\nReceived: from x by y\nFrom: a@x.org\nTo: b@x.org\nSubject: z\nMessage-ID: <1@x.org>\n\nWhy was it refused?",
		"a header within a list": "We got:\nFrom: a@x.org\nTo: b@x.org\nSubject: z\nWhy?",
		"a journey":              "Please book\n\nFrom: Paris\nTo: Rome\nDate: 3 May\n\nThanks",
		"a form":                 "Name: Ann\nDate: today\nTo: the support\nSubject: plug\n\nIt burns.",
		"fenced code":            "See\n\n```\n> show plug\n--\nOn Mon, 15 Jan 2024 at 10:30, Max <max@x.org> wrote:\n```\n\nWhy?",
		"a diff":                 "I changed\n\n1,2c1\n< old\n< older\n---\n> new\n\nand it works.",
		"grep":                   "It prints\n\na.c:1: x\n--\nb.c:2: y\n--\nc.c:3: z\n\nWhy three?",
		"a comment in SQL":       "Run\n\n-- first drop it\ndrop table x;\n-- then go on\n\nand tell me.",
		"a table":                "| a | b |\n|---|---|\n| 1 | 2 |\n\nIs that right?",
		"rules":                  "First\n__________\n\nPlease cancel order 1 and send me the money back.\n__________\n\nThen send order 2 to my address in the new town. Will you?",
		"arrows":                 "Menu -> File\n--> Save\n=> nothing",
		"sent from in prose":     "Sent from my house, it took three days.\n\nWhere is it?",
		"a shell":                "I typed\n\nSQL> select 1\nSQL> exit\n\nand it hung.",
		"closing and name":       "It works.\n\nMit freundlichen Grüßen\nAnn Archer",
		"closing and postscript": "It works.\n\nBest regards\nAnn\n\nPS: bring the plug\nand call me at +1 555 0100 22",
		"closing and two names":  "It works.\n\nBest regards\nAnn and Ben\nfrom the house at the corner",
		"thanks":                 "It works.\n\nThank you!\n\nAnn",
		"closing in the middle":  "Thanks,\n\nbut it burns again and the plug is hot. Can you call me at +1 555 0100 22?",
		"secret in prose":        "The password in the e-mail is confidential. Did you send it?",
		"list of people":         "Please tell:\n\nMax <max@x.org>\nEve <eve@x.org>:\nthey wait.",
		"a time table":           "Open:\n\nMon 10:30:\nTue 11:30:\nclosed else",
		"a line from a store":    "I come\n\n>From here to there\n\nand back.",
		"an underlined title":    "Report\n------\n\nAll is well.\n\nMore\n======\n\nNothing.",
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []string{"", "In-Reply-To: <1@desk.example>\n"} {
				m := read(kind + "Subject: x\n\n" + text)
				if m.Fresh != text {
					t.Errorf("fresh %q\nquoted %q\nsignature %q", m.Fresh, m.Quoted, m.Signature)
				}
			}
		})
	}
}

// Forms of single programs that the table of languages does not make.
func TestForms(t *testing.T) {
	const own = "It works now.\n\nThank you!"
	for name, below := range map[string]string{
		"Zimbra":                   "----- Le 15 Jan 24, à 10:30, Max Muster max@muster.example a écrit :\n\n> old",
		"a line above marked ones": "------- Original Message -------\nOn Monday, January 15th, 2024 at 10:30 AM, Max Muster <max@muster.example> wrote:\n\n> old",
		"Zimbra, closed":           "----- On Jan 15, 2024, at 10:30 AM, Max Muster max@muster.example wrote: -----\n\nold",
		"Zoho":                     "---- On Mon, 15 Jan 2024 10:30:00 +0100 Max Muster <max@muster.example> wrote ----\n\nold",
		"Notes":                    "-----Max Muster/ORG wrote: -----\nTo: Ann Archer\nFrom: Max Muster/ORG\nDate: 01/15/2024 10:30\nSubject: plug\n\nold",
		"Notes, names first":       "From:\tMax Muster/ORG@ORG\nTo:\tAnn Archer <ann@example.org>\nDate:\t15.01.2024 10:30\nSubject:\tplug\n\n\nold",
		"Notes, classic":           "Max Muster <max@muster.example>\n01/15/2024 10:30 AM\n\nTo\nAnn Archer <ann@example.org>\ncc\n\nSubject\nplug\n\nold",
		"eM Client":                "------ Originalnachricht ------\nVon \"Max Muster\" <max@muster.example>\nAn \"Ann\" <ann@example.org>\nDatum 15.01.2024 10:30:00\nBetreff plug\n\nold",
		"NetEase":                  "---- Replied Message ----\n| From | Max<max@muster.example> |\n| Date | 01/15/2024 10:30 |\n| To | ann@example.org |\n| Subject | plug |\nold",
		"QQ":                       "------------------ 原始邮件 ------------------\n发件人: \"Max\"<max@muster.example>;\n发送时间: 2024年1月15日(星期一) 上午10:30\n收件人: \"Ann\"<ann@example.org>;\n主题: plug\n\nold",
		"GMX":                      "Gesendet: Montag, 15. Januar 2024 um 10:30 Uhr\nVon: \"Max Muster\" <max@muster.example>\nAn: ann@example.org\nBetreff: plug\n\nold",
		"Orange":                   "> Message du 15/01/24 10:30\n> De : \"Max Muster\" <max@muster.example>\n> A : ann@example.org\n> Objet : plug\n>\n> old",
		"Yahoo for Android":        "Sent from Yahoo Mail on Android \n \n  On Mon, Jan 15, 2024 at 10:30 AM, Max Muster<max@muster.example> wrote:   old\nand more",
		"Libero":                   "---------- Initial Header -----------\n\nFrom      : \"Max\" max@muster.example\nTo          : ann@example.org\nDate        : Mon, 15 Jan 2024 10:30:00 +0100\nSubject : plug\n\nold",
		"GroupWise":                ">>> Max Muster <max@muster.example> 15.01.2024 10:30 >>>\nold\nand more",
		"Mailspring":               "Sent from Mailspring (https://link.getmailspring.com), the best free email app for work\n\nOn Jan 15 2024, at 10:30 am, Max Muster <max@muster.example> wrote:\n> old",
		"WEB.DE":                   "Diese Nachricht wurde von meinem Android Mobiltelefon mit WEB.DE Mail gesendet.\n\nAm 15.01.24, 10:30, Max Muster <max@muster.example> schrieb:\n> old",
		"Outlook, Estonian":        "Saatja: Max Muster <max@muster.example>\nSaatmisaeg: esmaspäev, 15. jaanuar 2024 10:30\nAdressaat: Ann\nTeema: plug\n\nold",
		"Outlook, Icelandic":       "Frá: Max Muster <max@muster.example>\nSent: mánudagur, 15. janúar 2024 10:30\nTil: Ann\nEfni: plug\n\nold",
		"Outlook, Basque":          "Nork: Max Muster <max@muster.example>\nBidalia: 2024(e)ko urtarrilaren 15(a) 10:30\nNori: Ann\nGaia: plug\n\nold",
		"Outlook, Georgian":        "ვისგან: Max Muster <max@muster.example>\nგაგზავნის დრო: 15 იანვარი, 2024 10:30\nვის: Ann\nთემა: plug\n\nold",
		"Notes, German":            "Max Muster <max@muster.example>\n15.01.2024 10:30\n\nAn\nAnn Archer <ann@example.org>\nKopie\n\nThema\nplug\n\nold",
		"Hindi":                    "Max Muster <max@muster.example> ने सोम, 15 जन॰ 2024 को 10:30 am बजे लिखा:\n\n> old",
		"Hotmail":                  "> Date: Mon, 15 Jan 2024 10:30:00 +0100\n> From: max@muster.example\n> To: ann@example.org\n> Subject: plug\n>\n> old",
		"GitHub":                   "On Mon, 15 Jan 2024, Max wrote:\n\n> old\n\n—\nReply to this email directly, view it on GitHub <https://github.example/1>, or unsubscribe.",
		"no blank line":            "-----\nFrom: Max Muster <max@muster.example>\nSent: Monday, January 15, 2024 10:30 AM\nTo: Ann\nSubject: plug\n\nold",
		"Tutanota":                 "15 Jan 2024, 10:30 by max@muster.example:\n\n> old",
		"Spark":                    "On 15 Jan 2024, 10:30 +0100, Max Muster <max@muster.example>, wrote:\n> old",
		"Horde":                    "Quoting Max Muster <max@muster.example>:\n\n> old",
		"Outlook Express":          "\"Max Muster\" <max@muster.example> wrote in message news:1@muster.example...\n> old",
		"Gnus":                     "Max Muster <max@muster.example> writes:\n\n> old",
		"initials":                 "Max Muster wrote on 15 Jan 2024:\n\nMM> old\nMM> older",
		"bars":                     "On 15 Jan 2024, Max Muster wrote:\n| old\n| older",
		"another desk's marker":    "##- Please type your reply above this line -##\n\nold",
		"marker, quoted":           "On Mon, Jan 15, 2024 at 10:30 AM Desk <desk@muster.example> wrote:\n\n> ##- Please type your reply above this line -##\n> old",
		"marker in words":          "--- Please reply above this line ---\n\nold",
		"marker in German":         "--- Bitte antworten Sie oberhalb dieser Zeile ---\n\nold",
		"name alone":               "Max Muster wrote:\n\n> old",
		"no blank at the name":     "On Tue, Sep 25, 2012 at 8:59 AM, Max\n<max@muster.example>wrote:\n\n> old",
		"block quoted":             "> From: Max Muster <max@muster.example>\n> Sent: Monday\n> To: Ann\n> Subject: plug\n>\n> old",
		"To first":                 "To: Ann Archer <ann@example.org>\nFrom: Max Muster <max@muster.example>\nDate: Mon, 15 Jan 2024 10:30\nSubject: plug\n\nold",
		"many recipients":          "From: Max Muster <max@muster.example>\nSent: Monday, January 15, 2024 10:30 AM\nTo: Ann Archer <ann@example.org>; Ben Baker <ben@example.org>;\n Cid Carter <cid@example.org>; Dan Dancer <dan@example.org>;\n Eve <eve@example.org>\nCc: Fay\nSubject: plug\n\nold",
		"names broken":             "*From:* Max Muster <\nmax@muster.example>\n*Sent:* Monday, January 15, 2024 10:30 AM\n*To:* Ann\n*Subject:* plug\n\nold",
		"values on the next line":  "From:\nMax Muster <max@muster.example>\nSent:\nMonday, January 15, 2024 10:30 AM\nTo:\nAnn\nSubject:\nplug\n\nold",
		"Outlook, with an answer":  "From: Max Muster <max@muster.example>\nSent: Monday, January 15, 2024 10:30 AM\nTo: Ann\nSubject: plug\n\nold\n\nOn Sun, 14 Jan 2024, Ann wrote:\n> older",
	} {
		t.Run(name, func(t *testing.T) {
			m := read("Subject: Re: plug\n\n" + own + "\n\n" + below + "\n")
			if m.Fresh != own || !strings.Contains(m.Quoted, "old") {
				t.Errorf("fresh %q\nquoted %q\nsignature %q", m.Fresh, m.Quoted, m.Signature)
			}
		})
	}
}

func TestSignatures(t *testing.T) {
	for name, c := range map[string]struct{ own, signature string }{
		"delimiter":                {"It works.\n\nBest regards\nAnn", "-- \nAnn Archer\nArcher & Sons"},
		"without its blank":        {"It works.", "--\nAnn Archer"},
		"closing and contacts":     {"It works.", "Best regards,\n\nAnn Archer\nHead of Plugs | Archer & Sons\nTel. +1 555 0100 22\nwww.archer.example"},
		"closing in German":        {"Es geht.", "Mit freundlichen Grüßen\n\nAnn Archer\nArcher GmbH\nTelefon: +49 30 1234567"},
		"closing in French":        {"Ça marche.", "Cordialement,\nAnn Archer\nDirectrice\n01 23 45 67 89"},
		"closing in two languages": {"It works.", "Best regards / Mit freundlichen Grüßen\n\nAnn Archer\nSales\nTel. +1 555 0100 22"},
		"thanks and contacts":      {"It works.\n\nThank you!", "Ann Archer\nHead of Plugs\n+1 555 0100 22"},
		"disclaimer":               {"It works.\n\nAnn", "This e-mail and its attachments are confidential and meant for the intended recipient only. If you have received it in error, please delete it."},
		"disclaimer in German":     {"Es geht.\n\nAnn", "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Empfänger sind, löschen Sie bitte diese Nachricht und informieren Sie uns."},
		"telephone":                {"It works.\n\nAnn", "Sent from my iPhone\nExcuse my brevity"},
		"a list":                   {"It works.", "_______________________________________________\nPlugs mailing list\nplugs@lists.example\nhttps://lists.example/plugs"},
		"antivirus":                {"It works.", "Virus-free. www.avast.example <https://www.avast.example/>"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, below := range []string{"", "\n\nOn Mon, 15 Jan 2024 at 10:30, Max <max@muster.example> wrote:\n> old"} {
				m := read("Subject: Re: plug\n\n" + c.own + "\n\n" + c.signature + below + "\n")
				if m.Fresh != c.own || m.Signature != c.signature {
					t.Errorf("fresh %q\nquoted %q\nsignature %q", m.Fresh, m.Quoted, m.Signature)
				}
			}
		})
	}
}

// A mail of nothing but what looks quoted is not empty, unless it answers.
func TestAllQuoted(t *testing.T) {
	for name, c := range map[string]struct {
		raw, fresh string
		inline     bool
	}{
		"new":                        {"Subject: x\n\n> all\n> of it", "> all\n> of it", true},
		"an answer":                  {"Subject: Re: x\n\n> all\n> of it", "", false},
		"an attribution, not marked": {"Subject: Re: x\n\nOn Mon, 15 Jan 2024 at 10:30, Max <max@x.org> wrote:\n\nall", "On Mon, 15 Jan 2024 at 10:30, Max <max@x.org> wrote:\n\nall", true},
		"a telephone's line above":   {"Subject: Re: x\n\nSent from my iPhone\n\nall", "all", true},
		"a header":                   {"Subject: Re: x\n\nFrom: Max <max@x.org>\nSent: today\nTo: b\nSubject: x\n\nall", "", false},
		"a header, pasted":           {"Subject: x\n\nFrom: Max <max@x.org>\nSent: today\nTo: b\nSubject: x\n\nall", "From: Max <max@x.org>\nSent: today\nTo: b\nSubject: x\n\nall", false},
	} {
		t.Run(name, func(t *testing.T) {
			if m := read(c.raw); m.Fresh != c.fresh || m.Inline != c.inline {
				t.Errorf("fresh %q, inline %t", m.Fresh, m.Inline)
			}
		})
	}
}

func TestLooksQuoted(t *testing.T) {
	for text, want := range map[string]bool{
		"Use water.":                      false,
		"Call me at 10:30: it is urgent.": false,
		"Steps:\n1. a\n2. b":              false,
		"x\nMax <m@x.org>, 1.1.2024:\ny":  true,
		"x\n> y":                          true,
		"x\nMM> y":                        true,
		"x\nOn Monday Max wrote:\ny":      true,
		"x\nFrom: a@x.org\nTo: b\ny":      true,
		"```\nVon: a\n\nBetreff: b\n```":  true,
		"x\n-----Original Message-----":   true,
		"x\n---- 原始邮件 ----\ny":            true,
		"x\n## reply above this line ##":  true,
	} {
		if got := LooksQuoted(text); got != want {
			t.Errorf("LooksQuoted(%q) = %t", text, got)
		}
	}
}
