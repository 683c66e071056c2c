package message

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// samples are a few words of people who ask for help, by script.
var samples = map[string]string{
	"German":   "Guten Tag, der Drucker im Büro hört nicht auf zu blinken. Können Sie mir bitte helfen? Schöne Grüße",
	"French":   "Bonjour, la commande n'a pas été livrée à l'adresse indiquée. Où est-elle passée ?",
	"Russian":  "Здравствуйте, принтер на третьем этаже не печатает. Помогите, пожалуйста.",
	"Greek":    "Καλημέρα, ο εκτυπωτής δεν λειτουργεί από χθες το πρωί.",
	"Hebrew":   "שלום, המדפסת במשרד אינה עובדת מאז אתמול",
	"Arabic":   "مرحبا، الطابعة في المكتب لا تعمل منذ الأمس",
	"Thai":     "สวัสดีครับ เครื่องพิมพ์ในสำนักงานไม่ทำงานตั้งแต่เมื่อวาน",
	"Japanese": "こんにちは。プリンターが昨日から動きません。助けてください。",
	"Chinese":  "您好，办公室的打印机从昨天开始不能工作，请帮助我们。",
	"Taiwan":   "您好，辦公室的印表機從昨天開始不能工作，請幫助我們。",
	"Korean":   "안녕하세요, 사무실 프린터가 어제부터 작동하지 않습니다.",
}

// encodings of the samples.
var encodings = []struct {
	name, sample string
	enc          encoding.Encoding
	detected     bool // also without a declaration
}{
	{"windows-1252", "German", charmap.Windows1252, true},
	{"iso-8859-1", "French", charmap.ISO8859_1, true},
	{"iso-8859-15", "German", charmap.ISO8859_15, true},
	{"windows-1251", "Russian", charmap.Windows1251, true},
	{"koi8-r", "Russian", charmap.KOI8R, true},
	{"koi8-u", "Russian", charmap.KOI8U, true},
	{"cp866", "Russian", charmap.CodePage866, true},
	{"iso-8859-5", "Russian", charmap.ISO8859_5, false},
	{"x-mac-cyrillic", "Russian", charmap.MacintoshCyrillic, false},
	{"windows-1253", "Greek", charmap.Windows1253, true},
	{"iso-8859-7", "Greek", charmap.ISO8859_7, false},
	{"windows-1255", "Hebrew", charmap.Windows1255, true},
	{"iso-8859-8", "Hebrew", charmap.ISO8859_8, true},
	{"windows-1256", "Arabic", charmap.Windows1256, true},
	{"tis-620", "Thai", charmap.Windows874, true},
	{"shift_jis", "Japanese", japanese.ShiftJIS, true},
	{"euc-jp", "Japanese", japanese.EUCJP, true},
	{"iso-2022-jp", "Japanese", japanese.ISO2022JP, true},
	{"gb2312", "Chinese", simplifiedchinese.GBK, true},
	{"gb18030", "Taiwan", simplifiedchinese.GB18030, false},
	{"hz-gb-2312", "Chinese", simplifiedchinese.HZGB2312, false},
	{"big5", "Taiwan", traditionalchinese.Big5, true},
	{"ks_c_5601-1987", "Korean", korean.EUCKR, true},
	{"macintosh", "French", charmap.Macintosh, false},
	{"cp-850", "German", charmap.CodePage850, false},
	{"utf-16", "Russian", lookup("utf-16le"), false},
	{"utf-16be", "Japanese", lookup("utf-16be"), false},
}

