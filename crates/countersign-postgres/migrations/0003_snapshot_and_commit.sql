-- What a decision reads. ------------------------------------------------------------------------
--
-- In functions that are STABLE, whose statements all see what their caller's sees.

-- An account with its grants and its links.
CREATE FUNCTION countersign.account(account countersign.users) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN json_build_object(
        'user', row_to_json(account),
        'grants', (SELECT coalesce(json_agg(row_to_json(g)), '[]'::json)
            FROM countersign.grants g
            WHERE g.tenant = account.tenant AND g.user_id = account.id),
        'links', (SELECT coalesce(json_agg(row_to_json(l) ORDER BY l.issuer, l.subject),
                '[]'::json)
            FROM countersign.links l
            WHERE l.tenant = account.tenant AND l.user_id = account.id));
END
$$;

-- Everything that a decision needs. What is not asked for is not looked up: one statement of all
-- of it would be planned anew each time, because its plan depends on that.
CREATE FUNCTION countersign.snapshot(
    of_tenant text, of_issuer text, of_subject text, of_email text, of_connection text,
    guarded_roles text[], with_seats boolean, at bigint, once_issuer text, once_id text
) RETURNS text
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    link json;
    linked_user text;
    linked json;
    by_email json;
    holders json;
    seen boolean := false;
BEGIN
    IF of_subject IS NOT NULL THEN
        SELECT row_to_json(l), l.user_id INTO link, linked_user FROM countersign.links l
            WHERE l.key = countersign.key_of(of_tenant, of_issuer, of_subject)
                AND l.tenant = of_tenant COLLATE "C" AND l.issuer = of_issuer COLLATE "C"
                AND l.subject = of_subject COLLATE "C";
        IF FOUND THEN
            SELECT countersign.account(u) INTO linked FROM countersign.users u
                WHERE u.tenant = of_tenant COLLATE "C" AND u.id = linked_user COLLATE "C";
        END IF;
    END IF;
    IF of_email IS NOT NULL THEN
        SELECT json_agg(countersign.account(u) ORDER BY u.id) INTO by_email
            FROM countersign.users u
            WHERE u.tenant = of_tenant COLLATE "C" AND u.email = of_email COLLATE "C";
    END IF;
    IF cardinality(guarded_roles) > 0 THEN
        SELECT json_object_agg(role, to_json(countersign.holders(of_tenant, role, at)))
            INTO holders FROM unnest(guarded_roles) AS role;
    END IF;
    IF once_id IS NOT NULL THEN
        seen := EXISTS (SELECT FROM countersign.replay r
            WHERE r.key = countersign.key_of(once_issuer, once_id)
                AND r.issuer = once_issuer COLLATE "C" AND r.id = once_id COLLATE "C"
                AND r.expires_at >= at);
    END IF;
    RETURN json_build_object(
        'link', link,
        'linked', linked,
        'by_email', coalesce(by_email, '[]'::json),
        'seats_taken', CASE WHEN with_seats THEN countersign.seats_taken(of_tenant) ELSE 0 END,
        'connection', (SELECT row_to_json(c) FROM countersign.connections c
            WHERE c.tenant = of_tenant COLLATE "C" AND c.id = of_connection COLLATE "C"),
        'holders', coalesce(holders, '{}'::json),
        'seen', seen);
END
$$;

-- A change. -----------------------------------------------------------------------------------

-- An entry that is added.
CREATE TYPE countersign.new_entry AS (
    id text,
    leaf bytea,
    bytes bytea
);

-- A walk, and the account that it turned out to be.
CREATE TYPE countersign.adoption AS (
    walk text,
    account text
);

-- A change, with all that it expects and writes. What it has none of is NULL.
CREATE TYPE countersign.change AS (
    tenant text,
    -- Remembered, unless it is past at `once_now`.
    once countersign.replay,
    once_now bigint,
    connection text,
    connection_lock text,
    connection_epoch bigint,
    -- Names of locks.
    locks text[],
    policy bytea,
    policy_before bytea,
    seat_cap bigint,
    kept_roles text[],
    kept_at bigint,
    -- With nothing but their ids and versions.
    expected_users countersign.users[],
    created_users countersign.users[],
    -- With the versions that they are expected to have.
    updated_users countersign.users[],
    has_unique_emails boolean,
    removed_links countersign.links[],
    links countersign.links[],
    grants countersign.grants[],
    sessions countersign.sessions[],
    consents countersign.consents[],
    -- Ids.
    removed_grants text[],
    -- With nothing but their ids and when they are closed.
    closed_sessions countersign.sessions[],
    -- Ids.
    withdrawn_consents text[],
    -- Accounts on which something hangs that is put.
    touched_users text[],
    spent bytea[],
    adopted countersign.adoption[],
    -- With nothing but their owners.
    erased countersign.vault_keys[],
    -- Accounts that something is filed for, with nothing but their ids.
    owners countersign.users[],
    -- Keys that something is encrypted with, with nothing but their ids and owners.
    keys countersign.vault_keys[],
    entries countersign.new_entry[],
    -- What they leave out.
    private countersign.private[]
);

