package retention

import (
	"strconv"
	"strings"
	"time"
)

// Policy says how many backups to keep. Zero everywhere keeps all.
type Policy struct {
	Last    int
	Within  time.Duration
	Hourly  int
	Daily   int
	Weekly  int
	Monthly int
	Yearly  int
}

// Backup is one backup of a job as far as retention cares.
type Backup struct {
	ID     string
	Time   time.Time
	Good   bool // the run succeeded; false: partial, it is held by fewer targets than asked for
	Pinned bool
}

// Decision is what becomes of one backup.
type Decision struct {
	Backup
	Keep    bool
	Reasons []string // why it is kept, or the one reason why not
}

// String is the policy in the grammar of the retention label.
func (p Policy) String() string {
	var parts []string
	add := func(rule string, n int) {
		if n > 0 {
			parts = append(parts, rule+"="+strconv.Itoa(n))
		}
	}
	add("last", p.Last)
	if p.Within > 0 {
		parts = append(parts, "within="+age(p.Within))
	}
	add("hourly", p.Hourly)
	add("daily", p.Daily)
	add("weekly", p.Weekly)
	add("monthly", p.Monthly)
	add("yearly", p.Yearly)
	if len(parts) == 0 {
		return "all"
	}
	return strings.Join(parts, " ")
}

// age writes whole days, hours, minutes as people do: "14d", "36h".
func age(d time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d%u.size == 0 {
			return strconv.FormatInt(int64(d/u.size), 10) + u.name
		}
	}
	return d.String()
}
