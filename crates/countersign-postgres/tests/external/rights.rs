//! What the application's role, and even the owner, can not do.

use countersign_audit::VaultStore;
use countersign_core::{CorrelationId, StoreErrorKind, VaultOwner};
use countersign_postgres::tokio_postgres;
use countersign_provision::store::{Change, UserStore, UserWrite};
use countersign_provision::user::UserState;
use countersign_testkit::postgres_cluster::run_sql;

use crate::common::{Postgres, database, first_sign_in, ledger, tenant, user_id};

/// What nobody may change, with a column of it.
const KEPT: [(&str, &str); 6] = [
    ("entries", "bytes"),
    ("leaves", "position"),
    ("nodes", "hashes"),
    ("anchors", "note"),
    ("anchor_tokens", "token"),
    ("outbox", "number"),
];

/// Statements that take something back.
fn forbidden() -> Vec<String> {
    let mut all = Vec::new();
    for (table, column) in KEPT {
        all.push(format!(
            "UPDATE countersign.{table} SET {column} = {column}"
        ));
        all.push(format!("DELETE FROM countersign.{table}"));
        all.push(format!("TRUNCATE countersign.{table} CASCADE"));
    }
    for table in ["tree", "checkpoint", "rotation"] {
        all.push(format!("DELETE FROM countersign.{table}"));
        all.push(format!("TRUNCATE countersign.{table}"));
    }
    all.extend(
        [
            "UPDATE countersign.tree SET size = size - 1",
            "UPDATE countersign.tree SET epoch = epoch - 1",
            "UPDATE countersign.checkpoint SET size = size - 1",
            // An entry that gives itself a number.
            "INSERT INTO countersign.entries (id, leaf, number, bytes)
                 VALUES ('numbered', sha256('numbered'), 1, '')",
            // A leaf beyond the end, and one that is there already.
            "INSERT INTO countersign.leaves (position, number, ids)
                 SELECT 7, number, ids FROM countersign.outbox",
            "INSERT INTO countersign.leaves (position, number, ids)
                 SELECT 1, number, ids FROM countersign.leaves",
            // One twice, and one that is none of the outbox.
            "INSERT INTO countersign.leaves (position, number, ids)
                 SELECT 1, number, ids || ids FROM countersign.outbox",
            "INSERT INTO countersign.leaves (position, number, ids)
                 SELECT n, number, ids FROM countersign.outbox, generate_series(1, 2) AS n",
            "INSERT INTO countersign.leaves (position, number, ids)
                 SELECT 1, number, ARRAY['another'] FROM countersign.outbox",
            // Nodes in the place of those that are there, and over their beginning.
            "INSERT INTO countersign.nodes SELECT tier, first, hashes FROM countersign.nodes",
            "INSERT INTO countersign.nodes VALUES (1, 0, sha256('one') || sha256('two')),
                 (1, 1, sha256('other'))",
            "INSERT INTO countersign.nodes VALUES (1, 1, sha256('one')),
                 (1, 0, sha256('other') || sha256('two'))",
        ]
        .map(str::to_owned),
    );
    all
}

/// Statements that get around what is forbidden, or would if the application had more rights.
const AROUND: [&str; 20] = [
    "SET session_replication_role = replica",
    "ALTER TABLE countersign.entries DISABLE TRIGGER entries_never_change",
    "DROP TRIGGER entries_never_change ON countersign.entries",
    "CREATE TRIGGER t BEFORE INSERT ON countersign.entries
         EXECUTE FUNCTION countersign.refuse('it is mine')",
    "CREATE RULE r AS ON INSERT TO countersign.entries DO INSTEAD NOTHING",
    "CREATE POLICY p ON countersign.entries USING (false)",
    "CREATE OR REPLACE FUNCTION countersign.refuse() RETURNS trigger LANGUAGE plpgsql
         AS 'BEGIN RETURN NULL; END'",
    "ALTER FUNCTION countersign.require(boolean, text, text) OWNER TO CURRENT_USER",
    "ALTER TABLE countersign.entries OWNER TO CURRENT_USER",
    "ALTER TABLE countersign.entries RENAME TO others",
    "CREATE TABLE countersign.others ()",
    "DROP SCHEMA countersign CASCADE",
    "SELECT setval('countersign.additions', 1)",
    "INSERT INTO countersign.entries (number, id, leaf, bytes)
         VALUES (-1, 'i', sha256('first'), 'first')",
    "INSERT INTO countersign.entries (id, leaf, bytes)
         SELECT id, leaf, bytes FROM countersign.entries LIMIT 1
         ON CONFLICT (leaf) DO UPDATE SET bytes = 'other'",
    "SELECT FROM countersign.entries FOR UPDATE",
    "DO $$ BEGIN LOCK TABLE countersign.entries IN ACCESS EXCLUSIVE MODE; END $$",
    "INSERT INTO countersign.outbox (number, ids) VALUES (99, '{i}')",
    "INSERT INTO countersign.seats (tenant, part, taken) VALUES ('acme', 31, -5)",
    "UPDATE countersign.seats SET taken = 0",
];

