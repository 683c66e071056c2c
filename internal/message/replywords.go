package message

import "strings"

// The words of mail programs around quotations and signatures, in lower case.
// A group is one language, as far as that can be told: English, German, French,
// Spanish, Italian, Dutch, Portuguese, Catalan, Romanian; Swedish, Danish,
// Norwegian, Finnish; Polish, Czech, Slovak, Croatian, Serbian, Slovene;
// Hungarian, Turkish, Greek; Russian, Ukrainian, Bulgarian; Lithuanian,
// Latvian, Estonian; Hebrew, Arabic, Persian; Japanese, Chinese, Korean,
// Vietnamese, Indonesian, Thai.

// originalWords head a quotation, between dashes.
var originalWords = wordSet(`
initial header|original message|original|reply message|replied message|original appointment|original email|original mail
ursprüngliche nachricht|original-nachricht|originalnachricht|original nachricht|urspr. nachricht|ursprünglicher termin
message d'origine|message d’origine|message original|message initial|courriel original|mail original
mensaje original|correo original|messaggio originale|messaggio di origine|oorspronkelijk bericht|origineel bericht
mensagem original|missatge original|mesaj original|mesajul original|mesajul inițial
originalmeddelande|ursprungligt meddelande|ursprungligt medd.|oprindelig besked|oprindelig meddelelse|original besked|oprindelig mail
opprinnelig melding|original melding|opprinnelig e-post|alkuperäinen viesti
wiadomość oryginalna|oryginalna wiadomość|původní zpráva|původní e-mail|pôvodná správa|izvorna poruka|originalna poruka|изворна порука|оригинална порука|izvirno sporočilo
eredeti üzenet|eredeti levél|orijinal ileti|özgün ileti|orijinal mesaj|αρχικό μήνυμα
исходное сообщение|исходное письмо|оригинальное сообщение|первоначальное сообщение|вихідне повідомлення|початкове повідомлення|оригінальне повідомлення|оригинално съобщение|първоначално съобщение
originalus laiškas|pirminis laiškas|sākotnējā ziņa|sākotnējais ziņojums|oriģinālā ziņa|algne kiri|algne sõnum|algne teade
הודעה מקורית|ההודעה המקורית|الرسالة الأصلية|رسالة أصلية|پیام اصلی
元のメッセージ|オリジナルメッセージ|原始邮件|原邮件|原始郵件|原始訊息|原始信件|回复的原邮件|回覆的原郵件|원본 메시지|원본 메일|원래 메시지|원본메일
thư gốc|tin nhắn gốc|tin gốc|pesan asli|email asli|ข้อความต้นฉบับ`)

