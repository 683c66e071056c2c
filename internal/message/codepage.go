package message

import "strconv"

// codePageName names the charset of a Windows code page.
func codePageName(page uint32) string {
	switch page {
	case 0:
		return ""
	case 65001:
		return "utf-8"
	case 1200:
		return "utf-16le"
	case 20127:
		return "us-ascii"
	case 20866:
		return "koi8-r"
	case 21866:
		return "koi8-u"
	case 10000:
		return "macintosh"
	case 50220, 50221, 50222:
		return "iso-2022-jp"
	case 50225:
		return "iso-2022-kr"
	case 51932:
		return "euc-jp"
	case 51949:
		return "euc-kr"
	case 52936:
		return "hz-gb-2312"
	case 54936:
		return "gb18030"
	}
	if page >= 28591 && page <= 28605 {
		return "iso-8859-" + strconv.Itoa(int(page-28590))
	}
	return "cp" + strconv.Itoa(int(page))
}
