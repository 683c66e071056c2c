package message

// The defaults of [Limits].
const (
	defaultDepth       = 20
	defaultParts       = 1000
	defaultHeaderBytes = 256 << 10
	defaultTextBytes   = 1 << 20
	// maxField bounds one field, in octets; its rest is not looked at.
	maxField = 64 << 10
	// maxPartHeaders bounds the headers of all parts of a mail together, in
	// octets: a thousand parts with a header of the full size each would cost a
	// gigabyte.
	maxPartHeaders = 2 << 20
	// maxPartFields bounds the fields of all parts together.
	maxPartFields = 50_000
	// maxBoundary bounds a boundary, in octets. RFC 2046 §5.1.1 allows 70, some
	// programs write more.
	maxBoundary = 200
	// maxFields bounds the fields of one header section: a mebibyte of
	// two-octet fields would cost far more memory than it has octets.
	maxFields = 10_000
	// maxProblems keeps a mail with a thousand defects from filling its action.
	maxProblems = 50
)

// withDefaults fills in what is not set.
func (l Limits) withDefaults() Limits {
	if l.Depth <= 0 {
		l.Depth = defaultDepth
	}
	if l.Parts <= 0 {
		l.Parts = defaultParts
	}
	if l.HeaderBytes <= 0 {
		l.HeaderBytes = defaultHeaderBytes
	}
	if l.TextBytes <= 0 {
		l.TextBytes = defaultTextBytes
	}
	return l
}

// addProblem notes a problem once.
func addProblem(list []string, text string) []string {
	if len(list) >= maxProblems {
		return list
	}
	for _, p := range list {
		if p == text {
			return list
		}
	}
	return append(list, text)
}
