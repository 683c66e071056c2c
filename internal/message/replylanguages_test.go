package message

// dialect is what mail programs write around an answer in one language. The
// attributions are as the programs have them, for a mail of 15 January 2024,
// 10:30, by Max Muster.
type dialect struct {
	attributions []string
	// names of From, Sent, To, Subject in Outlook, and how it writes the date
	from, sent, to, subject, date string
	original, forward, begin      string // Outlook, Thunderbird, Apple Mail
	phone                         []string
	answer, passOn                string // prefixes of subjects
}

const (
	muster   = "Max Muster <max@muster.example>"
	musterP  = "Max Muster (max@muster.example)"
	musterQ  = `"Max Muster" <max@muster.example>`
	musterID = "max@muster.example"
)

var dialects = map[string]dialect{
	"en": {
		[]string{
			"On Mon, Jan 15, 2024 at 10:30 AM " + muster + " wrote:", "On Jan 15, 2024, at 10:30, " + muster + " wrote:",
			"On 15/01/2024 10:30, Max Muster wrote:", "On Monday, January 15, 2024 at 10:30:00 AM GMT+1, " + muster + " wrote:",
			"On 2024-01-15 10:30, Max Muster wrote:", "On Monday, January 15th, 2024 at 10:30 AM, " + muster + " wrote:",
			"On Mon, 15 Jan 2024, 10:30 Max Muster, <max@muster.example> wrote:", muster + " wrote on Mon, 15 Jan 2024 at 10:30:",
		},
		"From", "Sent", "To", "Subject", "Monday, January 15, 2024 10:30 AM", "Original Message", "Forwarded Message", "Begin forwarded message:",
		[]string{"Sent from my iPhone", "Get Outlook for iOS", "Sent from Outlook for Android", "Sent from Mail for Windows", "Sent from my Samsung Galaxy smartphone."},
		"RE", "FW",
	},
	"de": {
		[]string{
			"Am Mo., 15. Jan. 2024 um 10:30 Uhr schrieb " + muster + ":", "Am 15.01.2024 um 10:30 schrieb " + muster + ":",
			"Am 15.01.24 um 10:30 schrieb Max Muster:", muster + " schrieb am Mo., 15. Jan. 2024, 10:30:",
			"Am Montag, dem 15.01.2024 um 10:30 +0100 schrieb Max Muster:",
		},
		"Von", "Gesendet", "An", "Betreff", "Montag, 15. Januar 2024 10:30", "Ursprüngliche Nachricht", "Weitergeleitete Nachricht", "Anfang der weitergeleiteten Nachricht:",
		[]string{"Von meinem iPhone gesendet", "Gesendet von Outlook für iOS", "Gesendet von Mail für Windows", "Diese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet."},
		"AW", "WG",
	},
	"fr": {
		[]string{
			"Le lun. 15 janv. 2024 à 10:30, " + muster + " a écrit :", "Le 15 janv. 2024 à 10:30, " + muster + " a écrit :",
			"Le 15/01/2024 à 10:30, Max Muster a écrit :", "Le lundi 15 janvier 2024 à 10:30:00 UTC+1, " + muster + " a écrit :",
		},
		"De", "Envoyé", "À", "Objet", "lundi 15 janvier 2024 10:30", "Message d'origine", "Message transféré", "Début du message transféré :",
		[]string{"Envoyé de mon iPhone", "Envoyé depuis mon iPhone", "Télécharger Outlook pour iOS", "Envoyé à partir de Outlook pour Android"},
		"RE", "TR",
	},
	"es": {
		[]string{
			"El lun, 15 ene 2024 a las 10:30, " + musterP[:10] + " (<max@muster.example>) escribió:", "El 15 ene 2024, a las 10:30, " + muster + " escribió:",
			"El 15/1/24 a las 10:30, Max Muster escribió:", "El lunes, 15 de enero de 2024, 10:30:00 CET, " + muster + " escribió:",
		},
		"De", "Enviado el", "Para", "Asunto", "lunes, 15 de enero de 2024 10:30", "Mensaje original", "Mensaje reenviado", "Inicio del mensaje reenviado:",
		[]string{"Enviado desde mi iPhone", "Obtener Outlook para iOS", "Enviado desde Correo para Windows"},
		"RE", "RV",
	},
	"pt": {
		[]string{
			"Em seg., 15 de jan. de 2024 às 10:30, " + muster + " escreveu:", "Em 15 de jan. de 2024, à(s) 10:30, " + muster + " escreveu:",
			"Em 15/01/2024 10:30, Max Muster escreveu:", "No dia 15/01/2024, às 10:30, " + muster + " escreveu:", musterP + " escreveu (segunda, 15/01/2024 à(s) 10:30):",
		},
		"De", "Enviado", "Para", "Assunto", "segunda-feira, 15 de janeiro de 2024 10:30", "Mensagem original", "Mensagem encaminhada", "Início da mensagem reencaminhada:",
		[]string{"Enviado do meu iPhone", "Obter o Outlook para iOS", "Enviado a partir do meu smartphone Samsung Galaxy."},
		"RES", "ENC",
	},
	"it": {
		[]string{
			"Il giorno lun 15 gen 2024 alle ore 10:30 " + muster + " ha scritto:", "Il giorno 15 gen 2024, alle ore 10:30, " + muster + " ha scritto:",
			"Il 15/01/2024 10:30, Max Muster ha scritto:", "In data lunedì 15 gennaio 2024 10:30:00 CET, Max Muster ha scritto:",
		},
		"Da", "Inviato", "A", "Oggetto", "lunedì 15 gennaio 2024 10:30", "Messaggio originale", "Messaggio Inoltrato", "Inizio messaggio inoltrato:",
		[]string{"Inviato da iPhone", "Scarica Outlook per iOS", "Inviato da Posta per Windows"},
		"R", "I",
	},
	"nl": {
		[]string{
			"Op ma 15 jan 2024 om 10:30 schreef " + muster + ":", "Op 15 jan. 2024 om 10:30 heeft " + muster + " het volgende geschreven:",
			"Op 15-01-2024 om 10:30 schreef Max Muster:", "Op 15 januari 2024 10:30:00 CET schreef " + muster + ":",
		},
		"Van", "Verzonden", "Aan", "Onderwerp", "maandag 15 januari 2024 10:30", "Oorspronkelijk bericht", "Doorgestuurd bericht", "Begin doorgestuurd bericht:",
		[]string{"Verstuurd vanaf mijn iPhone", "Verzonden vanaf Outlook voor iOS", "Outlook voor Android downloaden"},
		"Antw", "Doorst",
	},
	"sv": {
		[]string{
			"Den mån 15 jan. 2024 kl 10:30 skrev " + muster + ":", "15 jan. 2024 kl. 10:30 skrev " + muster + ":", "Den 2024-01-15 kl. 10:30, skrev Max Muster:",
		},
		"Från", "Skickat", "Till", "Ämne", "den 15 januari 2024 10:30", "Ursprungligt meddelande", "Vidarebefordrat meddelande", "Vidarebefordrat brev:",
		[]string{"Skickat från min iPhone", "Skaffa Outlook för Android"},
		"SV", "VB",
	},
	"da": {
		[]string{
			"Den man. 15. jan. 2024 kl. 10.30 skrev " + muster + ":", "Den 15. jan. 2024 kl. 10.30 skrev " + muster + ":", "Den 15-01-2024 kl. 10:30 skrev Max Muster:",
		},
		"Fra", "Sendt", "Til", "Emne", "15. januar 2024 10:30", "Oprindelig meddelelse", "Videresendt meddelelse", "Videresendt besked:",
		[]string{"Sendt fra min iPhone", "Hent Outlook til iOS"},
		"SV", "VS",
	},
	"no": {
		[]string{
			"man. 15. jan. 2024 kl. 10:30 skrev " + muster + ":", "15. jan. 2024 kl. 10:30 skrev " + muster + ":", "Den 15.01.2024 10:30, skrev Max Muster:",
		},
		"Fra", "Sendt", "Til", "Emne", "mandag 15. januar 2024 10:30", "Opprinnelig melding", "Videresendt melding", "Videresendt melding:",
		[]string{"Sendt fra min iPhone", "Sendt fra Outlook for iOS"},
		"SV", "VS",
	},
	"fi": {
		[]string{
			"ma 15. tammik. 2024 klo 10.30 " + musterP + " kirjoitti:", muster + " kirjoitti 15.1.2024 kello 10.30:", "Max Muster kirjoitti 15.1.2024 klo 10.30:",
		},
		"Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe", "maanantai 15. tammikuuta 2024 10.30", "Alkuperäinen viesti", "Välitetty viesti", "Välitetty viesti alkaa:",
		[]string{"Lähetetty iPhonesta", "Hanki Outlook iOS:lle"},
		"VS", "VL",
	},
	"pl": {
		[]string{
			"pon., 15 sty 2024 o 10:30 " + muster + " napisał(a):", "Wiadomość napisana przez " + muster + " w dniu 15.01.2024, o godz. 10:30:", "W dniu 15.01.2024 o 10:30, Max Muster pisze:",
			"Dnia 15 stycznia 2024 10:30 " + muster + " napisał(a):",
		},
		"Od", "Wysłano", "Do", "Temat", "poniedziałek, 15 stycznia 2024 10:30", "Wiadomość oryginalna", "Treść przekazanej wiadomości", "Początek przekazywanej wiadomości:",
		[]string{"Wysłane z iPhone'a", "Pobierz aplikację Outlook dla systemu iOS"},
		"ODP", "PD",
	},
	"cs": {
		[]string{
			"po 15. 1. 2024 v 10:30 odesílatel " + muster + " napsal:", "15. 1. 2024 v 10:30, " + muster + ":", "Dne 15.01.2024 v 10:30 Max Muster napsal(a):",
		},
		"Od", "Odesláno", "Komu", "Předmět", "pondělí 15. ledna 2024 10:30", "Původní zpráva", "Přeposlaná zpráva", "Začátek přeposlané zprávy:",
		[]string{"Odesláno z iPhonu", "Odesláno z aplikace Outlook pro iOS"},
		"RE", "FW",
	},
	"sk": {
		[]string{
			"po 15. 1. 2024 o 10:30 " + muster + " napísal(a):", "Dňa 15. 1. 2024 o 10:30 Max Muster napísal(a):",
		},
		"Od", "Odoslané", "Komu", "Predmet", "pondelok 15. januára 2024 10:30", "Pôvodná správa", "Preposlaná správa", "Začiatok preposlanej správy:",
		[]string{"Odoslané z iPhonu"},
		"RE", "FW",
	},
	"hu": {
		[]string{
			muster + " ezt írta (időpont: 2024. jan. 15., H, 10:30):", "2024. jan. 15. dátummal, 10:30 időpontban " + muster + " írta:", "2024. 01. 15. 10:30 keltezéssel, Max Muster írta:",
		},
		"Feladó", "Elküldve", "Címzett", "Tárgy", "2024. január 15., hétfő 10:30", "Eredeti üzenet", "Továbbított üzenet", "Továbbított levél kezdete:",
		[]string{"Az én iPhone-omról küldve"},
		"VÁ", "Továbbítás",
	},
	"ro": {
		[]string{
			"În lun., 15 ian. 2024 la 10:30, " + muster + " a scris:", "Pe 15 ian. 2024, la 10:30, " + muster + " a scris:", "La 15.01.2024 10:30, Max Muster a scris:",
		},
		"De la", "Trimis", "Către", "Subiect", "luni, 15 ianuarie 2024 10:30", "Mesaj original", "Mesaj redirecționat", "Începutul mesajului redirecționat:",
		[]string{"Trimis de pe iPhone-ul meu"},
		"RE", "FW",
	},
	"ru": {
		[]string{
			"пн, 15 янв. 2024 г. в 10:30, " + muster + ":", "15 янв. 2024 г., в 10:30, " + muster + " написал(а):", "15.01.2024 10:30, Max Muster пишет:",
			"Понедельник, 15 января 2024, 10:30 +03:00 от " + muster + ":", "15.01.2024, 10:30, " + musterQ + ":",
		},
		"От", "Отправлено", "Кому", "Тема", "15 января 2024 г. 10:30", "Исходное сообщение", "Перенаправленное сообщение", "Начало переадресованного сообщения:",
		[]string{"Отправлено с iPhone", "Отправлено из мобильной Почты Mail.ru", "Отправлено с устройства Samsung"},
		"Отв", "Пересл",
	},
	"uk": {
		[]string{
			"пн, 15 січ. 2024 р. о 10:30 " + muster + " пише:", "15 січ. 2024 р. о 10:30 " + muster + " написав(-ла):", "15.01.24 10:30, Max Muster пише:",
		},
		"Від", "Надіслано", "Кому", "Тема", "15 січня 2024 р. 10:30", "Вихідне повідомлення", "Переслане повідомлення", "Початок переадресованого повідомлення:",
		[]string{"Надіслано з iPhone"},
		"Відп", "Пер",
	},
	"bg": {
		[]string{
			"На пн, 15.01.2024 г. в 10:30 " + muster + " написа:", "На 15.01.2024 г. в 10:30 ч., Max Muster написа:",
		},
		"От", "Изпратено", "До", "Относно", "15 януари 2024 г. 10:30", "Оригинално съобщение", "Препратено съобщение", "Начало на препратеното съобщение:",
		[]string{"Изпратено от моя iPhone"},
		"Отг", "Препр",
	},
	"el": {
		[]string{
			"Στις Δευ 15 Ιαν 2024 στις 10:30 π.μ., ο/η " + muster + " έγραψε:", "Στις 15/1/2024 10:30, ο/η Max Muster έγραψε:",
		},
		"Από", "Στάλθηκε", "Προς", "Θέμα", "Δευτέρα, 15 Ιανουαρίου 2024 10:30", "Αρχικό μήνυμα", "Προωθημένο μήνυμα", "Αρχή προωθημένου μηνύματος:",
		[]string{"Στάλθηκε από το iPhone μου"},
		"ΑΠ", "ΠΡΘ",
	},
	"tr": {
		[]string{
			muster + ", 15 Oca 2024 Pzt, 10:30 tarihinde şunu yazdı:", muster + " şunları yazdı (15 Oca 2024 10:30):", "15.01.2024 10:30 tarihinde Max Muster yazdı:",
		},
		"Kimden", "Gönderildi", "Kime", "Konu", "15 Ocak 2024 Pazartesi 10:30", "Orijinal ileti", "Yönlendirilmiş ileti", "Yönlendirilen ileti başlangıcı:",
		[]string{"iPhone'umdan gönderildi"},
		"YNT", "İLT",
	},
	"he": {
		[]string{
			"\u202bבתאריך יום ב׳, 15 בינו׳ 2024 ב-10:30 מאת \u202aMax Muster\u202c\u200f <\u202amax@muster.example\u202c\u200f>:\u202c", "ב-15 בינו׳ 2024, בשעה 10:30, " + muster + " כתב/ה:",
		},
		"מאת", "נשלח", "אל", "נושא", "יום שני 15 ינואר 2024 10:30", "הודעה מקורית", "הודעה שהועברה", "תחילת ההודעה שהועברה:",
		[]string{"נשלח מה-iPhone שלי"},
		"תגובה", "הועבר",
	},
	"ar": {
		[]string{
			"في الاثنين، 15 يناير 2024 في 10:30 ص تمت كتابة ما يلي بواسطة \u202aMax Muster\u202c\u200f <\u202amax@muster.example\u202c\u200f>:", "في ١٥ يناير ٢٠٢٤، الساعة ١٠:٣٠، كتب/كتبت " + muster + ":",
		},
		"من", "تاريخ الإرسال", "إلى", "الموضوع", "15 يناير 2024 10:30", "الرسالة الأصلية", "رسالة معاد توجيهها", "بدء الرسالة المعاد توجيهها:",
		[]string{"تم الإرسال من الـ iPhone"},
		"رد", "إعادة توجيه",
	},
	"ja": {
		[]string{
			"2024年1月15日(月) 10:30 " + muster + ":", "2024/01/15 10:30、" + muster + "のメール:", "On 2024/01/15 10:30, Max Muster wrote:", "2024/01/15 10:30に" + muster + "さんは書きました：",
		},
		"差出人", "送信日時", "宛先", "件名", "2024年1月15日 10:30", "元のメッセージ", "転送メッセージ", "転送されたメッセージ：",
		[]string{"iPhoneから送信", "Outlook for iOS を入手"},
		"返信", "転送",
	},
	"zh-CN": {
		[]string{
			muster + " 于2024年1月15日周一 10:30写道：", "在 2024年1月15日，10:30，" + muster + " 写道：", "在 2024-01-15 10:30:00，" + musterQ + " 写道：",
			"在 2024/1/15 10:30, Max Muster 写道:",
		},
		"发件人", "发送时间", "收件人", "主题", "2024年1月15日 10:30", "原始邮件", "转发的消息", "开始转发的邮件：",
		[]string{"发自我的 iPhone", "发自我的iPhone"},
		"回复", "转发",
	},
	"zh-TW": {
		[]string{
			muster + " 於 2024年1月15日 週一 上午10:30寫道：", musterQ + " 於 2024年1月15日 上午10:30 寫道：",
		},
		"寄件者", "寄件日期", "收件者", "主旨", "2024年1月15日 上午 10:30", "原始郵件", "轉寄郵件", "以下是被轉寄的郵件：",
		[]string{"從我的 iPhone 傳送"},
		"回覆", "轉寄",
	},
	"ko": {
		[]string{
			"2024년 1월 15일 (월) 오전 10:30, " + muster + "님이 작성:", "2024. 1. 15. 오전 10:30, " + muster + " 작성:", "2024-01-15 10:30에 Max Muster 이(가) 쓴 글:",
		},
		"보낸 사람", "보낸 날짜", "받는 사람", "제목", "2024년 1월 15일 월요일 오전 10:30", "원본 메시지", "전달된 메시지", "전달된 메시지:",
		[]string{"나의 iPhone에서 보냄"},
		"회신", "전달",
	},
	"vi": {
		[]string{
			"Vào Th 2, 15 thg 1, 2024 vào lúc 10:30 " + muster + " đã viết:", "Vào 15/01/2024 10:30, Max Muster viết:",
		},
		"Từ", "Đã gửi", "Đến", "Chủ đề", "15 tháng 1, 2024 10:30", "Thư gốc", "Thư được chuyển tiếp", "Bắt đầu thư được chuyển tiếp:",
		[]string{"Đã gửi từ iPhone của tôi"},
		"Trả lời", "Chuyển tiếp",
	},
	"id": {
		[]string{
			"Pada tanggal Sen, 15 Jan 2024 pukul 10.30 " + muster + " menulis:", "Pada 15/01/2024 10:30, Max Muster menulis:",
		},
		"Dari", "Dikirim", "Kepada", "Subjek", "15 Januari 2024 10:30", "Pesan Asli", "Pesan Terusan", "Mulai pesan yang diteruskan:",
		[]string{"Dikirim dari iPhone saya"},
		"Bls", "Trs",
	},
	"ca": {
		[]string{
			"Missatge de " + muster + " del dia dl., 15 de gen. 2024 a les 10:30:", "El dia 15 de gen. de 2024, a les 10:30, " + muster + " va escriure:", "El 15/1/24 a les 10:30, Max Muster ha escrit:",
		},
		"De", "Enviat", "Per a", "Assumpte", "dilluns, 15 de gener de 2024 10:30", "Missatge original", "Missatge reenviat", "Inici del missatge reenviat:",
		[]string{"Enviat des del meu iPhone"},
		"RE", "RV",
	},
	"hr": {
		[]string{
			"pon, 15. sij 2024. u 10:30 " + muster + " napisao je:", "Dana 15. 1. 2024. u 10:30, Max Muster je napisao:",
		},
		"Šalje", "Poslano", "Prima", "Predmet", "15. siječnja 2024. 10:30", "Izvorna poruka", "Proslijeđena poruka", "Početak proslijeđene poruke:",
		[]string{"Poslano s mog iPhonea"},
		"RE", "Proslijeđeno",
	},
	"sr": {
		[]string{
			"пон, 15. јан 2024. у 10:30 " + muster + " је написао/ла:", "Dana 15.01.2024 u 10:30, Max Muster je napisao/la:",
		},
		"Od", "Poslato", "Za", "Naslov", "15. januar 2024. 10:30", "Originalna poruka", "Prosleđena poruka", "Prosleđena poruka:",
		[]string{"Poslato sa mog iPhone-a"},
		"RE", "FW",
	},
	"lt": {
		[]string{
			"2024-01-15, pr, 10:30 " + muster + " rašė:", "2024-01-15 10:30, Max Muster rašė:",
		},
		"Nuo", "Išsiųsta", "Kam", "Tema", "2024 m. sausio 15 d. 10:30", "Originalus laiškas", "Persiųstas laiškas", "Persiųstas laiškas:",
		[]string{"Išsiųsta iš mano iPhone"},
		"ATS", "PERSIŲSTA",
	},
	"lv": {
		[]string{
			"pirmd., 2024. g. 15. janv., plkst. 10:30 — lietotājs Max Muster (<max@muster.example>) rakstīja:", "2024.01.15. 10:30, Max Muster rakstīja:",
		},
		"No", "Nosūtīts", "Kam", "Temats", "2024. gada 15. janvāris 10:30", "Sākotnējā ziņa", "Pārsūtīta ziņa", "Pārsūtīta ziņa:",
		[]string{"Nosūtīts no mana iPhone"},
		"Atb", "Pārsūt",
	},
	"et": {
		[]string{
			"Kuupäev E, 15. jaanuar 2024 kell 10:30 kirjutas " + muster + ":", "15.01.2024 10:30 kirjutas Max Muster:",
		},
		"Saatja", "Saadetud", "Adressaat", "Teema", "15. jaanuar 2024 10:30", "Algne kiri", "Edastatud kiri", "Edastatud kiri:",
		[]string{"Saadetud minu iPhone'ist"},
		"Vast", "Edast",
	},
}
