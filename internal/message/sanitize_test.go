package message

import (
	"strings"
	"testing"
)

// TestRemoteLoads counts what HTML would fetch, in the ways there are, and
// checks that none of them is left in what is shown.
func TestRemoteLoads(t *testing.T) {
	for html, want := range map[string]int{
		`<img src="http://e.example/p.gif">`:                                          1,
		`<img src="cid:a@b"><img src="data:image/png;base64,AAAA">`:                   0,
		`<a href="http://e.example/">x</a>`:                                           0,
		`<img src="/\e.example/x"><img src="\\e.example\x"><img src=" //e.example/">`: 3,
		`<img src="ftp://e.example/x"><img lowsrc="http://e.example/x">`:              2,
		`<video poster="http://e.example/p" src="http://e.example/v"></video>`:        2,
		`<link rel=prefetch href=//e.example/p>`:                                      1,
		`<meta http-equiv="refresh" content="0;URL=http://e.example/">`:               1,
		`<style>@import "http://e.example/s.css";</style>`:                            1,
		`<style>body{background:url( "http://e.example/b")}</style>`:                  1,
		`<div style="background:URL( '//e.example/b' )">x</div>`:                      1,
		`<div style="background:image-set('http://e.example/b' 1x)">x</div>`:          1,
		`<div style="background:url(cid:b)">x</div>`:                                  0,
		`<svg><image xlink:href="http://e.example/i"/></svg>`:                         1,
		`<svg><use href="http://e.example/u#a"></use></svg>`:                          1,
		`<html manifest="http://e.example/m">x</html>`:                                1,
	} {
		m := read("Subject: x\nContent-Type: text/html\n\n<p>before</p>" + html)
		if m.RemoteLoads != want {
			t.Errorf("%s: %d remote loads, want %d", html, m.RemoteLoads, want)
		}
		if shown := strings.ReplaceAll(m.HTML, `href="http://e.example/"`, ""); strings.Contains(shown, "e.example") {
			t.Errorf("%s is shown as %s", html, m.HTML)
		}
	}
}
