package store

import (
	"errors"
	"testing"
	"time"
)

func TestPutHook_ComesBackWithItsRunAndGoesWithIt(t *testing.T) {
	s, _ := openTest(t)
	no(t, s.CreateRun(t.Context(), testRun("r", Failed, start)))
	pre := Hook{RunID: "r", Attempt: 1, Name: "pre", State: HookOK, Output: "ready\n", Took: 1200 * time.Millisecond, At: start}
	post := Hook{RunID: "r", Attempt: 1, Name: "post", State: HookFailed, ExitCode: 3, Output: "no", Truncated: true, Error: "exit code 3", At: start}
	again := Hook{RunID: "r", Attempt: 2, Name: "pre", State: HookTimeout, At: start.Add(time.Second)}
	for _, h := range []Hook{post, again, {RunID: "r", Attempt: 1, Name: "pre", State: HookFailed, At: start}, pre} {
		no(t, s.PutHook(t.Context(), h))
	}
	run, err := s.Run(t.Context(), "r")
	no(t, err)
	same(t, "hooks", []Hook{pre, post, again}, run.Hooks)

	_, err = s.PruneHistory(t.Context(), start.Add(time.Hour))
	no(t, err)
	left, err := s.hooks(t.Context(), "r")
	no(t, err)
	same(t, "hooks of a run that is forgotten", 0, len(left))
}

func TestPutHook_OfNoRunIsRefused(t *testing.T) {
	s, _ := openTest(t)
	if err := s.PutHook(t.Context(), Hook{RunID: "nope", Name: "pre"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}
