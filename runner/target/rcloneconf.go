package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config"
	"github.com/rclone/rclone/fs/config/configfile"
)

// installConfig makes rclone read its variables and its configuration file now. rclone itself reads the file with
// the first use of a remote, ends the process when it cannot, and asks the terminal for the password of an encrypted
// one: here each of these is an error at the start.
func installConfig(files []string) error {
	routeLog(nil) // without a file rclone says so in its log; that is no news
	path, err := findConfig(files)
	if err != nil {
		return err
	}
	if err := config.SetConfigPath(path); err != nil {
		return fmt.Errorf("use the rclone configuration %s: %w", path, err)
	}
	configfile.Install()
	if err := fs.GlobalOptionsInit(); err != nil {
		return fmt.Errorf("read the RCLONE_ variables: %w", err)
	}
	ci := fs.GetConfig(context.Background()) // the global settings
	ci.AskPassword = false
	ci.DryRun, ci.Interactive = false, false // a backup that was only pretended must not be possible
	if path == "" {
		return nil
	}
	if err := config.Data().Load(); err != nil && !errors.Is(err, config.ErrorConfigFileNotFound) {
		return fmt.Errorf("read the rclone configuration %s: %w%s", path, err, remedy(path))
	}
	config.LoadedData() // the file was read a moment ago: this no longer ends the process
	return nil
}

// findConfig is RCLONE_CONFIG, which must exist, else the first file that is there. If none is, the first place is
// where rclone would write renewed tokens to.
func findConfig(files []string) (string, error) {
	if named := os.Getenv("RCLONE_CONFIG"); named != "" {
		if _, err := os.Stat(named); err != nil {
			return "", fmt.Errorf("read the rclone configuration that RCLONE_CONFIG names: %w", err)
		}
		return named, nil
	}
	for _, file := range files {
		_, err := os.Stat(file)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("read the rclone configuration: %w", err)
		}
	}
	if len(files) > 0 {
		return files[0], nil
	}
	return "", nil
}

func remedy(path string) string {
	b, err := os.ReadFile(path)
	if err == nil && strings.Contains(string(b), "RCLONE_ENCRYPT_V") {
		return ": it is encrypted: set RCLONE_CONFIG_PASS to its password"
	}
	return ": mend the file, or remove it and use RCLONE_CONFIG_ variables"
}