// forwardWords head a mail that is passed on.
var forwardWords = wordSet(`
forwarded message|begin forwarded message|forwarded mail|forwarded email|forwarded by|original message forwarded
weitergeleitete nachricht|anfang der weitergeleiteten nachricht|beginn der weitergeleiteten nachricht|weitergeleitete e-mail|weitergeleitet von
message transféré|début du message transféré|début du message réexpédié|message transmis|message réexpédié|courriel transféré
mensaje reenviado|inicio del mensaje reenviado|comienzo del mensaje reenviado|correo reenviado
messaggio inoltrato|inizio messaggio inoltrato|inizio del messaggio inoltrato|doorgestuurd bericht|begin doorgestuurd bericht
mensagem encaminhada|mensagem reencaminhada|início da mensagem encaminhada|início da mensagem reencaminhada|início de mensagem reencaminhada
missatge reenviat|inici del missatge reenviat|mesaj redirecționat|mesaj redirecţionat|mesaj retransmis|începutul mesajului redirecționat|începutul mesajului retransmis
vidarebefordrat meddelande|vidarebefordrat brev|vidarebefordrat mejl|början på vidarebefordrat brev|videresendt meddelelse
videresendt besked|start på videresendt besked|videresendt mail|videresendt melding|begynnelse på videresendt melding|videresendt e-post
välitetty viesti|välitetty viesti alkaa|edelleen lähetetty viesti
przekazana wiadomość|wiadomość przekazana|treść przekazanej wiadomości|początek przekazywanej wiadomości|początek przekazanej wiadomości
přeposlaná zpráva|začátek přeposlané zprávy|preposlaná správa|začiatok preposlanej správy|proslijeđena poruka|početak proslijeđene poruke
prosleđena poruka|прослеђена порука|posredovano sporočilo|začetek posredovanega sporočila
továbbított üzenet|továbbított levél|továbbított levél kezdete|yönlendirilmiş ileti|yönlendirilen ileti|iletilmiş ileti|iletilen mesaj|yönlendirilen ileti başlangıcı|iletilen ileti başlangıcı
προωθημένο μήνυμα|αρχή προωθημένου μηνύματος|αρχή προωθούμενου μηνύματος
пересылаемое сообщение|перенаправленное сообщение|пересланное сообщение|переадресованное сообщение|начало переадресованного сообщения|начало пересланного сообщения
переслане повідомлення|переадресоване повідомлення|початок переадресованого повідомлення|початок пересланого повідомлення|препратено съобщение|начало на препратеното съобщение|начало на препратено съобщение
persiųstas laiškas|persiunčiamas laiškas|persiųsta žinutė|pārsūtīta ziņa|pārsūtīta vēstule|pārsūtītā ziņa|edastatud kiri|edastatud sõnum|edastatud teade
הודעה שהועברה|תחילת ההודעה שהועברה|הודעה מועברת|رسالة معاد توجيهها|رسالة مُعاد توجيهها|الرسالة المعاد توجيهها|بدء الرسالة المعاد توجيهها|بدء الرسالة المُعاد توجيهها|پیام فوروارد شده
転送メッセージ|転送されたメッセージ|転送元メッセージ|転送メール|转发邮件|转发邮件信息|转发的邮件|转发的消息|下面是被转发的邮件|开始转发的邮件|开始转发的信件
轉寄郵件|轉寄的郵件|轉寄訊息|以下是被轉寄的郵件|開始轉寄郵件|轉寄的信件|전달된 메시지|전달된 메일|전달된 메세지|전달한 메시지
thư được chuyển tiếp|thư chuyển tiếp|bắt đầu thư được chuyển tiếp|tin nhắn chuyển tiếp|pesan terusan|pesan yang diteruskan|pesan diteruskan|mulai pesan yang diteruskan|ข้อความที่ส่งต่อ`)

// verbs are what the sender of the quoted mail did.
var verbs = words(`
wrote|writes|schrieb|schreibt|geschrieben|a écrit|a ecrit|a écris|écrivait|écrit|ecrit
escribió|escribio|escribe|ha escrito|ha scritto|scrisse|scrive|schreef|schrijft|geschreven
escreveu|escreve|va escriure|ha escrit|escrigué|a scris|scrise
skrev|skriver|har skrevet|har skrivit|kirjoitti|kirjoittaa
napisał|napisała|napisal|napisała(a)|pisze|napsal|napsala|napísal|napísala|píše|napisao|napisala|piše|pisao|написао|написала|пише
írta|írt|yazdı|yazmış|yazıyor|έγραψε|εγραψε|έγραψαν
писал|писала|пишет|написал|написала|написали|написав|писав|написа
rašė|parašė|rakstīja|raksta|kirjutas
כתב|כתבה|כתב/ה|מאת|كتب|كتبت|كتب/كتبت|بواسطة|نوشت
書きました|のメール|のメッセージ|写道|寫道|写到|作成|작성|썼습니다|쓴 글|쓴글
đã viết|viết|menulis|tulis|เขียน`)

// starts are the first words of an attribution.
var starts = words(`
on |at |am |le |el |il |op |em |den |dnia |w dniu |dne |in data |om |i |a |à |på |в |---- on |在|于|at: 
el día |no dia |na |il giorno |dana |u |v |de |pe |în |in |la |la data |el dia |missatge de |on: |fra |från |von 
στις |στο |στη |την |на |у |від |от |kuupäev |pada |vào |lúc |ב-|ב |בתאריך |ביום |في |بتاريخ |يوم |در |เมื่อ |dňa |dne |dňa: |kell |wiadomość napisana przez |quoting |zitat von |citando |citat `)

