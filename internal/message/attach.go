package message

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"
)

// attach adds a part to the attachments; its octets are counted and hashed but
// not kept.
func (r *reader) attach(p *part, shown bool) {
	if r.textOnly {
		return
	}
	if len(r.msg.Attachments) >= r.lim.Parts {
		r.note("the mail has too many attachments; the rest is not shown")
		return
	}
	a := describe(r.src, p)
	sum := sha256.New()
	head := headWriter{}
	octets := p.reader(r.src)
	if _, itself := octets.(io.WriterTo); !itself && r.buf == nil {
		r.buf = make([]byte, 32<<10)
	}
	n, err := io.CopyBuffer(io.MultiWriter(sum, &head), octets, r.buf)
	if err != nil {
		r.broken = true
		r.note("an attachment could not be read to its end")
	}
	if len(afterBase64(octets)) > 0 {
		r.note("text that is not encoded follows the octets of an attachment; it is only in the raw mail")
	}
	a.Size, a.SHA256 = n, hex.EncodeToString(sum.Sum(nil))
	a.Sniffed = sniffType(head.octets)
	a.Inline = a.Inline || shown && p.disp.value != "attachment"
	a.Noise = noise(p, a, head.octets)
	a.Text = r.summary(p)
	r.msg.Attachments = append(r.msg.Attachments, a)
}

// headWriter keeps the first octets that are written to it.
type headWriter struct{ octets []byte }

func (h *headWriter) Write(p []byte) (int, error) {
	h.octets = append(h.octets, p[:min(len(p), sniffLength-len(h.octets))]...)
	return len(p), nil
}

// noise reports a file that nobody sent on purpose: a signature that programs
// check, half of a Macintosh file, an image too small to show anything but a
// logo or a dot.
func noise(p *part, a Attachment, head []byte) bool {
	const logoOctets, logoWidth, logoHeight = 12 << 10, 400, 120
	switch p.ctype.value {
	case "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature", "application/applefile":
		return true
	}
	if !p.ctype.isType("image/") || !a.Inline || a.ContentID == "" {
		return false
	}
	if w, h := imageSize(head); w > 0 && h > 0 {
		return w <= logoWidth && h <= logoHeight || w <= 2 || h <= 2
	}
	return a.Size <= logoOctets
}

// markNoise takes back what the HTML does not show by its content id: such an
// image is there to be seen as a file.
func markNoise(list []Attachment, b body) {
	if !slices.ContainsFunc(list, func(a Attachment) bool { return a.Noise && a.ContentID != "" }) {
		return
	}
	doc := b.joinRich()
	for i := range list {
		if a := &list[i]; a.Noise && a.ContentID != "" && strings.HasPrefix(a.Type, "image/") {
			a.Noise = strings.Contains(doc, "cid:"+a.ContentID)
		}
	}
}

// describe says what a part is without reading it.
func describe(src io.ReaderAt, p *part) Attachment {
	return Attachment{
		Name:      fileName(src, p),
		Type:      p.ctype.value,
		Inline:    p.disp.value == "inline",
		ContentID: contentID(p),
		Path:      p.path,
	}
}

func contentID(p *part) string {
	return strings.Trim(oneLine(get(p.fields, "content-id")), "<> \t\"")
}