async fn refusals(postgres: &Postgres, url: &str) -> Vec<(String, Option<String>)> {
    let connecting = tokio_postgres::connect(url, tokio_postgres::NoTls);
    let (client, connection) = connecting.await.unwrap();
    tokio::spawn(connection);
    let store = postgres.node().await;
    for user in ["ana", "ben"] {
        store.commit(&first_sign_in(user)).await.unwrap();
        if user == "ana" {
            ledger(std::sync::Arc::new(store.clone()))
                .await
                .advance()
                .await
                .unwrap();
        }
    }
    // So that each statement has a row to change.
    postgres.sql(
        "INSERT INTO countersign.anchors VALUES (1, 'note');
         INSERT INTO countersign.anchor_tokens VALUES (1, 0, 'token');
         INSERT INTO countersign.rotation SELECT 0, leaf FROM countersign.entries LIMIT 1;
         UPDATE countersign.tree SET epoch = epoch + 1",
    );
    let mut outcomes = Vec::new();
    for statement in forbidden() {
        let outcome = client.batch_execute(&statement).await;
        let code = outcome.err().map(|error| {
            let code = error.code().map(|code| code.code().to_owned());
            code.unwrap_or_default()
        });
        outcomes.push((statement, code));
    }
    outcomes
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn the_applications_role_takes_nothing_back() {
    let postgres = Postgres::new();
    let url = postgres.application_url();
    for (statement, code) in postgres.run(refusals(&postgres, &url)) {
        // No right to it, or a trigger, or a key.
        let code = code.unwrap_or_else(|| panic!("`{statement}` was carried out"));
        assert!(
            ["42501", "CS001", "CS002", "23505"].contains(&code.as_str()),
            "`{statement}`: {code}"
        );
        let is_plain = statement.starts_with("DELETE") || statement.starts_with("TRUNCATE");
        assert!(!is_plain || code == "42501", "`{statement}`: {code}");
    }
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn the_applications_role_gets_around_nothing() {
    let postgres = Postgres::new();
    let url = postgres.application_url();
    postgres.run(async {
        let application = database(&url).open().await.unwrap();
        application.commit(&first_sign_in("ana")).await.unwrap();
        let connecting = tokio_postgres::connect(&url, tokio_postgres::NoTls);
        let (client, connection) = connecting.await.unwrap();
        tokio::spawn(connection);
        for statement in AROUND {
            let outcome = client.batch_execute(statement).await;
            let error = outcome.expect_err(statement);
            let code = error.code().map(|code| code.code().to_owned());
            assert_eq!(code.as_deref(), Some("42501"), "`{statement}`: {error}");
        }
    });
}

/// Tables and functions of the application's that are named like what our functions use.
#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn nobody_runs_or_reads_what_the_application_puts_in_the_place_of_ours() {
    let postgres = Postgres::new();
    let url = postgres.application_url();
    // As databases are that were made before PostgreSQL 15.
    postgres.sql("GRANT CREATE ON SCHEMA public TO PUBLIC");
    postgres.run(async {
        let connecting = tokio_postgres::connect(&url, tokio_postgres::NoTls);
        let (client, connection) = connecting.await.unwrap();
        tokio::spawn(connection);
        let planted = "CREATE TABLE public.ran (what text);
            GRANT INSERT ON public.ran TO PUBLIC;
            CREATE FUNCTION public.hashtextextended(text, integer) RETURNS bigint LANGUAGE sql AS
                'INSERT INTO public.ran VALUES (''hashtextextended''); SELECT 1::bigint';
            CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS
                'INSERT INTO public.ran VALUES (''unnest''); SELECT pg_catalog.unnest($1)';
            CREATE FUNCTION public.cardinality(text[]) RETURNS integer LANGUAGE sql AS
                'INSERT INTO public.ran VALUES (''cardinality''); SELECT pg_catalog.cardinality($1)'";
        client.batch_execute(planted).await.unwrap();
        // With the owner's rights, which the application's user would like to have.
        let owner = postgres.node().await;
        owner.commit(&first_sign_in("ana")).await.unwrap();
        let ledger = ledger(std::sync::Arc::new(owner.clone())).await;
        ledger.advance().await.unwrap();
        let mut change = Change::new(tenant());
        let walk = CorrelationId::new("walk").unwrap();
        change.erase.push(VaultOwner::Walk(tenant(), walk));
        owner.commit(&change).await.unwrap();
        owner.scrub().await.unwrap();
        let ran = client.query("SELECT what FROM public.ran", &[]).await;
        assert_eq!(ran.unwrap().len(), 0);

        // A trigger that has the owner's rights reads what was added, and no table of that name.
        let shadows = "CREATE TEMP TABLE added (number bigint, id text, position bigint, ids text[]);
            CREATE TEMP TABLE outbox (number bigint, ids text[]);
            CREATE TEMP TABLE leaves (position bigint, number bigint, ids text[]);
            INSERT INTO countersign.entries (id, leaf, bytes)
                VALUES ('an id', sha256('an entry'), 'an entry')";
        client.batch_execute(shadows).await.unwrap();
        let waits = client.query_one("SELECT count(*) FROM countersign.outbox", &[]);
        assert_eq!(waits.await.unwrap().get::<_, i64>(0), 1);
        let shadow = client.query_one("SELECT count(*) FROM outbox", &[]);
        assert_eq!(shadow.await.unwrap().get::<_, i64>(0), 0);
    });
}

/// `ANALYZE` keeps samples of what is in a table, which no rewriting of the table removes.
#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn the_servers_statistics_keep_nothing_of_a_person() {
    let postgres = Postgres::new();
    // Some values that all have, and some that one has.
    postgres.sql(
        "INSERT INTO countersign.users (tenant, id, state, state_since, email,
                 email_verified_locally, given_name, family_name, display_name, account_id,
                 permission_profile_id, created_at, version)
             SELECT 'acme', n, 'active', 0, 'nobody else has ' || n, false, 'nobody else has ' || n,
                 'nobody else has', 'nobody else has ' || n, 'nobody else has', 'nobody else has',
                 0, 1
             FROM generate_series(1, 200) n;
         INSERT INTO countersign.links (tenant, issuer, subject, user_id, connection, linked_at,
                 entry)
             SELECT tenant, 'idp', 'nobody else has ' || id, id, 'acme', 0, sha256(id::bytea)
             FROM countersign.users;
         INSERT INTO countersign.sessions (tenant, id, user_id, connection, door, authn_context,
                 opened_at, expires_at, session_index, correlation, entry)
             SELECT tenant, id, id, 'acme', 'saml', 'nobody else has', 0, 1,
                 'nobody else has ' || id, id, sha256(id::bytea)
             FROM countersign.users;
         INSERT INTO countersign.entries (id, leaf, bytes)
             SELECT id, sha256(id::bytea), '' FROM countersign.users;
         INSERT INTO countersign.private (id, tenant, owner, owner_id, filed_at, bytes)
             SELECT id, 'acme', 'account', id, 0, ('nobody else has ' || id)::bytea
             FROM countersign.entries;
         INSERT INTO countersign.vault_keys (id, tenant, owner, owner_id, made_at, wrapped_by,
                 wrapped)
             SELECT id, 'acme', 'account', id, 0, 'key', ('nobody else has ' || id)::bytea
             FROM countersign.entries;
         ANALYZE",
    );
    postgres.run(async {
        let client = postgres.client().await;
        let sql = "SELECT tablename || '.' || attname FROM pg_stats
            WHERE schemaname = 'countersign'
                AND (coalesce(most_common_vals::text, '') || coalesce(histogram_bounds::text, '')
                        LIKE '%nobody else has%'
                    OR coalesce(most_common_vals::text, '') || coalesce(histogram_bounds::text, '')
                        LIKE '%' || encode('nobody else has', 'hex') || '%')";
        let found = client.query(sql, &[]).await.unwrap();
        let found: Vec<String> = found.iter().map(|row| row.get(0)).collect();
        assert_eq!(found, Vec::<String>::new());
        // It does keep some of other columns.
        let sql = "SELECT count(*) FROM pg_stats WHERE schemaname = 'countersign'
            AND tablename = 'users' AND attname = 'state'";
        let kept = client.query_one(sql, &[]).await.unwrap();
        assert_eq!(kept.get::<_, i64>(0), 1);
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn not_even_the_owner_does_by_mistake() {
    let postgres = Postgres::new();
    for (statement, code) in postgres.run(refusals(&postgres, &postgres.url)) {
        let code = code.unwrap_or_else(|| panic!("`{statement}` was carried out"));
        assert!(
            ["CS001", "CS002", "23505", "0A000"].contains(&code.as_str()),
            "`{statement}`: {code}"
        );
    }
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn a_user_without_the_role_reads_nothing() {
    let postgres = Postgres::new();
    postgres.sql("CREATE ROLE somebody_else LOGIN");
    let url = postgres.url.replace("user=postgres", "user=somebody_else");
    postgres.run(async {
        database(&url).open().await.unwrap_err();
    });
    postgres.sql("DROP ROLE somebody_else");
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn what_was_erased_leaves_the_tables_files() {
    let postgres = Postgres::new();
    let url = postgres.application_url();
    postgres.run(async {
        let application = database(&url).open().await.unwrap();
        let mut change = first_sign_in("ana");
        if let UserWrite::Create(user) = &mut change.users[0] {
            user.display_name = Some("a name that nobody else has".to_owned());
        }
        application.commit(&change).await.unwrap();
        let found = application.user(&tenant(), &user_id("ana")).await.unwrap();
        let mut user = found.unwrap().user;
        user.display_name = None;
        user.state = UserState::Erased;
        let mut change = Change::new(tenant());
        change.users.push(UserWrite::Update {
            user,
            expected_version: 1,
        });
        change
            .erase
            .push(VaultOwner::Account(tenant(), user_id("ana")));
        application.commit(&change).await.unwrap();
        let is_in_files = || async {
            // What pages hold beside their rows, as somebody with the disk would read it.
            run_sql(&postgres.url, "CHECKPOINT");
            let client = postgres.client().await;
            let sql = "SELECT position('a name that nobody else has'::bytea IN
                 pg_read_binary_file(pg_relation_filepath('countersign.users'))) > 0";
            client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0)
        };
        assert!(is_in_files().await);
        // Before PostgreSQL 17 only the owner can.
        let version = postgres.client().await;
        let version = version.query_one("SHOW server_version_num", &[]).await;
        let version: i32 = version.unwrap().get::<_, &str>(0).parse().unwrap();
        let by_application = application.scrub().await;
        assert_eq!(by_application.is_ok(), version >= 170_000);
        // A reader of what was before holds it back, and it says so.
        let owner = postgres.node().await;
        let reader = postgres.client().await;
        let read = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM countersign.spent";
        reader.batch_execute(read).await.unwrap();
        owner.commit(&first_sign_in("ben")).await.unwrap();
        let mut change = Change::new(tenant());
        let walk = CorrelationId::new("walk").unwrap();
        change.erase.push(VaultOwner::Walk(tenant(), walk));
        owner.commit(&change).await.unwrap();
        let held_back = owner.scrub().await.unwrap_err();
        assert_eq!(held_back.kind(), StoreErrorKind::Unavailable);
        reader.batch_execute("COMMIT").await.unwrap();
        owner.scrub().await.unwrap();
        assert!(!is_in_files().await);
        // Nothing is left to do, for whomever.
        application.scrub().await.unwrap();
    });
}