// persons stand in prose where an attribution has a name.
var persons = words(`i|we|he|she|they|it|ich|wir|er|sie|j'ai|nous|elle|ils|elles|on a|yo|él|ella|ellos|nosotros|io|lui|lei|noi|ik|wij|hij|zij|eu|ele|ela|nós|jag|han|hon|vi|jeg|hun|minä|hän|ja|я|он|она|мы|они|він|вона|ми|той|тя|who|someone|somebody|nobody|which|that|always`)

// aboveWords ask to answer above a line.
var aboveWords = words(`above this line|above the line|above this text|below this line|über dieser zeile|oberhalb dieser zeile|über diese zeile|unterhalb dieser zeile|au-dessus de cette ligne|por encima de esta línea|sobre esta línea|encima de esta línea|sopra questa riga|sopra questa linea|boven deze regel|boven deze lijn|acima desta linha|acima dessa linha|ovanför denna rad|ovenfor denne linje|over denne linje|over denne linjen|tämän rivin yläpuolelle|powyżej tej linii|powyżej tego wiersza|nad touto čárou|nad tento řádek|nad tuto čáru|nad týmto riadkom|выше этой линии|выше этой строки|над цим рядком|bu satırın üstüne|bu çizginin üstüne|fölé írja|deasupra acestei linii|πάνω από αυτή τη γραμμή|この行より上|在此行上方|在此线上方|이 줄 위에`)

// answerWords stand in such a line.
var answerWords = words(`reply|replies|answer|respond|response|type|write|antwort|schreiben|répon|ecri|écri|respond|respuest|escrib|respond|rispo|scriv|antwoord|reageer|schrijf|typ|respost|svar|skriv|vasta|kirjoita|odpow|odpov|píš|ответ|пиш|відпов|yanıt|cevap|yaz|válasz|răsp|απαντ|返信|回复|回覆|회신|답장`)

// sentFromWords begin the line that a program adds below a text.
var sentFromWords = words(`
sent from my |sent from a |sent from mail for |sent from mail |sent from outlook|sent from typeapp|sent from yahoo|sent from proton|sent from gmail|sent from nine|sent from bluemail|sent from hey|sent from front|sent from mailspring|sent from spark|sent from superhuman|sent from canary|sent from edison|sent from airmail|sent from newton|sent from zoho|sent from tutanota|sent from fastmail|sent from aol|sent from k-9|sent from boxer|sent from email.
sent from samsung|sent from the |sent from iphone|sent from ipad|sent from android|sent from mobile|sent using |sent via |sent with |get outlook for |get bluemail|sent while mobile|sent on the go
von meinem |von meiner |gesendet von |gesendet mit |gesendet über |gesendet aus |gesendet vom |diese nachricht wurde von mein|diese nachricht wurde mit |diese e-mail wurde von mein
envoyé de mon |envoyé depuis |envoyé à partir |envoyé avec |envoyé de |envoyé via |provenance : |télécharger outlook|téléchargez outlook|obtenir outlook|obtenez outlook
enviado desde |enviado do |enviado de mi |enviado de |enviado a partir |enviado con |enviado com |enviado via |enviado pelo |obtener outlook|obtenga outlook|obter outlook|obtenha o outlook|baixe o outlook|enviat des de|enviat amb
inviato da |inviato dal |inviato con |inviato tramite |scarica outlook|ottieni outlook|verzonden vanaf |verstuurd vanaf |verzonden met |verstuurd met |verzonden via |verstuurd via |download outlook
skickat från |skickat med |skickat via |hämta outlook|sendt fra |sendt med |sendt via |hent outlook|skaffa outlook|lähetetty |hanki outlook
wysłane z |wysłano z |wysłane za pomocą |wysłano za pomocą |pobierz outlook|odesláno z |odoslané z |poslano s |poslano z |poslato sa |poslato sa |послато са |trimis de pe |trimis din 
elküldve |küldve |az én iphone|στάλθηκε από |αποστολή από |εστάλη από |iphone'umdan gönderildi|ipad'imden gönderildi
отправлено с |отправлено из |отправлено через |отправлено от |послано с |надіслано з |надіслано через |відправлено з |изпратено от |изпратено с |изпратено чрез 
išsiųsta iš |siųsta iš |nosūtīts no |sūtīts no |saadetud minu |saadetud 
נשלח מ|תורגש מ|أرسلت من|أُرسلت من|تم الإرسال من|مرسل من|مُرسَل من|ارسال شده از|فرستاده شده از
发自我的|发自|从我的|傳送自|從我的|寄自我的|由我的|나의 |gửi từ |đã gửi từ |được gửi từ |dikirim dari |ส่งจาก`)

