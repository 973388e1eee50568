// Package strategytest is the contract that every strategy keeps, run against a real service: a dump is proven or
// failed, a cut one never counts, a restore that is refused at its end changes nothing, and one that is done brings
// everything back: into the service it came from, after damage, into a fresh one, and by hand. A dump under a writer
// is of one moment. Each time the whole state is compared, not counted.
//
// A test describes its engine as a Source; ends.go has the streams that fail on purpose.
package strategytest
