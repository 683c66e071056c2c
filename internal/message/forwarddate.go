package message

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// months are the names of the months and what programs shorten them to, from
// January on; a line is a language, in the order of replywords.go as far as it
// has names of its own.
var months = monthMap(`
january,jan|february,feb|march,mar|april,apr|may|june,jun|july,jul|august,aug|september,sep,sept|october,oct|november,nov|december,dec
januar,jänner,jän|februar|märz,mär,mrz|april|mai|juni|juli|august|september|oktober,okt|november|dezember,dez
janvier,janv|février,févr,fév,fevrier|mars|avril,avr|mai|juin|juillet,juil|août,aout|septembre|octobre|novembre|décembre,déc,decembre
enero,ene|febrero|marzo|abril,abr|mayo|junio|julio|agosto,ago|septiembre,setiembre,set|octubre|noviembre|diciembre,dic
gennaio,gen|febbraio|marzo|aprile|maggio,mag|giugno,giu|luglio,lug|agosto|settembre|ottobre,ott|novembre|dicembre
januari|februari|maart,mrt|april|mei|juni|juli|augustus|september|oktober|november|december
janeiro|fevereiro,fev|março,marco|abril|maio|junho|julho|agosto|setembro|outubro,out|novembro|dezembro
gener|febrer|març|abril|maig|juny|juliol|agost,ag|setembre|octubre|novembre|desembre,des
ianuarie,ian|februarie|martie|aprilie|mai|iunie,iun|iulie,iul|august|septembrie|octombrie|noiembrie,noi|decembrie
januari|februari|mars|april|maj|juni|juli|augusti|september|oktober|november|december
januar|februar|marts,mars|april|maj,mai|juni|juli|august|september|oktober|november|desember
tammikuuta,tammikuu,tammik,tammi|helmikuuta,helmikuu,helmik,helmi|maaliskuuta,maaliskuu,maalisk,maalis|huhtikuuta,huhtikuu,huhtik,huhti|toukokuuta,toukokuu,toukok,touko|kesäkuuta,kesäkuu,kesäk,kesä|heinäkuuta,heinäkuu,heinäk,heinä|elokuuta,elokuu,elok,elo|syyskuuta,syyskuu,syysk,syys|lokakuuta,lokakuu,lokak,loka|marraskuuta,marraskuu,marrask,marras|joulukuuta,joulukuu,jouluk,joulu
stycznia,styczeń,sty|lutego,luty,lut|marca,marzec|kwietnia,kwiecień,kwi|maja,maj|czerwca,czerwiec,cze|lipca,lipiec,lip|sierpnia,sierpień,sie|września,wrzesień,wrz|października,październik,paź|listopada,listopad,lis|grudnia,grudzień,gru
ledna,leden,led|února,únor,úno|března,březen,bře|dubna,duben,dub|května,květen,kvě|června,červen,čvn|července,červenec,čvc|srpna,srpen,srp|září,zář|října,říjen,říj|listopadu|prosince,prosinec,pro
januára,január|februára,február|marca,marec|apríla,apríl|mája,máj|júna,jún|júla,júl|augusta|septembra|októbra,október|novembra|decembra
siječnja,siječanj,sij|veljače,veljača,velj|ožujka,ožujak,ožu|travnja,travanj,tra|svibnja,svibanj,svi|lipnja,lipanj|srpnja,srpanj|kolovoza,kolovoz,kol|rujna,rujan,ruj|-|studenoga,studeni,stu|prosinca,prosinac
januara|februara|marta|aprila|maja|juna|jula|avgusta,avgust,avg|septembra|oktobra|novembra|decembra
јануар,јануара,јан|фебруар,фебруара,феб|март,марта,мар|април,априла,апр|мај,маја|јун,јуна|јул,јула|август,августа,авг|септембар,септембра,сеп|октобар,октобра,окт|новембар,новембра,нов|децембар,децембра,дец
január|február,febr|március,márc|április,ápr|május,máj|június,jún|július,júl|augusztus|szeptember,szept|október|november|december
ocak,oca|şubat,şub|mart|nisan,nis|mayıs|haziran,haz|temmuz,tem|ağustos,ağu|eylül,eyl|ekim,eki|kasım,kas|aralık,ara
ιανουαρίου,ιανουάριος,ιαν|φεβρουαρίου,φεβρουάριος,φεβ|μαρτίου,μάρτιος,μαρ|απριλίου,απρίλιος,απρ|μαΐου,μάιος,μαΐ,μαι|ιουνίου,ιούνιος,ιουν|ιουλίου,ιούλιος,ιουλ|αυγούστου,αύγουστος,αυγ|σεπτεμβρίου,σεπτέμβριος,σεπ|οκτωβρίου,οκτώβριος,οκτ|νοεμβρίου,νοέμβριος,νοε|δεκεμβρίου,δεκέμβριος,δεκ
января,январь,янв|февраля,февраль,февр,фев|марта,март,мар|апреля,апрель,апр|мая,май|июня,июнь,июн|июля,июль,июл|августа,август,авг|сентября,сентябрь,сент,сен|октября,октябрь,окт|ноября,ноябрь,нояб,ноя|декабря,декабрь,дек
січня,січень,січ|лютого,лютий,лют|березня,березень,бер|квітня,квітень,квіт|травня,травень,трав|червня,червень,черв|липня,липень,лип|серпня,серпень,серп|вересня,вересень,вер|жовтня,жовтень,жовт|листопада,листопад,лист|грудня,грудень,груд
януари,яну|февруари|март|април|май|юни|юли|август|септември,септ|октомври|ноември,ноем|декември
sausio,sausis,saus|vasario,vasaris,vas|kovo,kovas|balandžio,balandis,bal|gegužės,gegužė,geg|birželio,birželis,birž|liepos,liepa,liep|rugpjūčio,rugpjūtis,rugp|rugsėjo,rugsėjis,rugs|spalio,spalis,spal|lapkričio,lapkritis,lapkr|gruodžio,gruodis,gruod
janvāris,janvārī,janv|februāris,februārī|marts,martā|aprīlis,aprīlī|maijs,maijā|jūnijs,jūnijā,jūn|jūlijs,jūlijā,jūl|augusts,augustā|septembris,septembrī|oktobris,oktobrī|novembris,novembrī|decembris,decembrī
jaanuar,jaan|veebruar,veebr|märts|aprill|mai|juuni|juuli|august|september|oktoober|november|detsember,dets
ינואר,בינואר,בינו,ינו|פברואר,בפברואר,בפבר|מרץ,במרץ|אפריל,באפריל,באפר|מאי,במאי|יוני,ביוני|יולי,ביולי|אוגוסט,באוגוסט,באוג|ספטמבר,בספטמבר,בספט|אוקטובר,באוקטובר,באוק|נובמבר,בנובמבר,בנוב|דצמבר,בדצמבר,בדצמ
يناير|فبراير|مارس|أبريل,ابريل|مايو|يونيو|يوليو|أغسطس,اغسطس|سبتمبر|أكتوبر,اكتوبر|نوفمبر|ديسمبر
ژانویه,ژانویهٔ|فوریه,فوریهٔ|مارس|آوریل|مه|ژوئن|ژوئیه,ژوئیهٔ|اوت|سپتامبر|اکتبر|نوامبر|دسامبر
ม.ค,มกราคม|ก.พ,กุมภาพันธ์|มี.ค,มีนาคม|เม.ย,เมษายน|พ.ค,พฤษภาคม|มิ.ย,มิถุนายน|ก.ค,กรกฎาคม|ส.ค,สิงหาคม|ก.ย,กันยายน|ต.ค,ตุลาคม|พ.ย,พฤศจิกายน|ธ.ค,ธันวาคม
januari|februari|maret|april|mei|juni|juli|agustus,agt|september|oktober|november,nop|desember`)

