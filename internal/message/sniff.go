package message

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// signatures are the first octets of the files that people send.
var signatures = [...]struct{ magic, mediatype string }{
	{"%PDF-", "application/pdf"},
	{"\x89PNG\r\n\x1a\n", "image/png"},
	{"\xff\xd8\xff", "image/jpeg"},
	{"GIF87a", "image/gif"},
	{"GIF89a", "image/gif"},
	{"BM", "image/bmp"},
	{"II*\x00", "image/tiff"},
	{"MM\x00*", "image/tiff"},
	{"PK\x03\x04", "application/zip"},
	{"PK\x05\x06", "application/zip"},
	{"Rar!\x1a\x07", "application/vnd.rar"},
	{"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"},
	{"\x1f\x8b", "application/gzip"},
	{"BZh", "application/x-bzip2"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"},
	{"{\\rtf", "application/rtf"},
	{"MZ", "application/vnd.microsoft.portable-executable"},
	{"\x7fELF", "application/x-elf"},
	{"#!", "text/x-script"},
	{"ID3", "audio/mpeg"},
	{"OggS", "application/ogg"},
	{"fLaC", "audio/flac"},
	{"\x78\x9f\x3e\x22", "application/ms-tnef"},
	{"BEGIN:VCALENDAR", "text/calendar"},
	{"BEGIN:VCARD", "text/vcard"},
	{"-----BEGIN PGP", "application/pgp-encrypted"},
	{"<?xml", "application/xml"},
	{"<svg", "image/svg+xml"},
}

// sniffLength is how much of a file sniffType looks at, in octets.
const sniffLength = 512

// sniffType says what a file is by its first octets, whatever its sender calls
// it; "" when they do not say. Nothing is unpacked for it.
func sniffType(head []byte) string {
	if len(head) == 0 {
		return ""
	}
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.magic)) {
			if s.mediatype == "application/zip" {
				return zipType(head)
			}
			return s.mediatype
		}
	}
	switch {
	case len(head) >= 12 && string(head[:4]) == "RIFF":
		return map[string]string{"WEBP": "image/webp", "WAVE": "audio/wav", "AVI ": "video/x-msvideo"}[string(head[8:12])]
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		if strings.HasPrefix(string(head[8:12]), "hei") || string(head[8:12]) == "mif1" {
			return "image/heic"
		}
		return "video/mp4"
	}
	return textType(head)
}

// zipType looks at the name of an archive's first file: office documents are
// archives too.
func zipType(head []byte) string {
	for mark, mediatype := range map[string]string{
		"word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		"xl/":   "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		"ppt/":  "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	} {
		if bytes.Contains(head, []byte(mark)) {
			return mediatype
		}
	}
	if _, rest, ok := bytes.Cut(head, []byte("mimetypeapplication/")); ok {
		end := bytes.IndexFunc(rest, func(r rune) bool {
			return (r < 'a' || r > 'z') && r != '.' && r != '-'
		})
		if end > 0 {
			return "application/" + string(rest[:end])
		}
	}
	return "application/zip"
}

func textType(head []byte) string {
	trimmed := strings.ToLower(string(bytes.TrimLeft(head, " \t\r\n\xef\xbb\xbf")))
	switch {
	case strings.HasPrefix(trimmed, "<!doctype html"), strings.HasPrefix(trimmed, "<html"):
		return "text/html"
	case bytes.IndexByte(head, 0) >= 0:
		return ""
	}
	for len(head) > 0 && !utf8.Valid(head[len(head)-1:]) && len(head) > sniffLength-4 {
		head = head[:len(head)-1] // a character may be cut
	}
	if utf8.Valid(head) {
		return "text/plain"
	}
	return ""
}

// imageSize reads width and height of a PNG, GIF or JPEG, in pixels; zeros when
// that is not what head is, or when they stand further behind.
func imageSize(head []byte) (w, h int) {
	switch {
	case len(head) >= 24 && bytes.HasPrefix(head, []byte("\x89PNG")):
		return int(binary.BigEndian.Uint32(head[16:])), int(binary.BigEndian.Uint32(head[20:]))
	case len(head) >= 10 && bytes.HasPrefix(head, []byte("GIF8")):
		return int(binary.LittleEndian.Uint16(head[6:])), int(binary.LittleEndian.Uint16(head[8:]))
	case len(head) >= 4 && bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return jpegSize(head[2:])
	}
	return 0, 0
}

// jpegSize reads the segments of a JPEG (ITU T.81 §B.1.1.4) up to the frame
// header, which says the size.
func jpegSize(b []byte) (w, h int) {
	for len(b) >= 9 && b[0] == 0xff {
		switch mark := b[1]; {
		case mark == 0xff: // filling
			b = b[1:]
			continue
		case mark >= 0xc0 && mark <= 0xcf && mark != 0xc4 && mark != 0xc8 && mark != 0xcc:
			return int(binary.BigEndian.Uint16(b[7:])), int(binary.BigEndian.Uint16(b[5:]))
		}
		n := 2 + int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return 0, 0
		}
		b = b[n:]
	}
	return 0, 0
}

// typeOfName is the media type that a file name's ending stands for.
func typeOfName(name string) string {
	i := strings.LastIndexByte(name, '.')
	switch ext := strings.ToLower(name[i+1:]); ext {
	case "txt", "log":
		return "text/plain"
	case "htm", "html":
		return "text/html"
	case "csv":
		return "text/csv"
	case "ics":
		return "text/calendar"
	case "vcf":
		return "text/vcard"
	case "jpg", "jpeg":
		return "image/jpeg"
	case "png", "gif", "bmp", "webp", "tiff":
		return "image/" + ext
	case "tif":
		return "image/tiff"
	case "pdf", "zip", "rtf", "json", "xml":
		return "application/" + ext
	case "doc":
		return "application/msword"
	case "xls":
		return "application/vnd.ms-excel"
	case "ppt":
		return "application/vnd.ms-powerpoint"
	case "docx":
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	case "xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case "pptx":
		return "application/vnd.openxmlformats-officedocument.presentationml.presentation"
	case "eml":
		return "message/rfc822"
	}
	return "application/octet-stream"
}