var sentFromPhrases = newPhrases(sentFromWords)

// sentFromEnds end such a line.
var sentFromEnds = words(`gesendet|verzonden|verstuurd|gönderildi|送信|から送信|から送信しました|보냄|보냈습니다|에서 보냄|傳送|发送|寄出|kirjutatud|saadetud|elküldve|küldve|küldték`)

// devicePhrases are what such a line names when its words are not known.
var devicePhrases = newPhrases(words(`iphone|ipad|android|samsung|galaxy|blackberry|huawei|xiaomi|outlook for ios|outlook for android|outlook für|outlook pour|outlook para|outlook per|outlook voor|outlook dla|outlook til|outlook för|outlook для`))

// footers begin what programs and companies put below a text.
var footers = words(`
please consider the environment|think before you print|save a tree|bitte denken sie an die umwelt|bitte prüfen sie, ob diese|pensez à l'environnement|avant d'imprimer|n'imprimez ce |antes de imprimir|prima di stampare
virus-free. |this email has been checked for viruses|this email has been scanned|this message has been scanned|diese e-mail wurde von avast|virenfrei. |garanti sans virus|cet e-mail a été vérifié|libre de virus|este correo electrónico ha sido comprobado|virus-free
you received this message because you are subscribed|you are receiving this because|reply to this email directly|to unsubscribe from this group|diese nachricht erhalten sie, weil
confidentiality notice|disclaimer:|legal notice:|privileged and confidential|vertraulichkeitshinweis|avis de confidentialité|aviso de confidencialidad|aviso legal|avviso di riservatezza|aviso de confidencialidade`)

var footerPhrases = newPhrases(footers)

// A disclaimer speaks of secrecy, of mail, and of whom it is for.
var (
	secretPhrases  = newPhrases(words(`confidential|privileged|vertraulich|confidentiel|confidencial|riservat|vertrouwelijk|poufn|конфиденц|конфіденц|поверит|luottamukselli|fortrolig|konfidentiel|důvěrn|dôvern|bizalmas|gizli|confidenția|povjerljiv|poverljiv|εμπιστευτικ|秘密|机密|機密|기밀`))
	mailWords      = words(`e-mail|email|message|mail|nachricht|mensaje|courriel|correo|messagg|bericht|mensagem|meddel|melding|besked|viesti|wiadomość|zpráv|správ|сообщени|повідомл|письмо|üzenet|levél|ileti|mesaj|poruk|μήνυμα|メール|邮件|郵件|메일`)
	recipientWords = words(`intended|recipient|addressee|in error|empfänger|adressat|irrtüm|destinat|erreur|ontvanger|geadresseerde|odbiorc|adresat|получател|адресат|одержувач|vastaanottaj|modtager|mottager|mottagare|příjemc|príjemc|címzett|alıcı|primatelj|παραλήπτ|受信者|收件人|수신자`)
)