func monthMap(table string) map[string]time.Month {
	m := map[string]time.Month{}
	for line := range strings.SplitSeq(strings.Trim(table, "\n"), "\n") {
		for i, names := range strings.Split(line, "|") {
			for name := range strings.SplitSeq(names, ",") {
				if _, known := m[name]; !known {
					m[name] = time.Month(i + 1)
				}
			}
		}
	}
	return m
}

// monthOf returns the month that a lower-case word names, or 0.
func monthOf(word string) time.Month {
	return months[strings.TrimRight(word, ".,׳'’")]
}

// The forms of a date. Signs that stand for "year", "month" and "day" in East
// Asia are made points first.
var (
	yearFirst = regexp.MustCompile(`\b(\d{4})[-/.] ?(\d{1,2})[-/.] ?(\d{1,2})\b`)
	yearLast  = regexp.MustCompile(`\b(\d{1,2})([-/.]) ?(\d{1,2})[-/.] ?(\d{4}|\d{2})\b`)
	yearAlone = regexp.MustCompile(`\b(\d{4})\b`)
	clock     = regexp.MustCompile(`(\d{1,2})[:h](\d{2})(?:[:.](\d{2}))?`)
	dotClock  = regexp.MustCompile(`\b(\d{1,2})\.(\d{2})(?:[.:](\d{2}))?\b`)
	zoneHours = regexp.MustCompile(`([+−-])(\d{1,2}):?(\d{2})?\b`)
	asianYear = strings.NewReplacer("年", ".", "月", ".", "日", " ", "년", ".", "월", ".", "일", " ", "時", ":", "时", ":", "點", ":", "点", ":", "시", ":", "分", " ", "분", " ")
)

