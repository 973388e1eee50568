package sqlitefile

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// as does something with the rights of a file's owner, in all threads of this process: what comes into being belongs to
// him, and nothing can be reached that he cannot reach. Whoever is not root has but one identity and keeps it. An
// identity that cannot be given back is an error that nobody should go on after.
func as(uid, gid uint32, do func() error) error {
	if os.Geteuid() != 0 || uid == 0 {
		return do()
	}
	groups, err := syscall.Getgroups()
	if err != nil {
		return fmt.Errorf("ask for our own groups: %w", err)
	}
	err = errors.Join(syscall.Setgroups([]int{int(gid)}), syscall.Setresgid(-1, int(gid), -1), syscall.Setresuid(-1, int(uid), -1))
	if err != nil {
		err = fmt.Errorf("become the file's owner %d:%d: %w", uid, gid, err)
	} else {
		err = do()
	}
	if back := errors.Join(syscall.Setresuid(-1, 0, -1), syscall.Setresgid(-1, 0, -1), syscall.Setgroups(groups)); back != nil {
		return errors.Join(err, fmt.Errorf("become root again: %w", back))
	}
	return err
}
