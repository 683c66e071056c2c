package templates

import "testing"

// BenchmarkRender makes the mail of each event with the built-in templates.
func BenchmarkRender(b *testing.B) {
	s, d := load(b, "", "en"), Sample()
	for _, event := range Events() {
		b.Run(event, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Render(event, d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
