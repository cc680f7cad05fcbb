-- Everything is in the schema `countersign`, beside the host's own tables. Instants are
-- milliseconds since the Unix epoch. Hashes are 32 bytes. Texts compare and sort byte for byte
-- (collation "C"), because identifiers do.

CREATE SCHEMA countersign;

-- The files of this folder that were applied, each once and in order.
CREATE TABLE countersign.migrations (
    number integer NOT NULL PRIMARY KEY CHECK (number > 0),
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- What every change is made of. ---------------------------------------------------------------
--
-- Functions are in PL/pgSQL, whose sessions keep their plans. One in SQL that can not be inlined is
-- parsed and planned in each statement that calls it, be it by an index or a generated column.

-- Ends the transaction unless what was expected holds: CS001 means read again and decide again,
-- CS002 that it is never allowed, CS003 that somebody else does it. Whoever overlooks the error can
-- not commit a half of a change, because PostgreSQL refuses everything more in such a transaction.
CREATE FUNCTION countersign.require(holds boolean, otherwise text, code text DEFAULT 'CS001')
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF holds IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = code, MESSAGE = otherwise;
    END IF;
END
$$;

-- The trigger of what is never changed.
CREATE FUNCTION countersign.refuse() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'CS002', MESSAGE = TG_ARGV[0];
END
$$;

-- Locks that last until the end of the transaction, each by a name. They keep apart what no row
-- stands for: a seat that is free, an address that nobody has, a role's last holder. Taken in one
-- order, so that two changes do not wait for each other.
CREATE FUNCTION countersign.lock(names text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    key bigint;
BEGIN
    IF cardinality(names) = 1 THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('countersign/' || names[1], 0));
        RETURN;
    END IF;
    FOR key IN
        SELECT DISTINCT hashtextextended('countersign/' || name, 0) FROM unnest(names) AS name
            ORDER BY 1
    LOOP
        PERFORM pg_advisory_xact_lock(key);
    END LOOP;
END
$$;

-- The same, for any number of holders at once.
CREATE FUNCTION countersign.lock_shared(name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('countersign/' || name, 0));
END
$$;

-- What an index holds of texts that together may be longer than its rows, which have room for some
-- 2,700 bytes: a hash over them, with their lengths before them, so that no two lists of texts run
-- into one. Whoever asks by it compares the texts, too.
CREATE FUNCTION countersign.key_of(one text, two text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN sha256(convert_to(octet_length(one) || ',' || octet_length(two) || ':' || one || two,
        'UTF8'));
END
$$;

CREATE FUNCTION countersign.key_of(one text, two text, three text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN sha256(convert_to(octet_length(one) || ',' || octet_length(two) || ','
        || octet_length(three) || ':' || one || two || three, 'UTF8'));
END
$$;

-- Accounts. -----------------------------------------------------------------------------------

-- What a row has to be is checked by one function. A server reads a table's checks anew, from the
-- form that they are stored in, in each statement that writes to it; several, or a list of words,
-- cost more there than the row.

CREATE FUNCTION countersign.is_user(
    state text, state_entry bytea, hold bytea, entry bytea, version bigint
) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN state IN ('invited', 'active', 'stale', 'pending_approval', 'suspended',
            'deprovisioned', 'erased')
        AND octet_length(state_entry) = 32 IS NOT FALSE AND octet_length(hold) = 32 IS NOT FALSE
        AND octet_length(entry) = 32 IS NOT FALSE AND version > 0;
END
$$;

CREATE FUNCTION countersign.is_grant(
    owner text, owner_connection text, policy_hash bytea, entry bytea
) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE WHEN owner_connection IS NULL
            THEN owner IN ('manual', 'temporary', 'scim', 'barred')
            ELSE owner IN ('jit', 'default') END
        AND octet_length(policy_hash) = 32 AND octet_length(entry) = 32;
END
$$;

CREATE FUNCTION countersign.is_session(door text, entry bytea) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN door IN ('saml', 'email') AND octet_length(entry) = 32;
END
$$;

CREATE FUNCTION countersign.is_vault_owner(owner text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN owner IN ('account', 'walk');
END
$$;

CREATE TABLE countersign.users (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    state text NOT NULL,
    state_since bigint NOT NULL,
    state_entry bytea,
    hold bytea,
    email text COLLATE "C",
    email_verified_locally boolean NOT NULL,
    given_name text,
    family_name text,
    display_name text,
    account_id text,
    permission_profile_id text,
    created_at bigint NOT NULL,
    last_sign_in_at bigint,
    entry bytea,
    version bigint NOT NULL,
    CHECK (countersign.is_user(state, state_entry, hold, entry, version)),
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 80);

CREATE INDEX users_by_email ON countersign.users (tenant, email) WHERE email IS NOT NULL;

-- How many accounts of a tenant take a seat: counted as they change, because counting them at
-- each sign-in would cost more with every account. In parts, the sum of which is the number: a row
-- is held by a change until the disk has its commit, so each takes one that nobody holds, and there
-- are about as many as there ever were changes at once. Nobody waits for anybody here.
CREATE TABLE countersign.seats (
    tenant text COLLATE "C" NOT NULL,
    -- Drawn, from so many that no two changes at once draw the same.
    part bigint NOT NULL,
    taken bigint NOT NULL,
    PRIMARY KEY (tenant, part)
)
-- A page is held for a moment by each who writes to it or reads in it, so there are few rows to one.
WITH (fillfactor = 10);

CREATE FUNCTION countersign.takes_a_seat(state text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT state NOT IN ('deprovisioned', 'erased');
$$;

CREATE FUNCTION countersign.count_seats() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    of_tenant constant text := coalesce(NEW.tenant, OLD.tenant);
    change bigint := 0;
    free bigint;
BEGIN
    IF TG_OP <> 'DELETE' AND countersign.takes_a_seat(NEW.state) THEN
        change := change + 1;
    END IF;
    IF TG_OP <> 'INSERT' AND countersign.takes_a_seat(OLD.state) THEN
        change := change - 1;
    END IF;
    IF change = 0 THEN
        RETURN NULL;
    END IF;
    -- The part that this session took last is free as a rule.
    UPDATE countersign.seats SET taken = taken + change
        WHERE tenant = of_tenant AND part = (
            SELECT part FROM countersign.seats
                WHERE tenant = of_tenant
                    AND part = nullif(current_setting('countersign.part', true), '')::bigint
                FOR UPDATE SKIP LOCKED
        );
    IF FOUND THEN
        RETURN NULL;
    END IF;
    SELECT part INTO free FROM countersign.seats WHERE tenant = of_tenant
        ORDER BY part LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        UPDATE countersign.seats SET taken = taken + change
            WHERE tenant = of_tenant AND part = free;
        PERFORM set_config('countersign.part', free::text, false);
    ELSE
        INSERT INTO countersign.seats AS seats (tenant, part, taken)
            VALUES (of_tenant, floor(random() * 9007199254740992)::bigint, change)
            ON CONFLICT (tenant, part) DO UPDATE SET taken = seats.taken + change;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER users_count AFTER INSERT OR DELETE OR UPDATE OF state ON countersign.users
    FOR EACH ROW EXECUTE FUNCTION countersign.count_seats();

CREATE FUNCTION countersign.seats_taken(of_tenant text) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(sum(taken), 0)::bigint FROM countersign.seats
        WHERE tenant = of_tenant);
END
$$;

-- Sees to it that no more seats are taken at once than there are. Far from the cap, any number of
-- changes pass together: each of them takes at most eight seats, and there are at most
-- `max_connections` that have looked and not committed. Near it they come one after the other.
-- Gives what is taken before the change.
CREATE FUNCTION countersign.lock_seats(of_tenant text, cap bigint, wanted bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    name constant text := 'seats' || chr(10) || of_tenant;
    -- What those who have looked and not committed may take.
    margin constant bigint := 8 * (current_setting('max_connections')::bigint + 1);
    is_near boolean := false;
    seated bigint;
BEGIN
    IF wanted > 0 THEN
        is_near := wanted > 8 OR countersign.seats_taken(of_tenant) + margin > cap;
        IF is_near THEN
            PERFORM countersign.lock(ARRAY[name]);
        ELSE
            PERFORM countersign.lock_shared(name);
        END IF;
    END IF;
    -- Each statement sees what is committed by now.
    seated := countersign.seats_taken(of_tenant);
    IF wanted > 0 AND NOT is_near THEN
        -- Whoever waited starts again.
        PERFORM countersign.require(seated + margin <= cap, 'seats were taken meanwhile');
    END IF;
    RETURN seated;
END
$$;

-- Whether the account is not erased; nobody erases it before the change is committed.
CREATE FUNCTION countersign.check_owner(of_tenant text, of_id text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM countersign.require(coalesce((
        SELECT u.state <> 'erased' FROM countersign.users AS u
            WHERE u.tenant = of_tenant COLLATE "C" AND u.id = of_id COLLATE "C"
            FOR SHARE
    ), true), 'the account is erased');
END
$$;

-- The primary key is the promise that one subject has one account.
CREATE TABLE countersign.links (
    tenant text COLLATE "C" NOT NULL,
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    connection text COLLATE "C" NOT NULL,
    linked_at bigint NOT NULL,
    entry bytea NOT NULL CHECK (octet_length(entry) = 32),
    key bytea NOT NULL PRIMARY KEY
        GENERATED ALWAYS AS (countersign.key_of(tenant, issuer, subject)) STORED,
    FOREIGN KEY (tenant, user_id) REFERENCES countersign.users (tenant, id)
);

CREATE INDEX links_by_user ON countersign.links (tenant, user_id);

CREATE TABLE countersign.grants (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    owner text NOT NULL,
    owner_connection text COLLATE "C",
    rule text COLLATE "C",
    policy_hash bytea NOT NULL,
    first_given_at bigint NOT NULL,
    granted_at bigint NOT NULL,
    expires_at bigint,
    -- Patterns of document types; empty for all that the role allows.
    scope text[] NOT NULL,
    entry bytea NOT NULL,
    CHECK (countersign.is_grant(owner, owner_connection, policy_hash, entry)),
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user_id) REFERENCES countersign.users (tenant, id)
);

CREATE INDEX grants_by_user ON countersign.grants (tenant, user_id);

-- Whether a role has a holder left.
CREATE INDEX grants_by_role
    ON countersign.grants (hashtextextended(role, hashtextextended(tenant, 0)), user_id);

-- The first two accounts that are in use and have a live grant of a role.
CREATE FUNCTION countersign.holders(of_tenant text, of_role text, at bigint) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT DISTINCT grants.user_id FROM countersign.grants
            JOIN countersign.users ON users.tenant = grants.tenant AND users.id = grants.user_id
            WHERE hashtextextended(grants.role, hashtextextended(grants.tenant, 0))
                    = hashtextextended(of_role COLLATE "C",
                        hashtextextended(of_tenant COLLATE "C", 0))
                AND grants.tenant = of_tenant AND grants.role = of_role
                AND coalesce(grants.expires_at > at, true)
                AND users.state IN ('active', 'stale')
            ORDER BY grants.user_id LIMIT 2
    );
END
$$;

-- Consents to electronic records that were not withdrawn.
CREATE TABLE countersign.consents (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    -- Patterns of document types.
    scope text[] NOT NULL,
    disclosure_sha256 bytea NOT NULL CHECK (octet_length(disclosure_sha256) = 32),
    disclosure_version text NOT NULL,
    given_at bigint NOT NULL,
    entry bytea NOT NULL CHECK (octet_length(entry) = 32),
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user_id) REFERENCES countersign.users (tenant, id)
);

CREATE INDEX consents_by_user ON countersign.consents (tenant, user_id);

CREATE TABLE countersign.sessions (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    connection text COLLATE "C" NOT NULL,
    door text NOT NULL,
    authn_context text,
    authn_instant bigint,
    opened_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    session_index text COLLATE "C",
    correlation text COLLATE "C" NOT NULL,
    entry bytea NOT NULL,
    closed_at bigint,
    CHECK (countersign.is_session(door, entry)),
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user_id) REFERENCES countersign.users (tenant, id)
);

CREATE INDEX sessions_by_user ON countersign.sessions (tenant, user_id);

-- Only those that a logout can still end.
CREATE INDEX sessions_by_index
    ON countersign.sessions (hashtextextended(session_index, hashtextextended(tenant, 0)))
    WHERE closed_at IS NULL AND session_index IS NOT NULL;

-- A connection that is not here is enabled and has epoch 0.
CREATE TABLE countersign.connections (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    enabled boolean NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    PRIMARY KEY (tenant, id)
);

-- The latest `policy.changed` entry of a tenant.
CREATE TABLE countersign.policies (
    tenant text COLLATE "C" NOT NULL PRIMARY KEY,
    entry bytea NOT NULL CHECK (octet_length(entry) = 32)
);

-- One-time entries that were used up: invitations, proofs of an address. A leaf hash is one
-- entry's, whichever tenant it belongs to.
CREATE TABLE countersign.spent (
    leaf bytea NOT NULL PRIMARY KEY CHECK (octet_length(leaf) = 32),
    tenant text COLLATE "C" NOT NULL
);

-- What was accepted once. ---------------------------------------------------------------------

CREATE TABLE countersign.replay (
    issuer text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL,
    key bytea NOT NULL PRIMARY KEY GENERATED ALWAYS AS (countersign.key_of(issuer, id)) STORED
);

CREATE INDEX replay_by_expiry ON countersign.replay (expires_at);

INSERT INTO countersign.migrations (number) VALUES (1);
