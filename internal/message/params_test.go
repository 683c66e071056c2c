package message

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMedia(t *testing.T) {
	type params = map[string]string
	for name, c := range map[string]struct {
		in, value string
		params    params
	}{
		"plain":                       {`text/plain; charset=utf-8`, "text/plain", params{"charset": "utf-8"}},
		"comments":                    {`text/plain (words) ; (more; of it) charset=utf-8`, "text/plain", params{"charset": "utf-8"}},
		"no semicolon":                {`application/pdf name="a;b.pdf"; size=3`, "application/pdf", params{"name": "a;b.pdf", "size": "3"}},
		"no semicolon between":        {`text/plain; charset="utf-8" format=flowed; delsp=yes`, "text/plain", params{"charset": "utf-8", "format": "flowed", "delsp": "yes"}},
		"no semicolon, no quotes":     {`multipart/mixed; boundary=b1 charset=utf-8`, "multipart/mixed", params{"boundary": "b1", "charset": "utf-8"}},
		"no value":                    {`filename="a.pdf"`, "", params{"filename": "a.pdf"}},
		"an equal sign far behind":    {"attachment; filename=" + strings.Repeat("a ", 50) + "=b", "attachment", params{"filename": strings.Repeat("a ", 50) + "=b"}},
		"equal signs in a name":       {`attachment; filename=a b=c.pdf`, "attachment", params{"filename": "a b=c.pdf"}},
		"parentheses in a name":       {`attachment; filename=plan (final).doc`, "attachment", params{"filename": "plan (final).doc"}},
		"a quote too many":            {`attachment; filename=a.pdf"`, "attachment", params{"filename": "a.pdf"}},
		"a quote too few":             {`attachment; filename="a.pdf`, "attachment", params{"filename": "a.pdf"}},
		"quotes around the type":      {`"text/html"; charset=x`, "text/html", params{"charset": "x"}},
		"a comma":                     {`text/html, charset=x`, "text/html", params{"charset": "x"}},
		"pieces":                      {`attachment; filename*1*=%A4.pdf; filename*0*=utf-8''%C3`, "attachment", params{"filename": "ä.pdf"}},
		"pieces without asterisks":    {`attachment; filename*0=utf-8''%C3%A4; filename*1=b.pdf`, "attachment", params{"filename": "äb.pdf"}},
		"pieces that are not encoded": {`attachment; filename*0="it's 100%25 "; filename*1=ours.pdf`, "attachment", params{"filename": "it's 100%25 ours.pdf"}},
		"nothing":                     {``, "", nil},
		"a comment that does not end": {`text/plain (words`, "text/plain", nil},
	} {
		m := parseMedia(c.in)
		if m.value != c.value || !cmp.Equal(m.params, c.params) {
			t.Errorf("%s: %q %v", name, m.value, m.params)
		}
	}
}

// TestMissingAsterisk: an extended value in a parameter that does not say so.
func TestMissingAsterisk(t *testing.T) {
	for value, want := range map[string]string{
		"UTF-8''na%C3%AFve.pdf": "naïve.pdf",
		"it's 100% o'clock.pdf": "it's 100% o'clock.pdf",
	} {
		p := &part{disp: mediaType{params: map[string]string{"filename": value}}}
		if got := rawName(p); got != want {
			t.Errorf("%q: %q", value, got)
		}
	}
}

func TestImageSize(t *testing.T) {
	const jpeg = "\xff\xd8\xff\xe0\x00\x06JFIF"
	for name, c := range map[string]struct {
		head string
		w, h int
	}{
		"JPEG":                    {jpeg + "\xff\xc0\x00\x11\x08\x00\x20\x01\x00\x03", 256, 32},
		"progressive, filled":     {jpeg + "\xff\xff\xc2\x00\x11\x08\x00\x20\x01\x00\x03", 256, 32},
		"tables come first":       {jpeg + "\xff\xc4\x00\x04ab\xff\xc1\x00\x11\x08\x00\x01\x00\x02\x03", 2, 1},
		"further behind":          {jpeg + "\xff\xe1\x7f\xff ... a photograph's own words", 0, 0},
		"cut":                     {jpeg + "\xff\xc0\x00\x11", 0, 0},
		"a segment of no length":  {jpeg + "\xff\xe1\x00\x00\xff\xe1\x00\x00\xff\xe1\x00\x00", 0, 0},
		"GIF":                     {"GIF89a\x02\x00\x01\x00", 2, 1},
		"PNG":                     {"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x02\x00\x00\x00\x01", 2, 1},
		"something else entirely": {"hello, world, hello, world", 0, 0},
	} {
		if w, h := imageSize([]byte(c.head)); w != c.w || h != c.h {
			t.Errorf("%s: %d × %d", name, w, h)
		}
	}
}
