//! Connections, and which fields of an account follow them.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{ConnectionId, RoleName};
use countersign_roles::RoleCatalog;

use super::section::{Section, more_if, pairs, some, text, texts, wider};
use super::{Access, Difference};
use crate::attribute::{AttributeRule, Attributes};
use crate::attribute_names::{AttributeNames, AttributeSource, GroupSource};
use crate::connection::{
    ConnectionPolicy, Creation, CreationMode, EmailLink, Matching, OnInactive, Strategy,
};

type Connections = BTreeMap<ConnectionId, ConnectionPolicy>;

pub(super) fn compare(
    old: &Connections,
    new: &Connections,
    old_roles: &RoleCatalog,
    new_roles: &RoleCatalog,
    all: &mut Vec<Difference>,
) {
    for (id, before, after) in pairs(old, new) {
        let mut section = Section::new(all, "connection", Some(id.to_string()));
        match (before, after) {
            (Some(before), Some(after)) => {
                let bounds = |from: &Option<RoleName>, to: &Option<RoleName>| match (from, to) {
                    (Some(from), Some(to)) => {
                        // What a bound allows is what its role is, in its own policy.
                        match (old_roles.role(from), new_roles.role(to)) {
                            (Some(from), Some(to)) => match (
                                to.excess_over(from).is_some(),
                                from.excess_over(to).is_some(),
                            ) {
                                (true, false) => Access::More,
                                (false, true) => Access::Less,
                                (false, false) => Access::Same,
                                (true, true) => Access::Unclear,
                            },
                            _ => Access::Unclear,
                        }
                    }
                    (_, to) => more_if(to.is_none()),
                };
                connection(before, after, bounds, &mut section);
            }
            (before, after) => {
                let write = |connection: &ConnectionPolicy| {
                    format!("{} from {}", connection.strategy.name(), connection.issuer)
                };
                let access = more_if(after.is_some());
                section.whole(before.map(write), after.map(write), access);
            }
        }
    }
}

fn connection(
    old: &ConnectionPolicy,
    new: &ConnectionPolicy,
    bounds: impl FnOnce(&Option<RoleName>, &Option<RoleName>) -> Access,
    section: &mut Section<'_>,
) {
    let ConnectionPolicy {
        tenant,
        issuer,
        preset,
        attribute_names,
        groups,
        strategy,
        domains,
        max_privilege,
        domains_proved_until,
        matching,
        create,
        door,
        any_domain,
    } = new;
    section.value(
        "door",
        &old.door,
        door,
        |door| Some(format!("{door:?}").to_ascii_lowercase()),
        |_, _| Access::Unclear,
    );
    section.flag("any_domain", old.any_domain, *any_domain, Access::More);
    let unclear = |_: &_, _: &_| Access::Unclear;
    section.value("tenant", &old.tenant, tenant, text, unclear);
    section.value("issuer", &old.issuer, issuer, text, |_, _| Access::Unclear);
    section.value(
        "preset",
        &old.preset,
        preset,
        |preset| text(&preset.name()),
        |_, _| Access::Unclear,
    );
    names(&old.attribute_names, attribute_names, section);
    group_source(&old.groups, groups, section);
    section.value(
        "strategy",
        &old.strategy,
        strategy,
        |s| text(&s.name()),
        |a, b| match (a, b) {
            (Strategy::PreProvisionedOnly, _) => Access::More,
            (_, Strategy::PreProvisionedOnly) => Access::Less,
            _ => Access::Unclear,
        },
    );
    section.set("domains", &old.domains, domains, Access::More);
    for (domain, before, after) in pairs(&old.domains_proved_until, domains_proved_until) {
        let field = format!("proved_until of {domain}");
        let (before, after) = (before.copied(), after.copied());
        section.value(field, &before, &after, some(text), wider);
    }
    section.value(
        "max_privilege",
        &old.max_privilege,
        max_privilege,
        some(text),
        bounds,
    );
    how_it_matches(&old.matching, matching, section);
    how_it_creates(&old.create, create, section);
}

fn how_it_matches(old: &Matching, new: &Matching, section: &mut Section<'_>) {
    let Matching {
        key,
        link,
        on_inactive,
        on_email_change,
        shares_email,
        syncs_names,
    } = new;
    let debug = |value: &dyn std::fmt::Debug| Some(format!("{value:?}"));
    section.value(
        "match.key",
        &old.key,
        key,
        |key| debug(key),
        |_, _| Access::Unclear,
    );
    let kind = |link: &EmailLink| match link {
        EmailLink::Off => "off",
        EmailLink::Verified { .. } => "a verified address",
        EmailLink::EmailAndName { .. } => "address and names",
    };
    let excluded = |link: &EmailLink| match link {
        EmailLink::Off => BTreeSet::new(),
        EmailLink::Verified { exclude_roles } | EmailLink::EmailAndName { exclude_roles } => {
            texts(exclude_roles)
        }
    };
    section.value(
        "match.link",
        &kind(&old.link),
        &kind(link),
        text,
        |before, after| match (*before, *after) {
            ("off", _) => Access::More,
            (_, "off") => Access::Less,
            _ => Access::Unclear,
        },
    );
    let (before, after) = (excluded(&old.link), excluded(link));
    section.set("match.link.exclude_roles", &before, &after, Access::Less);
    section.value(
        "match.on_inactive",
        &old.on_inactive,
        on_inactive,
        |on| debug(on),
        |before, after| match (before, after) {
            (OnInactive::Deny, _) => Access::More,
            (_, OnInactive::Deny) => Access::Less,
            _ => Access::Unclear,
        },
    );
    section.value(
        "match.on_email_change",
        &old.on_email_change,
        on_email_change,
        |on| debug(on),
        |_, _| Access::Unclear,
    );
    section.flag(
        "match.shares_email",
        old.shares_email,
        *shares_email,
        Access::More,
    );
    section.flag(
        "match.syncs_names",
        old.syncs_names,
        *syncs_names,
        Access::Same,
    );
}

