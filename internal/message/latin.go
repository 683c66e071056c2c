package message

import (
	"bytes"
	"math"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// The pages of the languages that write Latin letters differ in the letters
// beyond ASCII only, and what is a letter of one language in one page is a
// letter of another in the next. So languages are compared and not pages: the
// text is read in each page, and the language to which its letters and its
// plain words belong decides.

// latinLanguage is how a language looks in a text.
type latinLanguage struct {
	code    string             // ISO 639-1
	pages   []*charmap.Charmap // in which it is written
	letters string             // beyond ASCII, the frequent ones first
	words   string             // frequent ones within ASCII
}

var (
	western = []*charmap.Charmap{charmap.Windows1252}
	central = []*charmap.Charmap{charmap.Windows1250, charmap.ISO8859_2}
	turkish = []*charmap.Charmap{charmap.Windows1254}
	baltic  = []*charmap.Charmap{charmap.Windows1257}
)

// latinLanguages are those that are told apart. The Western ones come first.
var latinLanguages = []latinLanguage{
	{"en", western, "éïöñüèáóíç", "the and to of you is in for it that this we with have not are be on at my your from please can"},
	{"de", western, "üäößÜÄÖé", "der die und das ist nicht ich mit ein sie wir auf von zu den bitte im es auch eine haben hallo ihre bei"},
	{"fr", western, "éàèêçôîûâùëïœÉÀÇÊæ", "de la le et les des que je est pas vous une pour dans nous bonjour en du sur votre merci mon qui avec"},
	{"es", western, "óáíéñúüÁÉÍÓÑÚ", "de la que el en los con por una para es del no se mi las su hola gracias un lo al"},
	{"pt", western, "ãçéáíõóêâúàôÁÉÃÇüÓ", "de que o a e do da em um para com os uma no na meu por se eu bom obrigado as"},
	{"it", western, "èàòùìéÈÀî", "di che il la per non un con del mi una sono della le si ho grazie in da lo nel buongiorno"},
	{"ca", western, "éàíóèçòúïüÀÉÍÒ", "de la que el i per els amb no una del les es un a en"},
	{"nl", western, "éëïèöüóáêç", "de het een en van ik dat niet is te met voor op zijn mijn wij er u aan kan graag"},
	{"sv", western, "äåöÅÄÖéü", "och att det som en jag inte med den har vi kan till av ett om min hej"},
	{"da", western, "øåæØÅÆéöä", "og det at er en til jeg ikke med har vi kan den af av som for et min hei hej"},
	{"fi", western, "äöåÄÖÅéü", "on ja ei se olen mutta kun kanssa tai nyt voi en hei mit ole kiitos minun"},
	{"is", western, "ðáíóþúéöæýÞÁÍÓÚÖÆÉÐÝ", "og er ekki sem til um var en fyrir hann en ekki af ef"},
	{"et", western, "äõüöÄÕÜÖšž", "on ja ei et see ma ka kui siis aga olen tere minu selle oma"},
	{"ga", western, "áíéóúÁÉÍÓÚ", "an agus na is ar go bh le do ag"},
	{"pl", central, "ęłóążśćńźŁŚŻÓĆŹĄĘŃ", "nie to na jest do co jak za czy tak dla po od w z i o prosze mam sie ale"},
	{"cs", central, "íáěéřčýžšůúťňóďČŘŠŽÚÁÍĚÉŮĎ", "je na se to ze do pro jsem jak tak ale za po v a s k u prosim dobry den od mi"},
	{"sk", central, "áíéčžýšťúľňôóďäŕĺČŠŽÚÁĽÍĎ", "je na sa to ze do pre som ako tak ale za po v a s k u prosim od mi"},
	{"hu", central, "áéóöőíüúűÁÉÖŐÓÜÚÍŰ", "a az hogy nem egy van meg ez is de ha mint csak vagy mert kell ki el"},
	{"ro", central, "ăîâşţÎŞŢĂÂ", "de la nu in sa pe cu este un mai va am o din care ce si se sunt"},
	{"sl", central, "čšžČŠŽć", "je in na da za se ne pa so to ki ali bi sem mi po ta pri smo kot"},
	{"hr", central, "čšžćđŠČŽĆĐ", "je i u na da za se ne su to od ili mi po sam bi ali sa kako nije smo"},
	{"tr", turkish, "ıüşğçöİÜŞÇÖâîûĞ", "ve bir bu da de ne var mi ile en ama bana beni merhaba ben ki daha yok"},
	{"lt", baltic, "ėšžųįąūčęŠŽČĖŲŪĮ", "ir kad yra bet su tai per kaip jau ar iki nuo man labas dar ne prie"},
	{"lv", baltic, "āīšēūņļžķčģĀŠĪĒŪŅĶŽČĢĻ", "un ir ar no par kas bet lai nav vai es uz man ka to tas labdien"},
	{"vi", []*charmap.Charmap{charmap.Windows1258}, "̣́̀̉̃ưđơôâêăáàĐÂÔƯéèíúùó", "cho trong khi xin em anh ch theo nay sau mail con tin ra"},
}

// The weights are logarithms of how probable something is, times ten.
const (
	wordGain     = 14  // for a frequent plain word
	maxWords     = 12  // that count
	hintGain     = 35  // for the language that the sender is likely to write
	firstLetter  = 12  // the cost of the most frequent letter
	strange      = 75  // of a letter that the language does not have
	signWithin   = 90  // of a sign between letters
	signAlone    = 45  // of a sign elsewhere
	quoteSign    = 10  // of a sign that texts of all languages have
	capitalInner = 60  // of a capital behind a small letter
	margin       = 30  // by which another page must be more probable
	sureMargin   = 150 // the same, against a declaration
)

// latinModel is what an octet costs in a language and a page: the first half
// of a row where it stands within a word, the second half elsewhere.
type latinModel struct {
	lang  *latinLanguage
	page  *charmap.Charmap
	costs [2][128]int
}

// latinModels are made once, when the first text without a charset comes.
var latinModels = sync.OnceValue(func() (list []latinModel) {
	for i := range latinLanguages {
		l := &latinLanguages[i]
		for _, page := range l.pages {
			m := latinModel{lang: l, page: page}
			for c := range 128 {
				r := page.DecodeByte(byte(c + 128))
				m.costs[0][c], m.costs[1][c] = l.cost(r, true), l.cost(r, false)
			}
			list = append(list, m)
		}
	}
	return list
})

// latinWords are the models that a plain word speaks for.
var latinWords = sync.OnceValue(func() map[string][]int {
	m := map[string][]int{}
	for i := range latinLanguages {
		for w := range strings.FieldsSeq(latinLanguages[i].words) {
			m[w] = append(m[w], i)
		}
	}
	return m
})

// cost is how improbable a character is in a language; within says that a small
// plain letter stands before it and a letter behind.
func (l *latinLanguage) cost(r rune, within bool) int {
	switch {
	case r == 0xa0:
		return 0
	case strings.ContainsRune("“”„‘’‚–—…€«»°§©®•·¿¡´", r):
		if within && r != '’' && r != '´' {
			return signWithin
		}
		return quoteSign
	case !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r):
		if within || unicode.IsControl(r) || r == unicode.ReplacementChar {
			return signWithin
		}
		return signAlone
	}
	n := strange
	if at := strings.IndexRune(l.letters, r); at >= 0 {
		rank := len([]rune(l.letters[:at]))
		n = firstLetter + int(10*math.Log(float64(rank+1)))
	} else if strings.ContainsRune(l.letters, unicode.ToLower(r)) {
		n = strange / 2
	}
	if within && unicode.IsUpper(r) {
		n += capitalInner
	}
	return n
}

