//! From the host's row to an account and back.
//!
//! The host's columns are the truth about the person's address and name, and about whether the
//! account may be used; what the host has no column for is only ours. When another program of the
//! host changes a row, a trigger marks it, and [`catch_up`] brings the account after it, with a
//! new version: whoever has decided by the old one conflicts.

use countersign::provision::normalize;
use countersign::provision::store::UserWrite;
use countersign::provision::user::{User, UserState};
use countersign::{TenantId, Timestamp, UserId};
use rusqlite::{Connection, Row, params};

use crate::failure::Failure;
use crate::sql::{all, body, exists, first, run, text};

/// What the host's programs show of somebody who told us no name: the column has to have one.
const NO_NAME: &str = "(no name)";

/// A new user's language, of which we know nothing.
const LOCALE: &str = "en";

pub(crate) fn account(
    db: &Connection,
    tenant: &TenantId,
    id: &UserId,
) -> Result<Option<User>, Failure> {
    let sql = "SELECT account FROM cs_accounts WHERE tenant = ?1 AND id = ?2";
    first(db, sql, (tenant.as_str(), id.as_str()), body)
}

/// Writes accounts, and gives the ids of those.
pub(crate) fn write<'a>(
    db: &Connection,
    tenant: &TenantId,
    writes: &'a [UserWrite],
) -> Result<Vec<&'a UserId>, Failure> {
    // Whoever is expected to have a version is expected to have it before the change.
    for write in writes {
        if let UserWrite::Expect { user, version } = write {
            expect(db, tenant, user, *version)?;
        }
    }
    let mut written = Vec::new();
    for write in writes {
        let user = match write {
            UserWrite::Create(user) => {
                create(db, user)?;
                user
            }
            UserWrite::Update {
                user,
                expected_version,
            } => {
                update(db, user, *expected_version)?;
                user
            }
            UserWrite::Expect { .. } => continue,
            _ => return Err(Failure::Unknown),
        };
        if written.contains(&&user.id) {
            return Err(Failure::Conflict("the account is written twice"));
        }
        written.push(&user.id);
    }
    Ok(written)
}

fn expect(db: &Connection, tenant: &TenantId, id: &UserId, version: u64) -> Result<User, Failure> {
    let found = account(db, tenant, id)?.filter(|user| user.version == version);
    found.ok_or(Failure::Conflict("the account has another version"))
}

fn create(db: &Connection, user: &User) -> Result<(), Failure> {
    let insert =
        "INSERT INTO users (company, email_address, email_checked, display_name, is_active,
             created_on, removed_on, locale) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    run(
        db,
        insert,
        params![
            user.tenant.as_str(),
            user.email.as_ref().map(|email| email.as_str()),
            user.email_verified_locally,
            user.display_name.as_deref().unwrap_or(NO_NAME),
            user.state.is_in_use(),
            day(user.created_at),
            removed_on(user),
            LOCALE,
        ],
    )?;
    let user_no = db.last_insert_rowid();
    // The trigger has made our row. If the id is taken, its unique key says so.
    keep(db, user_no, user, 1)
}

fn update(db: &Connection, user: &User, expected_version: u64) -> Result<(), Failure> {
    let before = expect(db, &user.tenant, &user.id, expected_version)?;
    let user_no = user_no(db, &user.tenant, &user.id)?;
    // The day on which somebody was removed stays.
    let sql = "UPDATE users SET is_active = ?2, email_checked = ?3,
             removed_on = iif(?4 IS NULL, NULL, coalesce(removed_on, ?4)) WHERE user_no = ?1";
    let (is_active, checked) = (user.state.is_in_use(), user.email_verified_locally);
    run(db, sql, (user_no, is_active, checked, removed_on(user)))?;
    // An address or a name that is the same stays as it was typed.
    if user.email != before.email {
        let sql = "UPDATE users SET email_address = ?2 WHERE user_no = ?1";
        let email = user.email.as_ref().map(|email| email.as_str());
        run(db, sql, (user_no, email))?;
    }
    if user.display_name != before.display_name {
        let sql = "UPDATE users SET display_name = ?2 WHERE user_no = ?1";
        let name = user.display_name.as_deref().unwrap_or(NO_NAME);
        run(db, sql, (user_no, name))?;
    }
    keep(db, user_no, user, expected_version.saturating_add(1))
}

/// An account whose grants, sessions or consents were touched is another one to whoever decided
/// by it.
pub(crate) fn touch(db: &Connection, tenant: &TenantId, id: &UserId) -> Result<(), Failure> {
    let sql = "UPDATE cs_accounts
             SET account = json_set(account, '$.version', json_extract(account, '$.version') + 1)
             WHERE tenant = ?1 AND id = ?2";
    run(db, sql, (tenant.as_str(), id.as_str())).map(drop)
}