fn how_it_creates(old: &Creation, new: &Creation, section: &mut Section<'_>) {
    let Creation {
        mode,
        require_group,
        seats,
        default_roles,
        accepts_unverified_email,
        on_confusable,
        account_id,
        permission_profile_id,
        requires_invitation,
    } = new;
    section.flag(
        "create.require_invitation",
        old.requires_invitation,
        *requires_invitation,
        Access::Less,
    );
    let rank = |mode: &CreationMode| match mode {
        CreationMode::Deny => 0,
        CreationMode::Approve => 1,
        CreationMode::Allow => 2,
    };
    section.value(
        "create.mode",
        &old.mode,
        mode,
        |mode| text(&mode.name()),
        |a, b| more_if(rank(a) < rank(b)),
    );
    let group = &old.require_group;
    section.value(
        "create.require_group",
        group,
        require_group,
        some(text),
        |a, b| match (a, b) {
            (Some(_), Some(_)) => Access::Unclear,
            (_, after) => more_if(after.is_none()),
        },
    );
    section.value("create.seats", &old.seats, seats, some(text), |a, b| {
        wider(a, b)
    });
    let roles = texts(&old.default_roles);
    section.set(
        "create.default_roles",
        &roles,
        &texts(default_roles),
        Access::More,
    );
    let unverified = old.accepts_unverified_email;
    let field = "create.accepts_unverified_email";
    section.flag(field, unverified, *accepts_unverified_email, Access::More);
    let write = |on: &_| Some(format!("{on:?}"));
    section.value(
        "create.on_confusable",
        &old.on_confusable,
        on_confusable,
        write,
        |_, after| more_if(*after == crate::connection::OnConfusable::Flag),
    );
    let unclear = |_: &_, _: &_| Access::Unclear;
    section.value(
        "create.account_id",
        &old.account_id,
        account_id,
        some(text),
        unclear,
    );
    let (before, after) = (&old.permission_profile_id, permission_profile_id);
    section.value(
        "create.permission_profile_id",
        before,
        after,
        some(text),
        unclear,
    );
}

fn names(old: &AttributeNames, new: &AttributeNames, section: &mut Section<'_>) {
    let by_name = |names: &AttributeNames| -> BTreeMap<String, String> {
        let names = names.iter().map(|(short, source)| {
            let AttributeSource {
                names,
                decode,
                scoped,
            } = source;
            let mut said = names.join(", ");
            if *decode != crate::decoder::Decoder::values() {
                said.push_str(&format!(", decoded as {decode:?}"));
            }
            if *scoped {
                said.push_str(", scoped");
            }
            (short.to_owned(), said)
        });
        names.collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    for (short, before, after) in pairs(&before, &after) {
        let field = format!("attribute_names.{short}");
        let write = |said: &Option<&String>| said.cloned();
        section.value(field, &before, &after, write, |_, _| Access::Unclear);
    }
}

fn group_source(old: &GroupSource, new: &GroupSource, section: &mut Section<'_>) {
    let GroupSource {
        names,
        decode,
        most,
        fetch,
    } = new;
    let debug = |value: &dyn std::fmt::Debug| Some(format!("{value:?}"));
    section.set(
        "groups.names",
        &texts(&old.names),
        &texts(names),
        Access::Unclear,
    );
    section.value(
        "groups.decode",
        &old.decode,
        decode,
        some(|d| debug(d)),
        |_, _| Access::Unclear,
    );
    // With fewer, more people's groups count as cut, so that nothing is taken from them.
    section.value("groups.most", &old.most, most, some(text), |_, _| {
        Access::Unclear
    });
    section.value(
        "groups.fetch",
        &old.fetch,
        fetch,
        |fetch| text(&fetch.name()),
        |_, _| Access::Unclear,
    );
}

pub(super) fn compare_attributes(old: &Attributes, new: &Attributes, all: &mut Vec<Difference>) {
    let Attributes { fields, groups } = new;
    for (field, before, after) in pairs(&old.fields, fields) {
        let mut section = Section::new(all, "attribute", Some(field.name().to_owned()));
        let (before, after) = (
            before.copied().unwrap_or_default(),
            after.copied().unwrap_or_default(),
        );
        let AttributeRule { sync, absent } = after;
        section.value(
            "sync",
            &before.sync,
            &sync,
            some(|sync: &crate::attribute::SyncMode| text(&sync.name())),
            |_, _| Access::Same,
        );
        absence(before.absent, absent, &mut section);
    }
    let mut section = Section::new(all, "attribute", Some("groups".to_owned()));
    absence(old.groups, *groups, &mut section);
}

fn absence(
    before: crate::attribute::AbsenceMode,
    after: crate::attribute::AbsenceMode,
    section: &mut Section<'_>,
) {
    use crate::attribute::AbsenceMode as Mode;
    section.value(
        "absent",
        &before,
        &after,
        |mode| text(&mode.name()),
        |a, b| match (a, b) {
            (Mode::Deny, _) => Access::More,
            (_, Mode::Deny) => Access::Less,
            _ => Access::Unclear,
        },
    );
}
