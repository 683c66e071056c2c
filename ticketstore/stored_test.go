package ticketstore

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is stored of an action comes back whole, and its words once where all of
// them are fresh. A value that holds them twice, as former versions wrote it, is
// read as well.
func TestStoredActions(t *testing.T) {
	for name, a := range map[string]Action{
		"all fresh":   {Ticket: 1, Seq: 2, Text: "the words", Fresh: "the words", Subject: "x"},
		"with quote":  {Ticket: 1, Seq: 2, Text: "the words\n> quoted", Fresh: "the words"},
		"all quoted":  {Ticket: 1, Seq: 2, Text: "> the words"},
		"without any": {Ticket: 1, Seq: 2},
	} {
		t.Run(name, func(t *testing.T) {
			once, err := json.Marshal(stored(&a))
			if err != nil {
				t.Fatal(err)
			}
			twice, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range [][]byte{once, twice} {
				got, err := decodeAction(b, nil)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(a, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", b, diff)
				}
			}
			if n := strings.Count(string(once), "the words"); n > strings.Count(a.Text+"|"+a.Fresh, "the words") || name == "all fresh" && n != 1 {
				t.Errorf("the words are stored %d times: %s", n, once)
			}
		})
	}
}
