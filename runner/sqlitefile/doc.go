// Package sqlitefile copies SQLite databases that others have open, and puts them back. It runs inside the helper
// container.
//
//	database → copy in the run's folder → integrity_check, counts → stream
//
// Find promises that nothing is left out silently: what was named and is not there, or is no database, is an error that
// names it. Dump promises that each copy is the database at one moment, what stands in a -wal file included: it is read
// in one transaction, under SQLite's own locks, page by page. A database that somebody holds exclusively is an error
// after a bounded time. Nothing is written to a database; only what SQLite itself leaves beside one (-wal, -shm) comes
// and goes, with the database's own owner and mode. A copy that does not pass integrity_check ends the dump. The
// copies are gone when Dump returns.
//
// One database is streamed as it is. Several are a PAX tar with their container paths, less the leading slash, as
// members. What the single file's form cannot hold (path, mode, owner, time) is told in the result.
//
// Restore promises what filetree.Restore does: everything is unpacked beside the files, checked, counted, and only then
// swapped under a journal, together with the removal of what the replaced databases left beside them: a -wal of the old
// one would be played into the new one. Recover finishes or undoes what a crash left.
package sqlitefile