-- Remembers a key, or says that it was seen before. Whoever comes with the same one waits here for
-- the outcome. Forgets a few that are past: more than it adds, so that the table shrinks to what is
-- still to be remembered, and few enough that no call waits for a large clean-up; none that another
-- call is about to forget.
CREATE FUNCTION countersign.remember(once countersign.replay, at bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM countersign.replay AS r USING (
        SELECT key FROM countersign.replay WHERE expires_at < at
            ORDER BY expires_at LIMIT 16 FOR UPDATE SKIP LOCKED
    ) AS past WHERE r.key = past.key;
    INSERT INTO countersign.replay AS r (issuer, id, expires_at)
        VALUES (once.issuer, once.id, once.expires_at)
        ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at
            WHERE r.expires_at < at;
    RETURN FOUND;
END
$$;

-- Makes a change, or ends the transaction. For `READ COMMITTED`, where each statement sees what is
-- committed when it begins: whatever is checked is locked first, by a row or by a name, and then
-- read. One function, so that a change is one statement, and a transaction by itself.
CREATE FUNCTION countersign.commit(change countersign.change) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    seated bigint;
    held text[];
    expected countersign.users;
    written countersign.users;
    unlinked countersign.links;
    touched text[] := coalesce(change.touched_users, '{}');
    found_rows bigint;
    adopted countersign.adoption;
    erased countersign.vault_keys;
    filed_for countersign.users;
    needed countersign.vault_keys;
BEGIN
    -- Whoever comes with the same key waits here, and holds no other lock meanwhile.
    IF change.once_now IS NOT NULL AND NOT countersign.remember(change.once, change.once_now) THEN
        PERFORM countersign.require(false, 'it was seen before');
    END IF;
    IF change.connection IS NOT NULL THEN
        -- Nobody changes it before the change is committed.
        PERFORM pg_advisory_xact_lock_shared(
            hashtextextended('countersign/' || change.connection_lock, 0));
        IF NOT coalesce((
            SELECT c.enabled AND c.epoch = change.connection_epoch FROM countersign.connections c
                WHERE c.tenant = change.tenant AND c.id = change.connection
        ), change.connection_epoch = 0) THEN
            PERFORM countersign.require(false, 'the connection has changed');
        END IF;
    END IF;
    IF change.locks IS NOT NULL THEN
        PERFORM countersign.lock(change.locks);
    END IF;
    -- Most changes have none of these: to ask for each would cost more than to ask once.
    IF num_nonnulls(change.policy, change.seat_cap, change.kept_roles, change.expected_users) > 0
    THEN
        IF change.policy IS NOT NULL THEN
            IF change.policy_before IS NULL THEN
                INSERT INTO countersign.policies (tenant, entry)
                    VALUES (change.tenant, change.policy)
                    ON CONFLICT (tenant) DO NOTHING;
            ELSE
                UPDATE countersign.policies AS p SET entry = change.policy
                    WHERE p.tenant = change.tenant AND p.entry = change.policy_before;
            END IF;
            IF NOT FOUND THEN
                PERFORM countersign.require(false, 'the policy has changed');
            END IF;
        END IF;
        IF change.seat_cap IS NOT NULL THEN
            -- Once nobody else can take the last ones.
            seated := countersign.lock_seats(change.tenant, change.seat_cap,
                coalesce(cardinality(change.created_users), 0)
                    + coalesce(cardinality(change.updated_users), 0));
        END IF;
        IF change.kept_roles IS NOT NULL THEN
            held := ARRAY(
                SELECT role FROM unnest(change.kept_roles) AS role
                    WHERE cardinality(countersign.holders(change.tenant, role, change.kept_at)) > 0
            );
        END IF;
        -- Who is expected to have a version is expected to have it before the change.
        IF change.expected_users IS NOT NULL THEN
            FOREACH expected IN ARRAY change.expected_users LOOP
                -- Nobody moves it on before the change is committed.
                PERFORM FROM countersign.users AS u
                    WHERE u.tenant = change.tenant AND u.id = expected.id
                        AND u.version = expected.version
                    FOR SHARE;
                IF NOT FOUND THEN
                    PERFORM countersign.require(false, 'the account has another version');
                END IF;
            END LOOP;
        END IF;
    END IF;

    -- Accounts.
    IF change.created_users IS NOT NULL THEN
        INSERT INTO countersign.users SELECT u.* FROM unnest(change.created_users) AS u;
    END IF;
    IF change.updated_users IS NOT NULL THEN
        FOREACH written IN ARRAY change.updated_users LOOP
            UPDATE countersign.users AS u SET state = written.state,
                    state_since = written.state_since, state_entry = written.state_entry,
                    hold = written.hold, email = written.email,
                    email_verified_locally = written.email_verified_locally,
                    given_name = written.given_name, family_name = written.family_name,
                    display_name = written.display_name, account_id = written.account_id,
                    permission_profile_id = written.permission_profile_id,
                    created_at = written.created_at, last_sign_in_at = written.last_sign_in_at,
                    entry = written.entry, version = u.version + 1
                WHERE u.tenant = written.tenant AND u.id = written.id
                    AND u.version = written.version;
            IF NOT FOUND THEN
                PERFORM countersign.require(false, 'the account has another version');
            END IF;
        END LOOP;
    END IF;
    IF seated IS NOT NULL
        AND countersign.seats_taken(change.tenant) > greatest(change.seat_cap, seated)
    THEN
        PERFORM countersign.require(false, 'every seat is taken');
    END IF;
    IF change.has_unique_emails THEN
        -- One account after the other, so that each look is the same small plan by an index.
        FOREACH written IN ARRAY coalesce(change.created_users || change.updated_users, '{}') LOOP
            IF written.email IS NOT NULL AND EXISTS (
                SELECT FROM countersign.users AS u
                    WHERE u.tenant = change.tenant AND u.email = written.email
                        AND u.id <> written.id AND countersign.takes_a_seat(u.state)
            ) THEN
                PERFORM countersign.require(false, 'the e-mail address is taken');
            END IF;
        END LOOP;
    END IF;

    -- What hangs on them.
    IF change.removed_links IS NOT NULL THEN
        FOREACH unlinked IN ARRAY change.removed_links LOOP
            DELETE FROM countersign.links AS l
                WHERE l.key = countersign.key_of(unlinked.tenant, unlinked.issuer, unlinked.subject)
                    AND l.tenant = unlinked.tenant AND l.issuer = unlinked.issuer
                    AND l.subject = unlinked.subject;
        END LOOP;
    END IF;
    IF change.links IS NOT NULL THEN
        INSERT INTO countersign.links (tenant, issuer, subject, user_id, connection, linked_at,
                entry)
            SELECT l.tenant, l.issuer, l.subject, l.user_id, l.connection, l.linked_at, l.entry
            FROM unnest(change.links) AS l;
    END IF;
    IF change.grants IS NOT NULL THEN
        INSERT INTO countersign.grants AS g SELECT put.* FROM unnest(change.grants) AS put
            ON CONFLICT (tenant, id) DO UPDATE
            SET role = excluded.role, owner = excluded.owner,
                owner_connection = excluded.owner_connection, rule = excluded.rule,
                policy_hash = excluded.policy_hash, first_given_at = excluded.first_given_at,
                granted_at = excluded.granted_at, expires_at = excluded.expires_at,
                scope = excluded.scope, entry = excluded.entry
            WHERE g.user_id = excluded.user_id;
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        IF found_rows <> cardinality(change.grants) THEN
            PERFORM countersign.require(false, 'the grant is another account''s');
        END IF;
    END IF;
    IF change.sessions IS NOT NULL THEN
        INSERT INTO countersign.sessions SELECT s.* FROM unnest(change.sessions) AS s;
    END IF;
    IF num_nonnulls(change.consents, change.removed_grants, change.closed_sessions,
        change.withdrawn_consents, change.touched_users, change.kept_roles, change.spent,
        change.adopted, change.erased) > 0
    THEN
        IF change.consents IS NOT NULL THEN
            INSERT INTO countersign.consents SELECT c.* FROM unnest(change.consents) AS c;
        END IF;
        IF change.removed_grants IS NOT NULL THEN
            WITH removed AS (
                DELETE FROM countersign.grants AS g
                    WHERE g.tenant = change.tenant AND g.id = ANY (change.removed_grants)
                    RETURNING g.user_id
            )
            SELECT touched || array_agg(removed.user_id) INTO touched FROM removed;
        END IF;
        IF change.closed_sessions IS NOT NULL THEN
            WITH closed AS (
                UPDATE countersign.sessions AS s SET closed_at = closing.closed_at
                    FROM unnest(change.closed_sessions) AS closing
                    WHERE s.tenant = change.tenant AND s.id = closing.id AND s.closed_at IS NULL
                    RETURNING s.user_id
            )
            SELECT touched || array_agg(closed.user_id) INTO touched FROM closed;
        END IF;
        IF change.withdrawn_consents IS NOT NULL THEN
            WITH withdrawn AS (
                DELETE FROM countersign.consents AS c
                    WHERE c.tenant = change.tenant AND c.id = ANY (change.withdrawn_consents)
                    RETURNING c.user_id
            )
            SELECT touched || array_agg(withdrawn.user_id), count(*) INTO touched, found_rows
                FROM withdrawn;
            IF found_rows <> cardinality(change.withdrawn_consents) THEN
                PERFORM countersign.require(false, 'there is no such consent');
            END IF;
        END IF;
        IF cardinality(touched) > 0 THEN
            -- An account on which something was touched is another one to whoever decided by it.
            UPDATE countersign.users AS u SET version = u.version + 1
                WHERE u.tenant = change.tenant AND u.id = ANY (touched)
                    AND u.id NOT IN (SELECT w.id
                        FROM unnest(change.created_users || change.updated_users) AS w);
        END IF;
        IF cardinality(held) > 0 AND EXISTS (
            SELECT FROM unnest(held) AS role
                WHERE cardinality(countersign.holders(change.tenant, role, change.kept_at)) = 0
        ) THEN
            PERFORM countersign.require(false, 'a role would lose its last holder');
        END IF;
        IF change.spent IS NOT NULL THEN
            INSERT INTO countersign.spent (leaf, tenant)
                SELECT leaf, change.tenant FROM unnest(change.spent) AS leaf;
        END IF;
        -- What was filed.
        IF change.adopted IS NOT NULL THEN
            FOREACH adopted IN ARRAY change.adopted LOOP
                PERFORM countersign.check_owner(change.tenant, adopted.account);
                UPDATE countersign.private AS p SET owner = 'account', owner_id = adopted.account
                    WHERE p.tenant = change.tenant AND p.owner = 'walk'
                        AND p.owner_id = adopted.walk;
                UPDATE countersign.vault_keys AS k
                    SET owner = 'account', owner_id = adopted.account
                    WHERE k.tenant = change.tenant AND k.owner = 'walk'
                        AND k.owner_id = adopted.walk;
            END LOOP;
        END IF;
        IF change.erased IS NOT NULL THEN
            FOREACH erased IN ARRAY change.erased LOOP
                DELETE FROM countersign.private AS p WHERE p.tenant = erased.tenant
                    AND p.owner = erased.owner AND p.owner_id = erased.owner_id;
                DELETE FROM countersign.vault_keys AS k WHERE k.tenant = erased.tenant
                    AND k.owner = erased.owner AND k.owner_id = erased.owner_id;
                IF erased.owner = 'account' THEN
                    UPDATE countersign.sessions AS s
                        SET authn_context = NULL, authn_instant = NULL, session_index = NULL
                        WHERE s.tenant = erased.tenant AND s.user_id = erased.owner_id;
                END IF;
                INSERT INTO countersign.to_scrub DEFAULT VALUES;
            END LOOP;
        END IF;
    END IF;

    -- What is filed.
    -- Nothing is filed for an account that is erased, nor is one erased while this is under way; a
    -- private part is encrypted, if at all, with a key of its owner.
    IF change.owners IS NOT NULL THEN
        FOREACH filed_for IN ARRAY change.owners LOOP
            PERFORM countersign.check_owner(filed_for.tenant, filed_for.id);
        END LOOP;
    END IF;
    IF change.keys IS NOT NULL THEN
        FOREACH needed IN ARRAY change.keys LOOP
            PERFORM FROM countersign.vault_keys AS k
                WHERE k.id = needed.id AND k.tenant = needed.tenant AND k.owner = needed.owner
                    AND k.owner_id = needed.owner_id
                FOR SHARE;
            IF NOT FOUND THEN
                PERFORM countersign.require(false, 'the owner has no such vault key');
            END IF;
        END LOOP;
    END IF;
    IF change.entries IS NOT NULL THEN
        -- They wait in the order that they are given in.
        INSERT INTO countersign.entries (id, leaf, bytes)
            SELECT e.id, e.leaf, e.bytes
            FROM unnest(change.entries) WITH ORDINALITY AS e (id, leaf, bytes, place)
            ORDER BY e.place;
    END IF;
    IF change.private IS NOT NULL THEN
        INSERT INTO countersign.private SELECT p.* FROM unnest(change.private) AS p;
    END IF;
END
$$;

INSERT INTO countersign.migrations (number) VALUES (3);
