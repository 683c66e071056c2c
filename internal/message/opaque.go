package message

// signedContent returns what an opaque signature (application/pkcs7-mime, RFC
// 8551 §3.5.2) signs, without looking at the signature: the OCTET STRING in
// SignedData.encapContentInfo (RFC 5652 §5.1), in BER as mail programs write
// it. It returns nil when b is anything else, such as encrypted.
func signedContent(b []byte) []byte {
	const (
		sequence, oid, explicit = 0x30, 0x06, 0xa0
		signedData              = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
	)
	info := berReader{b: b}.enter(sequence)
	if kind, _ := info.next(); kind.tag != oid || string(kind.value) != signedData {
		return nil
	}
	signed := info.enter(explicit).enter(sequence)
	signed.next() // version
	signed.next() // digest algorithms
	content := signed.enter(sequence)
	content.next() // its type
	var out []byte
	content.enter(explicit).octets(&out, 0)
	return out
}

// berReader reads elements of BER one after another.
type berReader struct{ b []byte }

type berElement struct {
	tag    byte
	value  []byte // to the end of the input when the length is not known
	length bool   // known
}

// next reads an element; the length of one without is found by reading it.
func (r *berReader) next() (berElement, bool) {
	e, rest, ok := cutBER(r.b)
	if !ok {
		r.b = nil
		return berElement{}, false
	}
	if !e.length {
		rest = skipBER(e.value, 0)
	}
	r.b = rest
	return e, true
}

// enter returns a reader of what the next element holds, an empty one when its
// tag is another.
func (r berReader) enter(tag byte) berReader {
	e, _, ok := cutBER(r.b)
	if !ok || e.tag != tag {
		return berReader{}
	}
	return berReader{b: e.value}
}

// octets joins an OCTET STRING that may come in pieces.
func (r berReader) octets(out *[]byte, depth int) {
	for len(r.b) > 0 && depth < 4 {
		e, ok := r.next()
		switch {
		case !ok || e.tag == 0:
			return
		case e.tag == 0x04:
			*out = append(*out, e.value...)
		case e.tag == 0x24:
			berReader{b: e.value}.octets(out, depth+1)
		}
	}
}

// cutBER reads the head of an element.
func cutBER(b []byte) (e berElement, rest []byte, ok bool) {
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return berElement{}, nil, false
	}
	e.tag = b[0]
	n, b := int(b[1]), b[2:]
	switch {
	case n == 0x80:
		e.value = b
		return e, nil, true
	case n > 0x80:
		count := n & 0x7f
		if count > 4 || count > len(b) {
			return berElement{}, nil, false
		}
		n = 0
		for _, c := range b[:count] {
			n = n<<8 | int(c)
		}
		b = b[count:]
	}
	if n < 0 || n > len(b) {
		return berElement{}, nil, false
	}
	e.value, e.length = b[:n], true
	return e, b[n:], true
}

// skipBER returns what follows the end mark of an element whose length is not
// known.
func skipBER(b []byte, depth int) []byte {
	for len(b) > 0 && depth < 16 {
		e, rest, ok := cutBER(b)
		switch {
		case !ok:
			return nil
		case e.tag == 0 && len(e.value) == 0:
			return rest
		case e.length:
			b = rest
		default:
			b = skipBER(e.value, depth+1)
		}
	}
	return nil
}
