//go:build !lean

package backends

import (
	_ "github.com/rclone/rclone/backend/all" // each backend registers itself with rclone
)
