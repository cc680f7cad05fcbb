//! How a simulation is shown to people.

use countersign::provision::Simulation;
use countersign::provision::simulate::{Excess, Held, PersonChange, Standing};

use crate::policy::until;
use crate::style::{Line, Page, Table, bad, counted, dim, good, name, number, plain, warn};

/// What a person reads of it: the reasons against it, then what it does, to whom.
pub(super) fn page(simulation: &Simulation, excesses: &[Excess]) -> Page {
    let mut page = Page::new();
    for excess in excesses.iter().skip(1) {
        page.line(bad("also").and(format!(": {}: {excess}", excess.code())));
    }
    if !excesses.is_empty() {
        page.blank();
    }
    summary(simulation, &mut page);
    roles(simulation, &mut page);
    connections(simulation, &mut page);
    people(simulation, &mut page);
    rules(simulation, &mut page);
    page
}

/// A count of people; quiet where there are none.
fn count(people: u64, tone: fn(String) -> Line) -> Line {
    match people {
        0 => dim("-"),
        people => tone(number(people)),
    }
}

/// A long table under `heading`: a name, counts, and what else there is to say.
fn counts<const COLUMNS: usize>(heading: [&str; COLUMNS]) -> Table {
    let inner = 1..COLUMNS.saturating_sub(1);
    let mut table = inner.fold(Table::new().folded(), Table::right);
    table.row(heading.map(dim));
    table
}

/// A count, and what share of all it is; quiet where there is nothing to see.
fn share(count: u64, of: u64, tone: fn(String) -> Line) -> [Line; 2] {
    if count == 0 {
        return [dim("none"), plain("")];
    }
    let tenths = u128::from(count)
        .saturating_mul(1000)
        .checked_div(u128::from(of));
    let tenths = tenths.unwrap_or_default();
    let (whole, tenth) = (tenths / 10, tenths % 10);
    [tone(number(count)), dim(format_args!("{whole}.{tenth}%"))]
}

fn summary(simulation: &Simulation, page: &mut Page) {
    let Simulation {
        people,
        sign_ins,
        losing,
        ..
    } = simulation;
    let is_same = simulation.affected.is_empty() && simulation.unlisted == 0;
    let change = match (is_same, losing) {
        (true, _) => good("nothing changes"),
        (false, 0) => good("nobody loses anything"),
        (false, 1) => warn("1 person loses a role or access"),
        (false, losing) => warn(format_args!(
            "{} people lose a role or access",
            number(*losing)
        )),
    };
    let of = match people {
        1 => ", of 1 person in ".to_owned(),
        people => format!(", of {} people in ", number(*people)),
    };
    page.line(change.and(of).and(match sign_ins {
        1 => "1 sign-in".to_owned(),
        sign_ins => format!("{} sign-ins", number(*sign_ins)),
    }));
    let mut table = Table::new().right(1).right(2);
    let tone_bad: fn(String) -> Line = bad;
    for (what, count, tone) in [
        ("lose access", simulation.losing_access, tone_bad),
        ("lose a role", simulation.losing_a_role, bad),
        ("gain access", simulation.gaining_access, good),
        ("gain a role", simulation.gaining_a_role, good),
        ("another time or scope", simulation.changed, warn),
    ] {
        let [count, share] = share(count, *people, tone);
        table.row([plain(what), count, share, plain("")]);
    }
    page.table(table);
    if let (Some(first), Some(last)) = (simulation.first, simulation.last) {
        page.line(dim(format_args!("signed in from {first} to {last}")));
    }
}

fn roles(simulation: &Simulation, page: &mut Page) {
    let mut table = counts([
        "role",
        "before",
        "after",
        "lose it",
        "gain it",
        "otherwise",
        "",
    ]);
    for (role, totals) in &simulation.roles {
        table.row([
            name(role),
            plain(number(totals.before)),
            plain(number(totals.after)),
            count(totals.lost, bad),
            count(totals.gained, if totals.privileged { warn } else { good }),
            count(totals.changed, warn),
            if totals.privileged {
                warn("privileged")
            } else {
                plain("")
            },
        ]);
    }
    page.heading("roles, by people");
    page.table(table);
}