// zones are the names of time zones that mail programs write, in minutes east.
var zones = map[string]int{
	"utc": 0, "gmt": 0, "z": 0, "wet": 0, "bst": 60, "west": 60, "cet": 60, "mez": 60, "cest": 120, "mesz": 120, "eet": 120, "eest": 180, "msk": 180,
	"est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480, "pdt": -420, "jst": 540, "kst": 540,
}

// humanDate reads the date that a mail program wrote for people, in any of the
// languages of the table. Where it names no zone, it is taken to be in home.
func humanDate(text string, home *time.Location) (time.Time, bool) {
	const most = 200 // octets looked at
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	t := asianYear.Replace(strings.ToLower(asciiDigits(clearMarks(text))))
	year, month, day, rest, ok := datePart(t)
	if !ok {
		return time.Time{}, false
	}
	hour, minute, second, rest := timePart(rest)
	if off, ok := zonePart(rest); ok {
		home = time.FixedZone("", off*60)
	}
	d := time.Date(year, month, day, hour, minute, second, 0, home)
	return d, d.Day() == day && hour < 24
}

// datePart takes the date out of a text and returns what is left.
func datePart(t string) (year int, month time.Month, day int, rest string, ok bool) {
	cut := func(at []int) string { return t[:at[0]] + " ; " + t[at[1]:] }
	num := func(at []int, i int) int { n, _ := strconv.Atoi(t[at[2*i]:at[2*i+1]]); return n }
	if at := yearFirst.FindStringSubmatchIndex(t); at != nil {
		year, month, day, rest = num(at, 1), time.Month(num(at, 2)), num(at, 3), cut(at)
	} else if at := yearLast.FindStringSubmatchIndex(t); at != nil {
		a, b := num(at, 1), num(at, 3)
		american := t[at[4]:at[5]] == "/" && halfDay(t) != 0
		if b > 12 || american && a <= 12 {
			a, b = b, a
		}
		year, month, day, rest = num(at, 4), time.Month(b), a, cut(at)
	} else if year, month, day, rest, ok = namedDate(t); !ok {
		return 0, 0, 0, "", false
	}
	switch {
	case year < 70:
		year += 2000
	case year < 100:
		year += 1900
	case year > 2400:
		year -= 543 // the Buddhist era
	}
	return year, month, day, rest, month >= 1 && month <= 12 && day >= 1 && day <= 31
}

