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

-- The ledger. ---------------------------------------------------------------------------------

-- Entries that were added by one statement have one number, drawn for it, which says nothing about
-- their places in the tree; there are gaps, where a transaction was rolled back. What an entry rests
-- on was committed before the entry was made, so it has a smaller number, or it comes before it in
-- the same statement.
CREATE SEQUENCE countersign.additions;

-- Every entry.
CREATE TABLE countersign.entries (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    leaf bytea NOT NULL UNIQUE CHECK (octet_length(leaf) = 32),
    number bigint NOT NULL DEFAULT currval('countersign.additions'),
    bytes bytea NOT NULL
);

-- Which of them are no leaves yet, in the order in which they were added: a row for each statement.
-- It comes and goes with triggers, and in no other way.
CREATE TABLE countersign.outbox (
    number bigint NOT NULL PRIMARY KEY,
    ids text[] COLLATE "C" NOT NULL CHECK (cardinality(ids) > 0)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 10000);

CREATE TRIGGER outbox_empties_itself BEFORE INSERT OR UPDATE OR DELETE ON countersign.outbox
    WHEN (pg_trigger_depth() < 1)
    EXECUTE FUNCTION countersign.refuse('the outbox is filled and emptied by triggers alone');

CREATE TRIGGER outbox_stays BEFORE TRUNCATE ON countersign.outbox
    EXECUTE FUNCTION countersign.refuse('the outbox is filled and emptied by triggers alone');

CREATE FUNCTION countersign.entries_are_numbered() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('countersign.additions');
    RETURN NULL;
END
$$;

CREATE TRIGGER entries_are_numbered BEFORE INSERT ON countersign.entries
    FOR EACH STATEMENT EXECUTE FUNCTION countersign.entries_are_numbered();

CREATE FUNCTION countersign.entries_wait() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO countersign.outbox (number, ids)
        SELECT number, array_agg(id) FROM added GROUP BY number;
    RETURN NULL;
END
$$;

CREATE TRIGGER entries_wait AFTER INSERT ON countersign.entries
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION countersign.entries_wait();

CREATE TRIGGER entries_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.entries
    EXECUTE FUNCTION countersign.refuse('entries are never changed or deleted');

-- The leaves of the tree: in a row those that were added by one statement, from a position on. Only
-- the integrator gives positions, from what is committed when it looks.
CREATE TABLE countersign.leaves (
    position bigint NOT NULL PRIMARY KEY CHECK (position >= 0),
    number bigint NOT NULL,
    -- Those of entries, each once, because they have to be taken from the outbox, where triggers put
    -- entries alone.
    ids text[] COLLATE "C" NOT NULL CHECK (cardinality(ids) > 0)
);

-- More than one row of a number only where an integration ended within it.
CREATE INDEX leaves_by_number ON countersign.leaves (number);

CREATE FUNCTION countersign.leaves_follow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    first bigint;
    follows boolean;
    count bigint;
    taken bigint;
    begun bigint;