fn connections(simulation: &Simulation, page: &mut Page) {
    if simulation.connections.len() < 2 {
        return;
    }
    let mut table = counts([
        "connection",
        "people",
        "lose access",
        "gain access",
        "lose a role",
        "gain a role",
        "",
    ]);
    for (connection, totals) in &simulation.connections {
        table.row([
            name(connection),
            plain(number(totals.people)),
            count(totals.losing_access, bad),
            count(totals.gaining_access, good),
            count(totals.losing_a_role, bad),
            count(totals.gaining_a_role, good),
            plain(""),
        ]);
    }
    page.heading("connections, by people");
    page.table(table);
}

fn people(simulation: &Simulation, page: &mut Page) {
    let who = |change: &PersonChange| match &change.email {
        Some(email) => plain(email),
        None => plain(change.subject.subject()),
    };
    let mut losing = Table::new().folded();
    let mut gaining = Table::new().folded();
    let mut otherwise = Table::new().folded();
    for change in &simulation.affected {
        let at = || dim(&change.connection);
        let because = |standing: &Standing| {
            let reason = standing.reason.as_ref();
            reason.map_or_else(|| plain(""), plain)
        };
        if change.loses_access() {
            losing.row([who(change), at(), bad("access"), because(&change.after)]);
        }
        if change.gains_access() {
            gaining.row([who(change), at(), good("access"), because(&change.after)]);
        }
        for (role, cause) in &change.lost {
            losing.row([who(change), at(), name(role), plain(cause)]);
        }
        for (role, cause) in &change.gained {
            let before = plain("before: ").and(plain(cause));
            gaining.row([who(change), at(), name(role), before]);
        }
        for (role, altered) in &change.changed {
            let terms = |held: &Held| {
                let mut terms = until(held.expires_at);
                let scope: Vec<_> = held.scope.iter().map(ToString::to_string).collect();
                if !scope.is_empty() {
                    terms = terms.and(format!(" for {}", scope.join(", ")));
                }
                terms
            };
            let line = terms(&altered.before)
                .and(", then ")
                .and(terms(&altered.after));
            otherwise.row([who(change), at(), name(role), line]);
        }
    }
    page.section("who loses what", losing);
    page.section("who gains what", gaining);
    page.section("who has what for another time or scope", otherwise);
    if simulation.unlisted > 0 {
        let unlisted = number(simulation.unlisted);
        page.line(dim(format_args!(
            "  and {unlisted} more people (--listing counts how many are listed)"
        )));
    }
}

fn rules(simulation: &Simulation, page: &mut Page) {
    let mut table = counts(["rule", "matched", "matches", "losing", "gaining", ""]);
    let mut any = false;
    for (rule, totals) in &simulation.rules {
        let differs = totals.matched_before != totals.matched_after
            || totals.losing > 0
            || totals.gaining > 0
            || totals.in_old != totals.in_new;
        if differs {
            any = true;
            // A rule that is not there does not match nobody.
            let matches = |is_there: bool, matches: u64| match is_there {
                true => plain(number(matches)),
                false => dim("-"),
            };
            table.row([
                name(rule),
                matches(totals.in_old, totals.matched_before),
                matches(totals.in_new, totals.matched_after),
                count(totals.losing, plain),
                count(totals.gaining, plain),
                match (totals.in_old, totals.in_new) {
                    (false, true) => good("new"),
                    (true, false) => bad("gone"),
                    _ => plain(""),
                },
            ]);
        }
    }
    if any {
        page.heading("rules that differ, by sign-ins and people");
        page.table(table);
    }
    let idle: Vec<_> = simulation.never_matched().collect();
    if !idle.is_empty() {
        let mut table = Table::new().folded();
        for rule in &idle {
            table.row([name(rule)]);
        }
        let heading = format!(
            "{} of the new policy that matched nobody",
            counted(idle.len(), "rule")
        );
        page.section(heading, table);
    }
}
