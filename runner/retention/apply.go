package retention

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Apply decides on every backup, newest first. Days, weeks and months are those of loc's calendar.
//
// The rules count good backups only. Backups that are not good but newer than the newest good one stand in for it:
// the rules are applied to them on their own, and the newest of them is kept in any case.
func (p Policy) Apply(backups []Backup, now time.Time, loc *time.Location) []Decision {
	if loc == nil {
		loc = time.UTC
	}
	decisions := make([]Decision, len(backups))
	for i, b := range backups {
		decisions[i].Backup = b
	}
	slices.SortStableFunc(decisions, func(a, b Decision) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.ID, a.ID))
	})
	var good, partial []*Decision // partial: only those newer than the newest good one
	for i := range decisions {
		d := &decisions[i]
		if d.Pinned {
			d.keep("pinned")
		}
		switch {
		case p == Policy{}:
			d.keep("everything is kept")
		case p.Within > 0 && d.Time.After(now.Add(-p.Within)):
			d.keep("within " + age(p.Within))
		}
		switch {
		case d.Good:
			good = append(good, d)
		case len(good) == 0:
			partial = append(partial, d)
		}
	}
	p.count(good, loc)
	p.floor(good)
	p.standIn(partial, good, loc)
	for i := range decisions {
		if d := &decisions[i]; !d.Keep {
			d.Reasons = []string{p.why(*d)}
		}
	}
	return decisions
}

func (d *Decision) keep(reason string) {
	d.Keep = true
	d.Reasons = append(d.Reasons, reason)
}

// why says why a backup goes.
func (p Policy) why(d Decision) string {
	if !d.Good {
		return "partial, and there are newer ones"
	}
	return "outside " + p.String()
}

// count applies the rules that count: the last ones, and the newest of each hour, day, week, month and year.
func (p Policy) count(good []*Decision, loc *time.Location) {
	for i, d := range good {
		if i < p.Last {
			d.keep("last " + strconv.Itoa(p.Last))
		}
	}
	for _, rule := range []struct {
		name   string
		n      int
		period func(time.Time) (id, shown string)
	}{
		{"hourly", p.Hourly, hour},
		{"daily", p.Daily, plain("2006-01-02")},
		{"weekly", p.Weekly, week},
		{"monthly", p.Monthly, plain("2006-01")},
		{"yearly", p.Yearly, plain("2006")},
	} {
		before, left := "", rule.n
		for _, d := range good {
			id, shown := rule.period(d.Time.In(loc))
			if left > 0 && id != before {
				d.keep(rule.name + " " + shown)
				before = id
				left--
			}
		}
	}
}

func plain(layout string) func(time.Time) (string, string) {
	return func(t time.Time) (string, string) { return t.Format(layout), t.Format(layout) }
}

// hour tells the two hours apart that have the same name when summer time ends.
func hour(t time.Time) (string, string) {
	return t.Format("2006-01-02 15 -0700"), t.Format("2006-01-02 15:00")
}

// week is the ISO week, whose year is not always that of the day.
func week(t time.Time) (string, string) {
	year, n := t.ISOWeek()
	s := fmt.Sprintf("%d-W%02d", year, n)
	return s, s
}

// floor keeps the newest good backup, whatever the rules say.
func (p Policy) floor(good []*Decision) {
	switch {
	case len(good) == 1 && !good[0].Keep:
		good[0].keep("the only good one")
	case len(good) > 1 && !good[0].Keep:
		good[0].keep("the newest good one")
	}
}

// standIn keeps partial backups that are newer than the newest good one, as many as the rules would keep of good ones.
func (p Policy) standIn(partial, good []*Decision, loc *time.Location) {
	if len(partial) == 0 {
		return
	}
	reason := "partial, and there is no good one"
	if len(good) > 0 {
		reason = "partial, newer than the newest good one of " + good[0].Time.In(loc).Format("2006-01-02 15:04")
	}
	scratch := make([]Decision, len(partial))
	refs := make([]*Decision, len(partial))
	for i, d := range partial {
		scratch[i].Backup = d.Backup
		refs[i] = &scratch[i]
	}
	p.count(refs, loc)
	for i, d := range partial {
		if i == 0 || scratch[i].Keep {
			d.keep(reason)
		}
	}
}