/// Writes our row, which knows the host's row as it is now.
fn keep(db: &Connection, user_no: i64, user: &User, version: u64) -> Result<(), Failure> {
    let account = serde_json::to_string(&User {
        version,
        ..user.clone()
    })?;
    let sql = "UPDATE cs_accounts SET id = ?2, account = ?3, host_changed_at = NULL
             WHERE user_no = ?1";
    run(db, sql, (user_no, user.id.as_str(), account)).map(drop)
}

pub(crate) fn user_no(db: &Connection, tenant: &TenantId, id: &UserId) -> Result<i64, Failure> {
    let sql = "SELECT user_no FROM cs_accounts WHERE tenant = ?1 AND id = ?2";
    let found = first(db, sql, (tenant.as_str(), id.as_str()), |row| {
        Ok(row.get(0)?)
    })?;
    found.ok_or(Failure::Conflict("there is no such account"))
}

/// The day in the way of the host's columns.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take_while(|c| *c != 'T').collect()
}

fn removed_on(user: &User) -> Option<String> {
    let is_removed = matches!(user.state, UserState::Deprovisioned | UserState::Erased);
    is_removed.then(|| day(user.state_since))
}

/// A row that the host has changed, and the account as we knew it; none of a user that is new to
/// us.
struct Behind {
    user_no: i64,
    tenant: TenantId,
    id: UserId,
    changed_at: Timestamp,
    known: Option<User>,
    email_address: Option<String>,
    email_checked: bool,
    display_name: String,
    is_active: bool,
    created_on: String,
    is_removed: bool,
}

const BEHIND: &str = "SELECT account, user_no, tenant, id, host_changed_at, email_address,
        email_checked, display_name, is_active, created_on, removed_on IS NOT NULL
    FROM cs_accounts JOIN users USING (user_no) WHERE host_changed_at IS NOT NULL";

pub(crate) fn are_behind(db: &Connection) -> Result<bool, Failure> {
    exists(
        db,
        "SELECT 1 FROM cs_accounts WHERE host_changed_at IS NOT NULL",
        [],
    )
}

/// Brings every account after what the host did by itself.
pub(crate) fn catch_up(db: &Connection) -> Result<(), Failure> {
    for behind in all(db, BEHIND, [], Behind::read)? {
        let user = behind.account();
        keep(db, behind.user_no, &user, user.version)?;
    }
    Ok(())
}

impl Behind {
    fn read(row: &Row<'_>) -> Result<Self, Failure> {
        let is_known = row
            .get_ref(0)?
            .as_str_or_null()
            .is_ok_and(|text| text.is_some());
        Ok(Self {
            known: is_known.then(|| body(row)).transpose()?,
            user_no: row.get(1)?,
            tenant: text(row, 2)?,
            id: text(row, 3)?,
            changed_at: Timestamp::from_unix_millis(row.get(4)?),
            email_address: row.get(5)?,
            email_checked: row.get(6)?,
            display_name: row.get(7)?,
            is_active: row.get(8)?,
            created_on: row.get(9)?,
            is_removed: row.get(10)?,
        })
    }

    /// The account that the host's row tells of.
    fn account(&self) -> User {
        let mut user = self.known.clone().unwrap_or_else(|| self.stranger());
        let state = self.state(user.state);
        if state != user.state {
            user.state = state;
            user.state_since = self.changed_at;
            // The host did it, and no record tells of it.
            user.state_entry = None;
        }
        let address = self.email_address.as_deref();
        user.email = address.and_then(|address| normalize::email(address).ok());
        user.email_verified_locally = self.email_checked && user.email.is_some();
        if self.display_name != NO_NAME {
            user.display_name = Some(self.display_name.clone());
        }
        user.version = user.version.saturating_add(1);
        user
    }

    fn state(&self, known: UserState) -> UserState {
        match (known, self.is_removed, self.is_active) {
            // Nothing brings back what was erased.
            (UserState::Erased, ..) => UserState::Erased,
            (_, true, _) => UserState::Deprovisioned,
            (known, false, true) if known.is_in_use() => known,
            (_, false, true) => UserState::Active,
            (
                known @ (UserState::Invited | UserState::PendingApproval | UserState::Suspended),
                ..,
            ) => known,
            _ => UserState::Suspended,
        }
    }

    /// Somebody whom the host has added by itself.
    fn stranger(&self) -> User {
        let created_at = format!("{}T00:00:00Z", self.created_on).parse();
        User {
            id: self.id.clone(),
            tenant: self.tenant.clone(),
            state: UserState::Active,
            state_since: self.changed_at,
            state_entry: None,
            hold: None,
            email: None,
            email_verified_locally: false,
            given_name: None,
            family_name: None,
            display_name: None,
            account_id: None,
            permission_profile_id: None,
            created_at: created_at.unwrap_or(self.changed_at),
            last_sign_in_at: None,
            entry: None,
            version: 0,
        }
    }
}
