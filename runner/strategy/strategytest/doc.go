// Package strategytest is the contract that every strategy keeps: a dump is proven or failed, a cut one never counts,
// a restore that is refused at its end changes nothing, and one that is done brings everything back.
package strategytest