// latinCounts says how often each octet beyond ASCII stands within words and
// elsewhere, and how many frequent words of each language there are.
type latinCounts struct {
	octets [2][128]int
	words  []int
}

func countLatin(b []byte) (n latinCounts) {
	n.words = make([]int, len(latinLanguages))
	known := latinWords()
	start := -1 // of a word within ASCII
	for i, c := range b {
		if c >= 0x80 && !measure(b[:i], c) {
			elsewhere := 1
			if i > 0 && b[i-1] >= 'a' && b[i-1] <= 'z' && i+1 < len(b) && (b[i+1]|0x20 >= 'a' && b[i+1]|0x20 <= 'z' || b[i+1] >= 0x80) {
				elsewhere = 0
			}
			n.octets[elsewhere][c-0x80]++
		}
		switch letter := c|0x20 >= 'a' && c|0x20 <= 'z'; {
		case letter && start < 0 && (i == 0 || b[i-1] < 0x80):
			start = i
		case !letter:
			if start >= 0 && c < 0x80 && i-start < 12 {
				for _, l := range known[strings.ToLower(string(b[start:i]))] {
					n.words[l]++
				}
			}
			start = -1
		}
	}
	return n
}

// measure reports the raised two or three of a square or cubic measure, such as
// "m³", which is a letter in other pages.
func measure(before []byte, c byte) bool {
	n := len(before)
	if c != 0xb2 && c != 0xb3 || n == 0 || before[n-1] != 'm' {
		return false
	}
	if n > 1 && bytes.IndexByte([]byte("ckdm"), before[n-2]) >= 0 {
		n--
	}
	return n == 1 || before[n-2] < 0x80 && (isDigit(before[n-2]) || !isAlnum(before[n-2]))
}

