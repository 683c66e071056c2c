package message

import "testing"

// TestHTMLText lays out HTML as people and programs write it.
func TestHTMLText(t *testing.T) {
	for name, c := range map[string]struct{ html, want string }{
		"rows":               {`<table><tr><th>Name</th><th>Qty</th></tr><tr><td>Plug</td><td>2</td></tr></table>`, "Name\tQty\nPlug\t2"},
		"nested lists":       {`<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>`, "* a\n  * b\n* c"},
		"paragraphs in list": {`<ul><li><p>a</p></li><li></li><li><div>b</div></li></ul>`, "* a\n\n*\n* b"},
		"entities":           {`<p>5 &lt 6 &amp 7 &eacute; &#8364; &copy 2024</p>`, "5 < 6 & 7 é € © 2024"},
		"letters of no size": {`<span style="font-size:0">HIDDEN</span><p style="font-size:0pt;">HIDDEN</p><p>x</p>`, "x"},
		"cells of no size":   {`<p>x</p><table><tr><td style="font-size:0px;padding:0"><div style="font-size:0px"><div style="font-size:13px">News</div></div></td></tr></table>`, "x\n\nNews"},
		"size below one":     {`<span style="font-size:0.8em">x</span>`, "x"},
		"gap above quote":    {`<p>a</p><blockquote>b<br>c</blockquote><p>d</p>`, "a\n\n> b\n> c\n\nd"},
		"empty lines":        {`<p>a<o:p></o:p></p><p><o:p>&nbsp;</o:p></p><p>b</p><div>c</div><div>&nbsp;</div><div>d</div>`, "a\n\nb\n\nc\n\nd"},
		"filled preheader":   {`<div>x&zwnj;&nbsp;&zwnj;&nbsp;&zwnj;&nbsp;</div><div>&zwnj;&nbsp;&#847;</div><p>y</p>`, "x\n\ny"},
		"Persian":            {`<p>می&zwnj;خواهم</p>`, "می\u200cخواهم"},
		"blocks":             {`<main>a</main><nav>b</nav><aside>c</aside><select><option>d</option><option>e</option></select>`, "a\nb\nc\nd\ne"},
	} {
		if got := htmlToText(c.html); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
