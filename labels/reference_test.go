package labels

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write generated files anew")

func TestReference_PageIsUpToDate(t *testing.T) {
	const page = "../docs/reference/labels.md"
	if *update {
		if err := os.WriteFile(page, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), Reference()); diff != "" {
		t.Errorf("%s is stale; write it anew with: make docs\n%s", page, diff)
	}
}

func TestKeys_TableIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Keys() {
		switch {
		case seen[k.Name]:
			t.Errorf("%s stands twice", k.Name)
		case k.Values == "" || k.Default == "" || k.Doc == "" || k.set == nil:
			t.Errorf("%s is not whole", k.Name)
		case strings.Contains(k.Name, ".") || !plainName.MatchString(k.Name):
			t.Errorf("%s cannot be told from a job's name", k.Name)
		}
		seen[k.Name] = true
	}
}
