// Package runner turns labelled containers into backups, and backups into restored services.
//
// Its line of the data flow:
//
//	snapshot of the engine → MakePlan → schedule → queue → run (prepare → hook pre → hold → dump → proof → compress →
//	hash → target → release → hook post → manifest) → copies → record → prune
//
// A group is one run of several jobs, which go through these phases side by side.
//
// It promises: a run is recorded as succeeded only once the source confirmed its dump, the stream was proven whole
// and the targets acknowledged it; a container that was stopped or paused comes back, after a crash too; the last
// good backup of a job is never removed; a restore never destroys what it replaces before the new state is proven.
//
// It does not know Docker, rclone or HTTP: those stand behind Engine, the target package and the status package.
package runner
