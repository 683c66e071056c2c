package message

import "testing"

func TestMarkedText(t *testing.T) {
	for name, c := range map[string]struct{ html, want string }{
		"Gmail":          {`<div>new</div><div class="gmail_quote"><div class="gmail_attr">On 1 May, A:<br></div><blockquote>old</blockquote></div>`, "new\n\x1cOn 1 May, A:\n> old"},
		"Outlook":        {`<p>new</p><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p><b>From:</b> A</p></div>`, "new\n\n\x1cFrom: A"},
		"Outlook.com":    {`<div>new</div><hr tabindex="-1"><div id="divRplyFwdMsg">From: A</div>`, "new\n\x1c________________________________\nFrom: A"},
		"signature":      {`<div>new</div><div class="gmail_signature"><div>A</div><div>B</div></div><div class=yahoo_quoted>old</div>`, "new\n\x1dA\nB\x1e\n\x1cold"},
		"empty":          {`new<div class="gmail_signature"></div>`, "new"},
		"forged":         {"a&#28;b\x1cc", "abc"},
		"indented":       {`a<blockquote style="margin: 0 0 0 40px; border: none; padding: 0px;">b<blockquote>c</blockquote></blockquote>d</blockquote>`, "a\nb\n> c\n\nd"},
		"only the outer": {`<div class=gmail_quote>a<div class=gmail_quote>b</div></div>`, "\x1ca\nb"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := markedText(c.html); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