// namedDate reads a date with the name of a month in it. The day stands beside
// the month; "mar" is March or a Tuesday, so the one behind a day wins.
func namedDate(t string) (year int, month time.Month, day int, rest string, ok bool) {
	at := yearAlone.FindStringSubmatchIndex(t)
	if at == nil {
		return 0, 0, 0, "", false
	}
	year, _ = strconv.Atoi(t[at[2]:at[3]])
	t = t[:at[0]] + " ; " + t[at[1]:]
	fields := strings.FieldsFunc(t, func(r rune) bool { return strings.ContainsRune(" ,()/-", r) })
	for i, w := range fields {
		w = strings.TrimPrefix(w, "d'")
		if w == "thg" || w == "tháng" { // Vietnamese numbers its months
			if n := dayNumber(next(fields, i)); n > 0 && n <= 12 && dayNumber(before(fields, i)) > 0 {
				return year, time.Month(n), dayNumber(before(fields, i)), t, true
			}
		}
		m := monthOf(w)
		if m == 0 {
			continue
		}
		if d := dayNumber(before(fields, i)); d > 0 {
			return year, m, d, t, true
		}
		if d := dayNumber(next(fields, i)); d > 0 && month == 0 {
			month, day = m, d
		}
	}
	return year, month, day, t, month != 0
}

// before returns the word before the i-th that is not a particle.
func before(fields []string, i int) string {
	for i--; i >= 0; i-- {
		if w := fields[i]; w != "de" && w != "." && w != "of" {
			return w
		}
	}
	return ""
}

func next(fields []string, i int) string {
	if i+1 < len(fields) {
		return fields[i+1]
	}
	return ""
}

// dayNumber reads "2", "2." or "2nd"; 0 for everything else.
func dayNumber(w string) int {
	n := 0
	for digitAt(w, n) {
		n++
	}
	if n == 0 || n > 2 {
		return 0
	}
	switch w[n:] {
	case "", ".", "st", "nd", "rd", "th", "er", "º", "°", "ª":
		d, _ := strconv.Atoi(w[:n])
		return d
	}
	return 0
}

// timePart takes the time of day out of what the date left; midnight when there
// is none.
func timePart(t string) (hour, minute, second int, rest string) {
	at := clock.FindStringSubmatchIndex(t)
	if at == nil {
		at = dotClock.FindStringSubmatchIndex(t)
	}
	if at == nil {
		return 0, 0, 0, t
	}
	hour, _ = strconv.Atoi(t[at[2]:at[3]])
	minute, _ = strconv.Atoi(t[at[4]:at[5]])
	if at[6] >= 0 {
		second, _ = strconv.Atoi(t[at[6]:at[7]])
	}
	switch half := halfDay(t); {
	case half > 0 && hour < 12:
		hour += 12
	case half < 0 && hour == 12:
		hour = 0
	}
	return hour, minute, second, t[at[1]:]
}

// halfDay tells the hours before noon (-1) from those after it (1).
func halfDay(t string) int {
	for _, w := range [...]string{"下午", "오후", "午後", "晚上"} {
		if strings.Contains(t, w) {
			return 1
		}
	}
	for _, w := range [...]string{"上午", "오전", "午前"} {
		if strings.Contains(t, w) {
			return -1
		}
	}
	fields := strings.FieldsFunc(t, func(r rune) bool { return !unicode.IsLetter(r) && r != '.' })
	for i, w := range fields {
		switch strings.ReplaceAll(w, ".", "") {
		case "pm", "μμ", "م", "ch", "ös":
			return 1
		case "am", "πμ", "ص", "sa", "öö":
			return -1
		case "p":
			if strings.TrimRight(next(fields, i), ".") == "m" {
				return 1
			}
		case "a":
			if strings.TrimRight(next(fields, i), ".") == "m" {
				return -1
			}
		}
	}
	return 0
}

// zonePart finds the offset in what stands behind the time, in minutes.
func zonePart(t string) (minutes int, ok bool) {
	if at := zoneHours.FindStringSubmatch(t); at != nil {
		hours, _ := strconv.Atoi(at[2])
		part, _ := strconv.Atoi(at[3])
		minutes = hours*60 + part
		if at[1] == "-" || at[1] == "−" {
			minutes = -minutes
		}
		return minutes, minutes >= -14*60 && minutes <= 14*60
	}
	for w := range strings.FieldsFuncSeq(t, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if off, known := zones[w]; known {
			return off, true
		}
	}
	return 0, false
}

// asciiDigits writes decimal digits of other scripts as ASCII ones.
func asciiDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 || !unicode.Is(unicode.Nd, r) {
			return r
		}
		zero := r
		for unicode.Is(unicode.Nd, zero-1) && r-zero < 9 {
			zero--
		}
		return '0' + r - zero
	}, s)
}
