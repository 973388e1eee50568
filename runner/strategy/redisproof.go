package strategy

import (
	"errors"
	"fmt"
	"strconv"
)

// redisProof follows an RDB file, counts its keys and holds its checksum against its content.
type redisProof struct {
	scan      *rdbScan
	current   string
	here      int64            // keys of the current database that are not in keys yet
	keys      map[string]int64 // per database
	libraries int64
}

func newRedisProver() Prover {
	p := &redisProof{keys: map[string]int64{}}
	p.scan = newRDBScan(rdbSink{
		library:  func([]byte) error { p.libraries++; return nil },
		database: func(n uint64) error { p.turn(redisDatabase(n)); return nil },
		begin: func(rdbKey, []byte) error {
			if p.current == "" {
				return errors.New("it has a key outside of a database")
			}
			p.here++
			return nil
		},
	})
	return p
}

// turn goes on with another database.
func (p *redisProof) turn(database string) {
	if p.here > 0 {
		p.keys[p.current] += p.here
	}
	p.current, p.here = database, 0
}

func redisDatabase(n uint64) string { return "db" + strconv.FormatUint(n, 10) }

// Write never fails: what is wrong is told by Proof.
func (p *redisProof) Write(b []byte) (int, error) {
	_ = p.scan.write(b)
	return len(b), nil
}

// Proof is nil only for a file that ended with its mark and, unless the server computes none, its checksum.
func (p *redisProof) Proof() (Proof, error) {
	if err := p.scan.finish(); err != nil {
		return Proof{}, fmt.Errorf("prove dump: %w", err)
	}
	p.turn("")
	return redisCount(p.keys, p.libraries), nil
}

// redisCount is what both the proof of a dump and the count after a restore come to.
func redisCount(keys map[string]int64, libraries int64) Proof {
	total := Proof{Format: "rdb", Detail: map[string]int64{}}
	for name, n := range keys {
		total.Entries += n
		if len(total.Detail) < maxDetailTables {
			total.Detail[name] = n
		}
	}
	if libraries > 0 {
		total.Detail["functions"] = libraries
	}
	return total
}