func TestCharsets(t *testing.T) {
	for _, tt := range encodings {
		t.Run(tt.name+" "+tt.sample, func(t *testing.T) {
			want := samples[tt.sample]
			b, err := tt.enc.NewEncoder().Bytes([]byte(want))
			if err != nil {
				t.Fatal(err)
			}
			if got := decodeCharset(b, tt.name); got != want {
				t.Errorf("declared: %q", got)
			}
			if !tt.detected {
				return
			}
			for _, wrong := range []string{"", "us-ascii", "utf-8", "x-nobody-knows"} {
				if got := decodeCharset(b, wrong); got != want {
					t.Errorf("declared %q: %q", wrong, got)
				}
			}
		})
	}
	for name, want := range samples {
		for _, wrong := range []string{"", "us-ascii", "iso-8859-1", "windows-1251", "koi8-r", "gb2312", "big5", "euc-kr", "shift_jis", "iso-2022-jp"} {
			if got := decodeCharset([]byte(want), wrong); got != want {
				t.Errorf("%s in UTF-8 declared %s: %q", name, wrong, got)
			}
		}
	}
}

// TestCharsetNames: what programs write for a name.
func TestCharsetNames(t *testing.T) {
	for written, want := range map[string]string{
		"utf8": "utf-8", "UTF-8;": "utf-8", `"utf-8"`: "utf-8", "utf_8": "utf-8", "iso8859_1": "windows-1252", "ISO-8859-1": "windows-1252",
		"windows1252": "windows-1252", "cp-1251": "windows-1251", "x-cp1250": "windows-1250", "win-1251": "windows-1251",
		"unicode-1-1-utf-7": "utf-7", "cp-850": "ibm850", "IBM437": "ibm437", "x-sjis": "shift_jis", "ks_c_5601-1987": "euc-kr",
		"utf-8\" format=flowed": "utf-8", "x-mac-roman": "macintosh", "latin1": "windows-1252",
	} {
		got := charsetName(written)
		if got != want && !(want == "windows-1252" && got == "iso-8859-1") {
			t.Errorf("%q is %q, want %q", written, got, want)
		}
		if enc := lookup(got); enc == nil && got != "utf-8" && got != "utf-7" {
			t.Errorf("%q (%q) has no encoding", written, got)
		}
	}
}

func TestISO2022(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"two sets":          {"\x1b$B$3\x1b(B-\x1b$A::\x1b(B", "こ-汉"},
		"Korean in JP-2":    {"\x1b$(C0!\x1b(B", "가"},
		"Latin in JP-2":     {"na\x1b.A\x1bNove", "naïve"},
		"katakana":          {"\x1b(I1\x1b(B", "ｱ"},
		"Korean":            {"\x1b$)C\x0e0!\x0f a", "가 a"},
		"Chinese":           {"\x1b$)A\x0e::\x0f a", "汉 a"},
		"not there":         {"\x1b$)G\x0e!!\x0f", "\uFFFD"},
		"never switched":    {"\x1b$B$3\nabc", "こ\nabc"},
		"octets of 8 bits":  {"\xb1", "ｱ"},
		"cut within a pair": {"\x1b$B$", "\uFFFD"},
	} {
		if got := decode2022([]byte(tt.in)); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if got := decodeCharset([]byte("\x1b$B$3\x1b(B"), "us-ascii"); got != "こ" {
		t.Errorf("not declared: %q", got)
	}
}

// FuzzCharset: whatever is declared, UTF-8 comes out, the same each time, and
// ASCII stays as it is in charsets that have it.
func FuzzCharset(f *testing.F) {
	for _, tt := range encodings {
		b, err := tt.enc.NewEncoder().Bytes([]byte(samples[tt.sample]))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, tt.name)
	}
	f.Add([]byte("+AGE-"), "utf-7")
	f.Fuzz(func(t *testing.T, b []byte, charset string) {
		got := decodeCharset(b, charset)
		if strings.ToValidUTF8(got, "") != got {
			t.Fatalf("not UTF-8: %q", got)
		}
		if len(got) > 4*len(b)+8 {
			t.Fatalf("%d octets became %d", len(b), len(got))
		}
		if again := decodeCharset(b, charset); again != got {
			t.Fatalf("%q, then %q", got, again)
		}
		if len(b) > 0 && got == "" && !strings.HasPrefix(charsetName(charset), "utf-") && !shifting(charsetName(charset)) && b[0] != esc && b[0] != 0xef && b[0] != 0xfe && b[0] != 0xff {
			t.Fatalf("%q is lost", b)
		}
	})
}
