package store

import (
	"fmt"
	"slices"
)

// networkFileSystem names the file system behind a statfs magic number, or behind the type that the mount table gives to
// a FUSE mount; "" when SQLite's log works there. FUSE as such is fine (mergerfs, virtiofs, shfs): only those that speak
// to another machine are not.
func networkFileSystem(magic uint32, fuse string) string {
	switch magic {
	case 0x6969:
		return "nfs"
	case 0x517b, 0xff534d42, 0xfe534d42:
		return "smb"
	case 0x01021997:
		return "9p"
	case 0x00c36400:
		return "ceph"
	case 0x5346414f, 0x6b414653:
		return "afs"
	case 0x73757245:
		return "coda"
	case 0x0bd00bd0:
		return "lustre"
	case 0x01161970:
		return "gfs2"
	case 0x7461636f:
		return "ocfs2"
	case 0x65735546:
		remote := []string{"sshfs", "s3fs", "rclone", "glusterfs", "gcsfuse", "goofys", "juicefs", "mount-s3", "davfs", "curlftpfs", "smbnetfs", "ceph-fuse", "seaweedfs", "moosefs", "mfs"}
		if slices.Contains(remote, fuse) {
			return fuse
		}
	}
	return ""
}

func networkError(path, kind string) error {
	return fmt.Errorf("%s: %w (%s), where SQLite's locks and write-ahead log do not work: put DATA_DIR on a local disk; backups themselves may go anywhere as a target", path, ErrNetworkFileSystem, kind)
}
