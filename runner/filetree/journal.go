package filetree

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Phases of a swap. Until "out" nothing has been touched, and a crash is undone by removing the hidden folder; from
// "out" on it is finished. "undo…" go the way back after a step has failed.
const (
	phaseReady    = "ready"     // unpacked and on disk
	phaseOut      = "out"       // the children go to old/
	phaseKeep     = "keep"      // what stays goes from old/ to new/
	phaseIn       = "in"        // the children of new/ come in
	phaseDone     = "done"      // only the hidden folder is left to remove
	phaseUndoIn   = "undo-in"   // what came in goes back to new/
	phaseUndoKeep = "undo-keep" // what stays goes back to old/
	phaseUndoOut  = "undo-out"  // the children of old/ come back
	phaseUndone   = "undone"    // only the hidden folder is left to remove
)

// state is the journal of one place. It is written whole, under another name first, and is on disk before the step
// that it tells of begins.
type state struct {
	Phase string `json:"phase"`
	Only  string `json:"only,omitempty"`
	New   *meta  `json:"new,omitempty"`
	Old   *meta  `json:"old,omitempty"`
}

// meta is the metadata of a root itself, which cannot be renamed.
type meta struct {
	Mode, UID, GID uint32
	Sec, Nsec      int64
	Xattrs         []metaXattr
}

type metaXattr struct {
	Name  string
	Value []byte
}

func readMeta(fd int) (*meta, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	list, err := fdXattrs(fd, make([]byte, 64<<10))
	if err != nil {
		return nil, err
	}
	h := &header{xattrs: list}
	h.fill(&st)
	return metaOf(h), nil
}

func metaOf(h *header) *meta {
	if h == nil {
		return nil
	}
	m := &meta{Mode: h.mode, UID: h.uid, GID: h.gid, Sec: h.sec, Nsec: h.nsec}
	for _, x := range h.xattrs {
		m.Xattrs = append(m.Xattrs, metaXattr{x.Name, []byte(x.Value)})
	}
	return m
}

// apply gives an open file or folder this metadata, and takes away attributes that it does not hold.
func (m *meta) apply(fd int) error {
	now, err := readMeta(fd)
	if err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	h := &header{kind: kindFolder, mode: m.Mode, uid: m.UID, gid: m.GID, sec: m.Sec, nsec: m.Nsec}
	wanted := map[string]bool{}
	for _, x := range m.Xattrs {
		h.xattrs = append(h.xattrs, xattr{x.Name, string(x.Value)})
		wanted[x.Name] = true
	}
	for _, x := range now.Xattrs {
		if !wanted[x.Name] {
			err := unix.Fremovexattr(fd, x.Name)
			if err != nil && !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENODATA) {
				return fmt.Errorf("remove extended attribute %q: %w", x.Name, err)
			}
		}
	}
	x := &extractor{notes: &notes{}, lenient: unix.Geteuid() != 0}
	return x.finish(fd, fd, "", h)
}

// write brings the journal to disk.
func (p *place) write(phase string) error {
	p.state.Phase = phase
	b, err := json.Marshal(p.state)
	if err == nil {
		err = p.writeFile("state.tmp", b)
	}
	if err == nil {
		err = unix.Renameat(p.stage, "state.tmp", p.stage, "state")
	}
	if err == nil {
		err = unix.Fsync(p.stage)
	}
	if err != nil {
		return fmt.Errorf("write the journal of the restore in %s: %w", p.root.Path, err)
	}
	return nil
}

func (p *place) writeFile(name string, b []byte) error {
	fd, err := unix.Openat(p.stage, name, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// read loads the journal and the list of what stays. Without a journal the phase is empty.
func (p *place) read() error {
	b, err := p.readFile("state")
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, &p.state)
	}
	if err != nil {
		return fmt.Errorf("read the journal of the restore in %s: %w", p.root.Path, err)
	}
	p.only = p.state.Only
	b, err = p.readFile("kept")
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("read the journal of the restore in %s: %w", p.root.Path, err)
	}
	if len(b) > 0 {
		p.kept = strings.Split(string(b), "\x00")
	}
	return nil
}

func (p *place) readFile(name string) ([]byte, error) {
	fd, err := openBeneath(p.stage, name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", fd))
}
