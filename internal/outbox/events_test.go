package outbox

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEventsAreListedInTheDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for line := range strings.Lines(string(b)) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "`"); ok && strings.HasPrefix(line, "| `outbox-") {
			documented = append(documented, name)
		}
	}
	if diff := cmp.Diff(Events(), documented); diff != "" {
		t.Errorf("outbox.Events and docs/events.md differ (-code +docs):\n%s", diff)
	}
}
