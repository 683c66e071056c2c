package templates

import "testing"

func BenchmarkRender(b *testing.B) {
	s, d := load(b, "", "en"), Sample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Render(AgentReply, d); err != nil {
			b.Fatal(err)
		}
	}
}