BEGIN
    SELECT min(added.position), count(*) INTO first, count FROM added;
    IF count = 0 THEN
        RETURN NULL;
    END IF;
    SELECT bool_and(run.position = coalesce(run.before, (
            SELECT coalesce(max(leaves.position + cardinality(leaves.ids)), 0) FROM (
                SELECT position, ids FROM countersign.leaves WHERE leaves.position < first
                    ORDER BY leaves.position DESC LIMIT 1
            ) AS leaves
        ))) INTO follows
        FROM (
            SELECT added.position,
                lag(added.position + cardinality(added.ids)) OVER (ORDER BY added.position) AS before
            FROM added
        ) AS run;
    IF NOT follows OR EXISTS (
        SELECT FROM countersign.leaves WHERE leaves.position > first
            AND leaves.position NOT IN (SELECT added.position FROM added)
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS002', MESSAGE = 'leaves are added at the end';
    END IF;
    DELETE FROM countersign.outbox USING added
        WHERE outbox.number = added.number AND outbox.ids = added.ids;
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF taken < count THEN
        UPDATE countersign.outbox SET ids = outbox.ids[cardinality(added.ids) + 1:] FROM added
            WHERE outbox.number = added.number
                AND cardinality(outbox.ids) > cardinality(added.ids)
                AND outbox.ids[:cardinality(added.ids)] = added.ids;
        GET DIAGNOSTICS begun = ROW_COUNT;
        PERFORM countersign.require(taken + begun = count,
            'the entries are not the first of the outbox');
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER leaves_follow AFTER INSERT ON countersign.leaves
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION countersign.leaves_follow();

CREATE TRIGGER leaves_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.leaves
    EXECUTE FUNCTION countersign.refuse('leaves are never changed or deleted');

-- What entries leave out: personal values and raw bytes, in the clear or encrypted with a vault
-- key. A table of its own, because they are erased while the entry stays for ever: those of one
-- owner together, an account or a walk that no account is known of.
CREATE TABLE countersign.private (
    id text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES countersign.entries (id),
    tenant text COLLATE "C" NOT NULL,
    owner text NOT NULL CHECK (countersign.is_vault_owner(owner)),
    owner_id text COLLATE "C" NOT NULL,
    filed_at bigint NOT NULL,
    key_id text COLLATE "C",
    bytes bytea NOT NULL
)
-- A verified assertion, compressed, stays in its row: pieces elsewhere would be three rows more.
WITH (toast_tuple_target = 6000);

CREATE INDEX private_by_owner ON countersign.private (tenant, owner, owner_id, filed_at);

-- What private parts are encrypted with, wrapped by the host's key.
CREATE TABLE countersign.vault_keys (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    owner text NOT NULL CHECK (countersign.is_vault_owner(owner)),
    owner_id text COLLATE "C" NOT NULL,
    made_at bigint NOT NULL,
    wrapped_by text COLLATE "C" NOT NULL,
    wrapped bytea NOT NULL
);

CREATE INDEX vault_keys_by_owner ON countersign.vault_keys (tenant, owner, owner_id, made_at);

CREATE INDEX vault_keys_by_wrapping_key ON countersign.vault_keys (wrapped_by, id);

-- Has rows from an erasure until nothing of what it erased is left in any table's file: not before
-- everybody who may still read what was there, by an older snapshot, is done.
CREATE TABLE countersign.to_scrub (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    erased_in xid8 NOT NULL DEFAULT pg_current_xact_id()
);

-- `ANALYZE` keeps samples of a column's values, which would outlive an erasure. Not of these:
-- whoever looks for one of them has an index.
ALTER TABLE countersign.users
    ALTER COLUMN email SET STATISTICS 0,
    ALTER COLUMN given_name SET STATISTICS 0,
    ALTER COLUMN family_name SET STATISTICS 0,
    ALTER COLUMN display_name SET STATISTICS 0,
    ALTER COLUMN account_id SET STATISTICS 0,
    ALTER COLUMN permission_profile_id SET STATISTICS 0,
    ALTER COLUMN last_sign_in_at SET STATISTICS 0;
ALTER TABLE countersign.links
    ALTER COLUMN subject SET STATISTICS 0;
ALTER TABLE countersign.sessions
    ALTER COLUMN authn_context SET STATISTICS 0,
    ALTER COLUMN authn_instant SET STATISTICS 0,
    ALTER COLUMN session_index SET STATISTICS 0;
ALTER TABLE countersign.private
    ALTER COLUMN bytes SET STATISTICS 0;
ALTER TABLE countersign.vault_keys
    ALTER COLUMN wrapped SET STATISTICS 0;

-- Assertions are compressed by the faster of the two methods, where the server was built with it.
DO $$
BEGIN
    ALTER TABLE countersign.private ALTER COLUMN bytes SET COMPRESSION lz4;
EXCEPTION
    WHEN feature_not_supported OR invalid_parameter_value THEN NULL;
END
$$;

-- The size of the tree, and the fencing epoch: whoever becomes the integrator takes the next one,
-- and who has an older one writes nothing more.
CREATE TABLE countersign.tree (
    only_row smallint NOT NULL PRIMARY KEY CHECK (only_row = 0),
    size bigint NOT NULL CHECK (size >= 0),
    epoch bigint NOT NULL CHECK (epoch >= 0)
) WITH (fillfactor = 50);

INSERT INTO countersign.tree (only_row, size, epoch) VALUES (0, 0, 0);

CREATE TRIGGER tree_never_shrinks BEFORE UPDATE ON countersign.tree
    FOR EACH ROW WHEN (NEW.size < OLD.size OR NEW.epoch < OLD.epoch)
    EXECUTE FUNCTION countersign.refuse('the tree never shrinks');

CREATE TRIGGER tree_stays BEFORE DELETE OR TRUNCATE ON countersign.tree
    EXECUTE FUNCTION countersign.refuse('the tree is never deleted');

-- Nodes of the tree: a row holds the hashes of some that follow each other in one tier, which is
-- eight levels, in the order in which they become complete.
CREATE TABLE countersign.nodes (
    tier smallint NOT NULL CHECK (tier BETWEEN 0 AND 7),
    first bigint NOT NULL CHECK (first >= 0),
    hashes bytea NOT NULL CHECK (octet_length(hashes) > 0 AND octet_length(hashes) % 32 = 0),
    PRIMARY KEY (tier, first)
);

CREATE FUNCTION countersign.nodes_are_written_once() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    -- One after the other: two that do not see each other's might overlap.
    PERFORM FROM countersign.tree FOR UPDATE;
    IF EXISTS (
        SELECT FROM added CROSS JOIN LATERAL (
            SELECT n.first + octet_length(n.hashes) / 32 AS beyond FROM countersign.nodes AS n
                WHERE n.tier = added.tier AND n.first < added.first
                ORDER BY n.first DESC LIMIT 1
        ) AS before WHERE before.beyond > added.first
    ) OR EXISTS (
        SELECT FROM added JOIN countersign.nodes AS n ON n.tier = added.tier
            AND n.first > added.first
            AND n.first < added.first + octet_length(added.hashes) / 32
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS002', MESSAGE = 'nodes are written once';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER nodes_are_written_once AFTER INSERT ON countersign.nodes
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION countersign.nodes_are_written_once();

CREATE TRIGGER nodes_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.nodes
    EXECUTE FUNCTION countersign.refuse('nodes are never changed or deleted');

CREATE TABLE countersign.checkpoint (
    only_row smallint NOT NULL PRIMARY KEY CHECK (only_row = 0),
    size bigint NOT NULL CHECK (size >= 0),
    note bytea NOT NULL
) WITH (fillfactor = 50);

CREATE TRIGGER checkpoint_never_goes_back BEFORE UPDATE ON countersign.checkpoint
    FOR EACH ROW WHEN (NEW.size < OLD.size)
    EXECUTE FUNCTION countersign.refuse('the checkpoint never goes back');

CREATE TRIGGER checkpoint_stays BEFORE DELETE OR TRUNCATE ON countersign.checkpoint
    EXECUTE FUNCTION countersign.refuse('the checkpoint is never deleted');

-- Checkpoints that a time-stamp was taken of: a note, and the tokens about it.
CREATE TABLE countersign.anchors (
    size bigint NOT NULL PRIMARY KEY CHECK (size >= 0),
    note bytea NOT NULL
);

CREATE TRIGGER anchors_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.anchors
    EXECUTE FUNCTION countersign.refuse('anchors are never changed or deleted');

-- The oldest token of an anchor is number 0; each later one renews those before it.
CREATE TABLE countersign.anchor_tokens (
    size bigint NOT NULL REFERENCES countersign.anchors (size),
    number integer NOT NULL CHECK (number >= 0),
    token bytea NOT NULL,
    PRIMARY KEY (size, number)
);

CREATE TRIGGER anchor_tokens_never_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.anchor_tokens
    EXECUTE FUNCTION countersign.refuse('time-stamps are never changed or deleted');

-- The last entry by which the ledger's key was replaced.
CREATE TABLE countersign.rotation (
    only_row smallint NOT NULL PRIMARY KEY CHECK (only_row = 0),
    leaf bytea NOT NULL REFERENCES countersign.entries (leaf)
);

CREATE TRIGGER rotation_stays BEFORE DELETE OR TRUNCATE ON countersign.rotation
    EXECUTE FUNCTION countersign.refuse('the rotation is never deleted');

-- The key that the ledger's owner says it signs with, for people who inspect the database.
CREATE TABLE countersign.ledger_key (
    only_row smallint NOT NULL PRIMARY KEY CHECK (only_row = 0),
    vkey text NOT NULL
);

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

INSERT INTO countersign.migrations (number) VALUES (1);
