// Package target keeps backups on any storage that rclone knows, and is the only importer of rclone.
//
// It promises: Put returns nil only once the storage acknowledged every byte (size equal, hash equal where the
// storage keeps one anyway); what a failed Put wrote is removed; a key is not visible before its object is whole,
// where the storage can do that; List, Remove and RemovePartials never leave the folder they are given; nothing is
// written under another prefix than the configured one. Keys and manifests are pure values: names and contents can
// be made and read without any storage.
//
// It does not retry (IsRetryable tells whether that is worth it), does not log, and knows neither jobs' settings
// nor the record. rclone keeps its configuration in global variables: Load is called once, at the start of the
// process, and rclone's own log goes to the logger that it is given.
//
//	transform → Meter → Target.Put → Manifest → Target.Put
//	Target.List → DecodeManifest → Target.Open → transform
package target
