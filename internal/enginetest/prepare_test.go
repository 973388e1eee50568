package enginetest_test

import (
	"strings"
	"testing"

	"github.com/simpledeploy/backup/internal/enginetest"
)

func TestPrepare_UnknownEngineIsRefusedBeforeAnythingIsMade(t *testing.T) {
	images, err := enginetest.Prepare(t.Context(), "base", "postgress")
	if err == nil || !strings.Contains(err.Error(), `"postgress"`) || len(images) > 0 {
		t.Errorf("%v, %v", images, err)
	}
}
