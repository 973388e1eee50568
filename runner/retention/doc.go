// Package retention decides which backups of one job are kept, and says why.
//
// It is pure: a policy, the backups and a moment go in, a decision for each backup comes out. Whatever the policy
// says, the newest good backup is kept, a pinned one is kept, and backups that are not good never take the place of
// one that is. It removes nothing itself.
//
//	store.Backups → retention.Apply → runner prunes
package retention