// closings end a letter; the name stands below.
var closings = wordSet(`
regards|best regards|kind regards|warm regards|many thanks and regards|thanks and regards|thanks & regards|best wishes|best|all the best|cheers|sincerely|yours sincerely|yours faithfully|yours truly|sincerely yours|respectfully|cordially|with best regards|with kind regards|kindest regards|br|rgds
mit freundlichen grüßen|mit freundlichen grüssen|mit freundlichem gruß|mit freundlichem gruss|mit besten grüßen|freundliche grüße|freundliche grüsse|viele grüße|viele grüsse|liebe grüße|beste grüße|beste grüsse|schöne grüße|herzliche grüße|herzliche grüsse|gruß|gruss|grüße|mfg|vg|lg|hochachtungsvoll
cordialement|bien cordialement|très cordialement|bien à vous|salutations|meilleures salutations|sincères salutations|salutations distinguées|amicalement|respectueusement
saludos|saludos cordiales|un saludo|un cordial saludo|cordialmente|atentamente|atte|cordiali saluti|distinti saluti|saluti|un saluto
met vriendelijke groet|met vriendelijke groeten|vriendelijke groet|vriendelijke groeten|groeten|groet|hartelijke groet|mvg|atenciosamente|com os melhores cumprimentos|melhores cumprimentos|cumprimentos|abraços|salutacions|atentament|cu stimă|cu respect|toate cele bune
med vänliga hälsningar|med vänlig hälsning|vänliga hälsningar|hälsningar|mvh|med venlig hilsen|venlig hilsen|de bedste hilsner|hilsen|med vennlig hilsen|vennlig hilsen|ystävällisin terveisin|terveisin|parhain terveisin
z poważaniem|pozdrawiam|z pozdrowieniami|s pozdravem|s přátelským pozdravem|s úctou|s pozdravom|srdačan pozdrav|lijep pozdrav|s poštovanjem|pozdrav|s spoštovanjem|lep pozdrav|lp|с поштовањем
üdvözlettel|tisztelettel|saygılarımla|iyi çalışmalar|με εκτίμηση|φιλικά
с уважением|с наилучшими пожеланиями|з повагою|с уважение|поздрави|pagarbiai|su pagarba|ar cieņu|lugupidamisega|parimate soovidega
בברכה|مع تحياتي|مع أطيب التحيات|تحياتي|با احترام|よろしくお願いします|よろしくお願いいたします|敬具|此致|祝好|trân trọng|thân ái|salam|hormat kami|hormat saya`)

// titles are what people and companies are called below a name.
var titles = words(`gmbh|ltd|inc.|llc|corp|s.a.|s.r.l|sarl|b.v.|a/s|s.l.|ооо|株式会社|公司|ceo|cto|cfo|manager|director|engineer|head of|sales|support|team|consultant|developer|officer|department|assistant|president|founder|professor|geschäftsführ|leiter|abteilung|vertrieb|directeur|directrice|responsable|chef de|gerente|jefe|direttore|responsabile|hoofd|diretor|chef|johtaja|kierownik|dyrektor|ředitel|директор|менеджер|начальник|müdür|vezető|tel|fax|mobil`)

// thanks are closings that say something.
var thanks = wordSet(`thanks|thank you|many thanks|thx|thanks a lot|thank you very much|danke|vielen dank|danke schön|merci|merci beaucoup|merci d'avance|muchas gracias|gracias|grazie|grazie mille|bedankt|dank u|obrigado|obrigada|gràcies|mulțumesc|tack|tak|takk|kiitos|dziękuję|děkuji|ďakujem|hvala|köszönöm|köszönettel|teşekkürler|ευχαριστώ|спасибо|дякую|благодаря|ačiū|paldies|aitäh|תודה|شكرا|谢谢|謝謝|ありがとうございます|감사합니다|cảm ơn|terima kasih`)

// words reads a table: a line is a language, words are divided by "|". A blank
// at the end of a word means that another one follows.
func words(table string) []string {
	var list []string
	for line := range strings.SplitSeq(strings.Trim(table, "\n"), "\n") {
		list = append(list, strings.Split(line, "|")...)
	}
	return list
}

// wordSet is words to look up.
func wordSet(table string) map[string]bool {
	m := map[string]bool{}
	for _, w := range words(table) {
		m[w] = true
	}
	return m
}
