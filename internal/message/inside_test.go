package message

import (
	"encoding/base64"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// tnefAttr writes one attribute of a TNEF stream.
func tnefAttr(level byte, id uint32, value string) string {
	b := binary.LittleEndian.AppendUint32([]byte{level}, id)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	return string(b) + value + "\x00\x00"
}

const tnefBegin = "\x78\x9f\x3e\x22\x01\x00"

// mapiProp writes one property with a value of variable length.
func mapiProp(id, kind uint16, value string) string {
	b := binary.LittleEndian.AppendUint16(nil, kind)
	b = binary.LittleEndian.AppendUint16(b, id)
	b = binary.LittleEndian.AppendUint32(b, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	return string(b) + value + strings.Repeat("\x00", (4-len(value)%4)%4)
}

func mapiProps(props ...string) string {
	return string(binary.LittleEndian.AppendUint32(nil, uint32(len(props)))) + strings.Join(props, "")
}

func wide(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// tnefWith is a stream with one property of the message.
func tnefWith(id, kind uint16, value string) string {
	return tnefBegin + tnefAttr(1, tnefMessage, mapiProps(mapiProp(id, kind, value)))
}

// plainRTF wraps RTF as Outlook does, not compressed.
func plainRTF(s string) string {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(s)+12))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
	return string(b) + "MELA\x00\x00\x00\x00" + s
}

func tnefMailOf(stream string) string {
	return multipart("mixed", "Content-Type: text/plain\n\n", "Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\n"+
		base64.StdEncoding.EncodeToString([]byte(stream)))
}

func tnefFile(short, data string, props ...string) string {
	return tnefAttr(2, tnefRendering, strings.Repeat("\x00", 14)) + tnefAttr(2, tnefTitle, short+"\x00") + tnefAttr(2, tnefData, data) +
		tnefAttr(2, tnefAttachment, mapiProps(props...))
}

func TestTNEF(t *testing.T) {
	nested := tnefBegin + tnefAttr(1, tnefSubject, "Old order\x00") + tnefFile("IN~1.TXT", "deep", mapiProp(propLongName, mapiUnicode, wide("inner.txt")))
	raw := tnefMailOf(tnefBegin + tnefAttr(1, tnefCodePage, "\xe3\x04\x00\x00\x00\x00\x00\x00") +
		tnefAttr(1, tnefMessage, mapiProps(mapiProp(propRTF, mapiBinary,
			plainRTF(`{\rtf1\ansi\ansicpg1251\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\b\htmlrtf0 \'cf\u1088?ivet{\*\htmltag72 </p>}\htmlrtf }\htmlrtf0}`)))) +
		tnefFile("REPORT~1.PDF", "%PDF-1", mapiProp(propLongName, mapiUnicode, wide("Отчёт 2024.pdf"))) +
		tnefAttr(2, tnefRendering, strings.Repeat("\x00", 14)) +
		tnefAttr(2, tnefAttachment, mapiProps(mapiProp(propData, mapiObject, strings.Repeat("i", 16)+nested))))
	m := readAll([]byte(raw))
	if m.Text != "Привet" && m.Text != "Прivet" {
		t.Errorf("text %q", m.Text)
	}
	if !strings.Contains(m.HTML, "<p>") {
		t.Errorf("html %q", m.HTML)
	}
	var got []string
	for _, a := range m.Attachments {
		r, _, err := Open(strings.NewReader(raw), a.Path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || int64(len(b)) != a.Size {
			t.Errorf("%s: opened %d octets of %d, %v", a.Name, len(b), a.Size, err)
		}
		got = append(got, a.Path+" "+a.Name+" "+a.Type+" "+string(b[:min(len(b), 6)]))
	}
	want := []string{"2!1 Отчёт 2024.pdf application/pdf %PDF-1", "2!2!1 inner.txt text/plain deep"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	cut := raw[:len(raw)-200]
	if m := readAll([]byte(cut)); len(m.Attachments) == 0 {
		t.Error("a torn winmail.dat is not shown at all")
	}
}

func TestInflateRTF(t *testing.T) {
	// The example of MS-OXRTFCP §3.1.1.3.
	in := "\x2d\x00\x00\x00\x2b\x00\x00\x00\x4c\x5a\x46\x75\xf1\xc5\xc7\xa7\x03\x00\x0a\x00\x72\x63\x70\x67\x31\x32\x35\x42\x32\x0a\xf3\x20\x68\x65\x6c\x09\x00\x20\x62\x77\x05\xb0\x6c\x64\x7d\x0a\x80\x0f\xa0"
	want := "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
	if got := string(inflateRTF([]byte(in))); got != want {
		t.Errorf("%q", got)
	}
	if text, html := readRTF([]byte(want)); text != "hello world" || html != "" {
		t.Errorf("%q %q", text, html)
	}
}

func TestUUEncode(t *testing.T) {
	raw := hostileHead + "\r\nsee below\r\nbegin 644 a.txt\r\n%:&5L;&\\\r\n`\r\nend\r\nbegin nothing\r\nbye\r\n"
	m := readAll([]byte(raw))
	if m.Text != "see below\nbegin nothing\nbye" || len(m.Attachments) != 1 {
		t.Fatalf("%q %v", m.Text, m.Attachments)
	}
	r, _, err := Open(strings.NewReader(raw), m.Attachments[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(r); string(b) != "hello" || m.Attachments[0].Name != "a.txt" {
		t.Errorf("%q %q", b, m.Attachments[0].Name)
	}
}

func TestOpaqueSignature(t *testing.T) {
	inner := "Content-Type: text/plain\r\n\r\nsigned words"
	signed := "\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x00" +
		"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80\x24\x80\x04" + string(rune(10)) + inner[:10] + "\x04" + string(rune(len(inner)-10)) + inner[10:] +
		"\x00\x00\x00\x00\x00\x00\x31\x00\x00\x00\x00\x00\x00\x00"
	raw := hostileHead + "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString([]byte(signed))
	if m := readAll([]byte(raw)); m.Text != "signed words" {
		t.Errorf("%q %v", m.Text, m.Attachments)
	}
}

func TestSummaries(t *testing.T) {
	calendar := "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:Team\\, all\r\n of it\r\nDTSTART;TZID=Europe/Berlin:20240501T100000\r\n" +
		"DTEND;TZID=Europe/Berlin:20240501T110000\r\nLOCATION:Room 5\r\nORGANIZER;CN=\"Ann: Lee\":mailto:ann@example.org\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	m := readAll([]byte(hostileHead + "Content-Type: text/calendar; method=REQUEST\r\n\r\n" + calendar))
	want := "Invitation: Team, allof it\nWhen: 2024-05-01 10:00 to 11:00 Europe/Berlin\nWhere: Room 5\nOrganiser: Ann: Lee <ann@example.org>"
	if m.Text != want || m.Attachments[0].Text != want {
		t.Errorf("%q", m.Text)
	}
	if got := visitingCard("BEGIN:VCARD\nFN:Ann Lee\nitem1.EMAIL;TYPE=work:ann@example.org\nEND:VCARD"); got != "Ann Lee\nann@example.org" {
		t.Errorf("%q", got)
	}
}

// FuzzTNEF: any stream ends, its members read back at the size they are said
// to have, and names are UTF-8.
func FuzzTNEF(f *testing.F) {
	f.Add([]byte(tnefBegin + tnefFile("A.TXT", "data", mapiProp(propLongName, mapiUnicode, wide("long.txt")))))
	f.Add([]byte(tnefWith(propRTF, mapiBinary, plainRTF(`{\rtf1 a\par b}`))))
	f.Add([]byte(tnefWith(propRTF, mapiBinary, rtfBomb(100))))
	f.Fuzz(func(t *testing.T, b []byte) {
		raw := hostileHead + "Content-Type: application/ms-tnef\r\n\r\n" + string(b)
		m := readAll([]byte(raw))
		for _, a := range m.Attachments {
			r, _, err := Open(strings.NewReader(raw), a.Path)
			if err != nil {
				t.Fatalf("%s: %v", a.Path, err)
			}
			if n, err := io.Copy(io.Discard, r); err != nil || n != a.Size {
				t.Fatalf("%s: %d of %d octets, %v", a.Path, n, a.Size, err)
			}
			if strings.ToValidUTF8(a.Name, "") != a.Name || a.Name == "" {
				t.Fatalf("name %q", a.Name)
			}
		}
		if strings.ToValidUTF8(m.Text+m.HTML, "") != m.Text+m.HTML {
			t.Fatal("not UTF-8")
		}
	})
}

// FuzzHTML: text made of HTML is UTF-8, has no control characters and is the
// same each time; sanitised HTML stays what it is when sanitised again.
func FuzzHTML(f *testing.F) {
	for _, s := range []string{"<p>a<br>b", "<ul><li>a<ol start=3><li>b", "<div style=display:none>x</div>y", "<table><tr><td>a<td>b", "<pre>a\n b</pre>", "<blockquote>q", "<a href=http://x>y</a>", "<style>x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "")
		text := htmlToText(s)
		if strings.ToValidUTF8(text, "") != text || strings.ContainsAny(text, "\x00\r"+allMarks) {
			t.Fatalf("%q", text)
		}
		if len(text) > maxHTMLText+64<<10+60*len(s) {
			t.Fatalf("%d octets became %d", len(s), len(text))
		}
		if again := htmlToText(s); again != text {
			t.Fatalf("%q, then %q", text, again)
		}
		clean := strings.ToLower(sanitize(s))
		for _, bad := range []string{"<script", "<iframe", "<style", "<img src=\"http"} {
			if strings.Contains(clean, bad) {
				t.Fatalf("%q in %q", bad, clean)
			}
		}
	})
}
