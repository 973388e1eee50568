package target

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	claimName = "simpledeploy.json"
	maxClaim  = 64 << 10
)

// claim is the content of <instance>/simpledeploy.json.
type claim struct {
	Format    int       `json:"format"`
	Instance  string    `json:"instance"`
	Store     string    `json:"store"`
	ClaimedAt time.Time `json:"claimed_at"`
}

// Claim marks the instance's folder as that of the store with this id. A folder that another store claimed is an
// *ErrClaimed, unless it is adopted: two hosts called "raspberrypi" would otherwise prune each other's backups.
func (t *Target) Claim(ctx context.Context, instance, storeID string, adopt bool) error {
	t.claiming.Lock() // two runs that write a new claim at once would move each other's file away
	defer t.claiming.Unlock()
	key := partName(instance) + "/" + claimName
	if storeID == "" {
		return t.wrap("claim", key, errors.New("the store has no id"))
	}
	owner, err := t.claimedBy(ctx, key)
	switch {
	case err == nil && owner == storeID:
		return nil
	case errors.Is(err, errNoClaim) && !adopt:
		return t.wrap("claim", key, err)
	case err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, errNoClaim):
		return err
	case err == nil && !adopt:
		return &ErrClaimed{Target: t.name, Instance: instance, Owner: owner}
	}
	b, err := json.MarshalIndent(claim{Format: 1, Instance: instance, Store: storeID, ClaimedAt: time.Now().UTC()}, "", "  ")
	if err != nil {
		return t.wrap("claim", key, err)
	}
	b = append(b, '\n')
	if _, err := t.Put(ctx, key, bytes.NewReader(b), PutOptions{Size: int64(len(b))}); err != nil {
		return err
	}
	// Read back: of two that claim at the same moment one finds the other's id.
	owner, err = t.claimedBy(ctx, key)
	if err != nil {
		return err
	}
	if owner != storeID {
		return &ErrClaimed{Target: t.name, Instance: instance, Owner: owner}
	}
	return nil
}

// Claimed says whether the instance's folder is marked as that of the store with this id: ErrNotFound when nobody
// marked it, an *ErrClaimed when somebody else did. It never writes.
func (t *Target) Claimed(ctx context.Context, instance, storeID string) error {
	owner, err := t.claimedBy(ctx, partName(instance)+"/"+claimName)
	if err == nil && owner != storeID {
		return &ErrClaimed{Target: t.name, Instance: instance, Owner: owner}
	}
	return err
}

var errNoClaim = errors.New("it is not a claim that this version can read: look at it, then take the folder over with `rescan --adopt`")

func (t *Target) claimedBy(ctx context.Context, key string) (string, error) {
	body, _, err := t.Open(ctx, key)
	if err != nil {
		return "", err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, maxClaim))
	if err != nil {
		return "", err
	}
	var c claim
	if err := json.Unmarshal(b, &c); err != nil || c.Store == "" {
		return "", fmt.Errorf("%w (%d bytes)", errNoClaim, len(b))
	}
	return c.Store, nil
}