// latinText reports a text whose octets beyond ASCII are letters within plain
// words, and none of a script of their own.
func latinText(b []byte) bool {
	letters, high, pairs := 0, 0, 0
	for i, c := range b {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			letters++
		case c >= 0x80:
			high++
			if i > 0 && b[i-1] >= 0x80 {
				pairs++
			}
		}
	}
	return letters > high && 5*pairs < 2*high
}

// hasOdd reports octets that are rare in Western texts and letters in others:
// most signs of the upper half, and letters of single languages.
func hasOdd(b []byte) bool {
	for _, c := range b {
		switch {
		case c < 0x8a || c >= 0x91 && c <= 0x99 || c == 0xa0 || c == 0xab || c == 0xbb || c == 0xa9 || c == 0xae || c == 0xb0:
		case c < 0xc0, c == 0xd0, c == 0xde, c == 0xe3, c == 0xec, c == 0xf0, c == 0xf2, c == 0xf5, c == 0xf8, c == 0xfb, c == 0xfd, c == 0xfe, c == 0xe6, c == 0xe8, c == 0xea:
			return true
		}
	}
	return false
}

// likelyLanguage is the language that the header says the sender writes, or that
// of the country in which the sender's domain is; "" when neither tells.
func likelyLanguage(h *Header) string {
	if v := keyword(get(h.Fields, "content-language")); len(v) >= 2 && (len(v) == 2 || v[2] == '-') {
		return v[:2]
	}
	domain := string(h.From.Address.Domain())
	switch tld := domain[strings.LastIndexByte(domain, '.')+1:]; tld {
	case "cz":
		return "cs"
	case "si":
		return "sl"
	case "ba", "rs", "me":
		return "hr"
	case "md":
		return "ro"
	case "vn":
		return "vi"
	case "br":
		return "pt"
	case "at", "li":
		return "de"
	case "mx", "ar", "cl", "co", "pe":
		return "es"
	case "dk", "no":
		return "da"
	case "se":
		return "sv"
	case "ee":
		return "et"
	case "ie":
		return "en"
	case "pl", "sk", "hu", "ro", "hr", "tr", "lt", "lv", "de", "fr", "es", "pt", "it", "nl", "fi", "is":
		return tld
	}
	return ""
}

// latinPage returns the page of a text in Latin letters when another one than
// windows-1252 is more probable by a margin, else windows-1252. hint is the
// code of the language that the sender is likely to write, or empty.
func latinPage(b []byte, hint string, margin int) encoding.Encoding {
	n := countLatin(b)
	best, bestWestern := math.MinInt, math.MinInt
	page := charmap.Windows1252
	at := 0
	models := latinModels()
	for i := range models {
		m := &models[i]
		for &latinLanguages[at] != m.lang {
			at++
		}
		score := wordGain * min(n.words[at], maxWords)
		if hint != "" && hint == m.lang.code {
			score += hintGain
		}
		for k := range n.octets {
			for c, times := range n.octets[k] {
				score -= times * m.costs[k][c]
			}
		}
		if m.page == charmap.Windows1252 {
			bestWestern = max(bestWestern, score)
		}
		if score > best {
			best, page = score, m.page
		}
	}
	if page == charmap.Windows1252 || best < bestWestern+margin {
		return charmap.Windows1252
	}
	return page
}

// decodeLatin reads octets in a page.
func decodeLatin(page encoding.Encoding, b []byte) string {
	text := decodeWith(page, b)
	if page == charmap.Windows1258 { // its marks stand behind the letters
		return norm.NFC.String(text)
	}
	return text
}
