// Package filetree walks folders into a tar stream and puts them back exactly. It runs inside the helper container,
// and, for a restore to a folder, in the command's own process.
//
//	folders → Archive → (proof, compression, target) → Restore → the same folders
//
// Archive promises a valid archive whatever happens to the files meanwhile: one that grows is cut at the size in its
// header, one that shrinks is padded with zeros, one that vanishes is left out, and each is counted and named in the
// Summary. A file that cannot be read for another reason ends the archive with an error: a backup that lacks a file
// is no backup. Sockets are left out and counted. Other mounts below a root are not entered.
//
// The format is PAX tar: modes, numeric owners, times to the nanosecond where the file system has them, extended
// attributes (ACLs are such) as SCHILY.xattr records, hard links, symbolic links, FIFOs and devices. Sparse files are
// written in GNU's sparse format 1.0, so that GNU tar and bsdtar bring back their holes. Members are named by their
// path in the container without the leading slash, as raw bytes.
//
// Restore promises that each root holds what the archive holds and nothing else, but for what an exclude pattern kept
// out of it. Everything is unpacked into a hidden folder beside the files first; only when the stream has ended well
// are the children swapped, under a journal in that folder. Recover finishes or undoes what a crash left.
// A single file that is itself a mount cannot be renamed onto: it is overwritten in place, and a crash in that
// very moment can leave it half written.
//
// Exclude patterns: a pattern without a slash is compared with the name of each file and folder; one with a leading
// slash with its absolute path in the container; any other with its path relative to its root. "*", "?" and "[a-z]"
// stay within one name, "**" stands for any number of folders. A folder that matches is left out with all below it.
//
// Package filetree does not compress, hash the archive it writes, or know of containers.
package filetree
