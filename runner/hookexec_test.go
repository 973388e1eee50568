package runner

import (
	"strings"
	"testing"

	"github.com/simpledeploy/backup/runner/strategy"
)

func TestLastOutput_KeepsTheEndHoweverItIsWritten(t *testing.T) {
	long := strings.Repeat("0123456789abcdef\n", 3000)
	for _, size := range []int{1, 7, 4096, hookOutput, hookOutput + 1, len(long)} {
		var o lastOutput
		for rest := long; rest != ""; {
			n := min(size, len(rest))
			if _, err := o.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if got, more := o.text(); got != long[len(long)-hookOutput:] || !more {
			t.Errorf("in pieces of %d: kept %d bytes (more: %t), want the last %d", size, len(got), more, hookOutput)
		}
	}
	var o lastOutput
	_, _ = o.Write([]byte("short"))
	if got, more := o.text(); got != "short" || more {
		t.Errorf("kept %q (more: %t)", got, more)
	}
}

func TestLastWords_AreOneBoundedLine(t *testing.T) {
	for output, want := range map[string]string{
		"":                             "",
		"\n \n":                        "",
		"one\ntwo\n\n":                 ": two",
		strings.Repeat("é", 400) + "x": ": …" + strings.Repeat("é", 149) + "x",
	} {
		if got := lastWords(output); got != want {
			t.Errorf("of %.20q: %q, want %q", output, got, want)
		}
	}
}

func TestDeclares_OnlyTheVerySameCommand(t *testing.T) {
	info := strategy.Info{Labels: map[string]string{"simpledeploy.backup.post": " php artisan up\n", "other": "x"}}
	if !declares(info, "php artisan up") {
		t.Error("the same command, as the labels are trimmed, is not recognised")
	}
	for _, command := range []string{"php artisan", "", "php artisan down"} {
		if declares(info, command) {
			t.Errorf("%q is taken for it", command)
		}
	}
}
